db.live.insertOne({_id: 1, v: 'old'});
