db.a.aggregate([{$group: {_id: '$g', n: {$sum: '$n'}}}, {$out: 'sums'}]);
db.a.updateMany({}, {$unset: {seen: ''}});
