db.a.insertOne({_id: 'theme', k: 'setting', v: 1});
