db.a.insertMany([{_id: 1, s: 'draft'}, {_id: 2, s: 'live'}, {_id: 3, s: null}]);
