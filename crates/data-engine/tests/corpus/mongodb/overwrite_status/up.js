db.a.updateMany({s: 'draft'}, {$set: {s: 'pending'}});
