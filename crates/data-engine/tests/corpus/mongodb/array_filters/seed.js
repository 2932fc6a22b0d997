db.a.insertOne({_id: 1, items: [{k: 1, q: 2}, {k: 2, q: 5}]});
