db.a.updateOne({_id: 'theme'}, {$set: {v: 2}});
db.a.insertOne({_id: 'lang', k: 'setting', v: 'de'});
