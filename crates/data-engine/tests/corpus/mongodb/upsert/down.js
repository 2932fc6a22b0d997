db.a.deleteOne({_id: 'config'});
