db.a.updateMany({s: 'pending'}, {$set: {s: 'draft'}});
