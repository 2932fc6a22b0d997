db.a.insertMany([{_id: 1, g: 'x', n: 1}, {_id: 2, g: 'x', n: 2}]);
db.sums.insertOne({_id: 'x', n: 0, note: 'by hand'});
