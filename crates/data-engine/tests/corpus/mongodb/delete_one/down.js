db.a.deleteOne({_id: 3});
