db.a.insertOne({_id: 'x', v: 1});
