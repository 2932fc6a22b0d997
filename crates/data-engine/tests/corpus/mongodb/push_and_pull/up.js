db.a.updateMany({}, {$push: {tags: 'new'}});
