db.a.replaceOne({_id: 1}, {old: true});
