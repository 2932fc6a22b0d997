db.a.updateOne({_id: 2}, {$set: {name: 'Someone Else'}});
