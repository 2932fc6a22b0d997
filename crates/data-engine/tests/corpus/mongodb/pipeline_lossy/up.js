db.a.updateMany({name: {$exists: false}}, [{$set: {name: {$concat: ['$first', ' ', '$last']}}}, {$unset: ['first', 'last']}]);
