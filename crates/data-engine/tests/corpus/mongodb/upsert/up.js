db.a.updateOne({_id: 'config'}, {$set: {limit: 5}}, {upsert: true});
