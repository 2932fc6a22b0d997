db.a.insertMany([{_id: 1, k: 'user'}]);
