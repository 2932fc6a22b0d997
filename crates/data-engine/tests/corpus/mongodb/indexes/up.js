db.a.createIndex({e: 1}, {unique: true, name: 'by_e'});
db.a.createIndexes([{f: 1}, {g: -1}]);
