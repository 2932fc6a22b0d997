db.old.insertOne({_id: 1, v: 1});
