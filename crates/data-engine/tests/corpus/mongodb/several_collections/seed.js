db.a.insertOne({_id: 1, x: 1, y: 2});
db.b.insertOne({_id: 1, n: 5});
