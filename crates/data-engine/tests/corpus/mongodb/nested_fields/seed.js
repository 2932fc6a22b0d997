db.a.insertMany([{_id: 1, m: {a: 1}}, {_id: 2}]);
