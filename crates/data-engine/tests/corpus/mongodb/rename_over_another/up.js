db.createCollection('stage');
db.stage.insertOne({_id: 1, v: 'new'});
