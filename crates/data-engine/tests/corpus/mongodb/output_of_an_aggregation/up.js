db.a.updateMany({seen: {$exists: false}}, {$set: {seen: true}});
