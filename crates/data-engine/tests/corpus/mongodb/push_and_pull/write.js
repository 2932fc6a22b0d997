db.a.updateOne({_id: 2}, {$push: {tags: 'mine'}});
