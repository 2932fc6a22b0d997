db.a.bulkWrite([{updateOne: {filter: {_id: 1}, update: {$set: {m: 1}}}}, {insertOne: {document: {_id: 9, m: 9}}}]);
