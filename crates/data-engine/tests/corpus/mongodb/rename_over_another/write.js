db.live.insertOne({_id: 2, v: 'mine'});
