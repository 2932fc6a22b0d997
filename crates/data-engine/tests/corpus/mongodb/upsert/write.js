db.a.updateOne({_id: 'config'}, {$set: {limit: 50}});
