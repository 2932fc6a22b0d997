db.a.updateOne({_id: 1}, {$push: {items: {k: 3, q: 99}}});
