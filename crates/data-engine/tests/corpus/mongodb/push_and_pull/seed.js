db.a.insertMany([{_id: 1, tags: ['x']}, {_id: 2, tags: []}]);
