db.a.updateMany({z: {$exists: false}}, {$set: {z: 3}});
db.b.updateMany({}, {$mul: {n: 2}});
db.createCollection('c');
