db.createCollection('notes');
db.notes.createIndex({at: 1});
db.notes.insertOne({_id: 'seed', v: 1});
