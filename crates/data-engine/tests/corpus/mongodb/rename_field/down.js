db.a.updateMany({}, {$rename: {title: 'name'}});
