db.a.updateMany({}, [{$set: {first: '$name', last: ''}}, {$unset: 'name'}]);
