db.a.insertMany([{_id: 1, n: 3}, {_id: 2, n: 1}]);
