db.fresh.insertOne({_id: 2, v: 2});
