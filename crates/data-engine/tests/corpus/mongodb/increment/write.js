db.a.updateOne({_id: 1}, {$inc: {n: 100}});
