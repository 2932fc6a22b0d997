db.a.updateOne({_id: 1}, {$set: {half: 77}});
