db.a.updateOne({_id: 1}, {$set: {z: {deep: [1, 2]}}});
db.c.insertOne({_id: 'c1'});
