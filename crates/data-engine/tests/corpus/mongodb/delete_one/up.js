db.a.insertOne({_id: 3, n: 3});
