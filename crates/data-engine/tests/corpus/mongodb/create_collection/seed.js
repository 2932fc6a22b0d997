db.a.insertOne({_id: 1});
