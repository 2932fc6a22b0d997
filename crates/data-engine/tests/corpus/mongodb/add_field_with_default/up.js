db.a.updateMany({views: {$exists: false}}, {$set: {views: 0}});
