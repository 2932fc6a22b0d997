db.a.updateOne({_id: 1}, {$set: {title: 'A2'}});
db.a.insertOne({_id: 3, title: 'C'});
