db.createCollection('a', {validator: {n: {$exists: true}}, validationLevel: 'strict', validationAction: 'error'});
db.a.insertOne({_id: 1, n: 1});
