db.a.insertMany([{_id: 1, name: 'A'}, {_id: 2, name: 'B', title: 'kept'}]);
