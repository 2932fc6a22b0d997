db.a.updateOne({_id: 1}, {$set: {title: 'written'}});
