db.sums.insertOne({_id: 'y', n: 44});
