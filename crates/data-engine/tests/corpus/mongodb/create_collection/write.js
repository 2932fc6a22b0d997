db.notes.updateOne({_id: 'seed'}, {$set: {v: 2}});
db.notes.insertOne({_id: 'mine', at: new Date(5)});
