db.a.insertOne({_id: 4, s: 'pending', by: ObjectId('65a1b2c3d4e5f60718293a4b')});
