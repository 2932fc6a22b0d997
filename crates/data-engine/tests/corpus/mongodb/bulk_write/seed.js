db.a.insertMany([{_id: 1, n: 1}, {_id: 2, n: 2}]);
