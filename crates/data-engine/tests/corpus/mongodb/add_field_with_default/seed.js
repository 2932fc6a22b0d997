db.a.insertMany([{_id: 1, t: 'x'}, {_id: 2, t: 'y'}]);
