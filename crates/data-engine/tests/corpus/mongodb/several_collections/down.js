db.a.updateMany({}, {$unset: {z: ''}});
db.b.updateMany({}, {$mul: {n: 0.5}});
db.c.drop();
