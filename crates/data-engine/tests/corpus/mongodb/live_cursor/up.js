db.a.find().sort({_id: 1}).forEach(d => { db.a.updateOne({_id: d._id}, {$set: {half: d.n / 2}}); });
