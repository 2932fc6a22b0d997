db.a.insertMany([{_id: 1, first: 'A', last: 'B'}, {_id: 2, first: 'C', last: 'D'}]);
