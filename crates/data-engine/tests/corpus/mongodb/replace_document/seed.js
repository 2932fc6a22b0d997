db.a.insertOne({_id: 1, old: true, n: NumberInt(4)});
