db.a.updateMany({}, {$pull: {tags: 'new'}});
