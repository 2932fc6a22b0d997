db.a.bulkWrite([{updateMany: {filter: {}, update: {$unset: {m: ''}}}}, {deleteOne: {filter: {_id: 9}}}]);
