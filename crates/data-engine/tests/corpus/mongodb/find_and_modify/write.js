db.a.updateOne({_id: 2}, {$set: {first: 'yes'}});
