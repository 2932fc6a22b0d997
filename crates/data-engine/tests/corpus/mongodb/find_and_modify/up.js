db.a.findOneAndUpdate({}, {$set: {first: true}}, {sort: {n: 1}});
