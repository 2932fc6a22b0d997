db.a.replaceOne({_id: 1}, {version: 2});
