db.a.find({half: {$exists: true}}).sort({_id: 1}).toArray().forEach(d => db.a.updateOne({_id: d._id}, {$unset: {half: ''}}));
