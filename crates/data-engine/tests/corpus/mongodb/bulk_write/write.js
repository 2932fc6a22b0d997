db.a.updateOne({_id: 9}, {$set: {m: 10}});
