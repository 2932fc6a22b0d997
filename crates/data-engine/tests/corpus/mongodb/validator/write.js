db.a.insertOne({_id: 2, n: 2});
