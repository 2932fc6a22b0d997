db.a.insertMany([{_id: 1, e: 'x'}, {_id: 2, e: 'y'}]);
