db.a.deleteMany({k: 'setting'});
