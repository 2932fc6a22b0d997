db.a.updateMany({}, {$rename: {name: 'title'}});
