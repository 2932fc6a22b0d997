db.a.updateMany({}, {$unset: {views: ''}});
