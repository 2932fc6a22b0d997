db.a.updateMany({}, {$inc: {n: -10}});
