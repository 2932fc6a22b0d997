db.a.insertOne({_id: 3, e: 'z'});
