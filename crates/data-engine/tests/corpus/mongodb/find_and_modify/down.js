db.a.findOneAndUpdate({_id: 2}, {$unset: {first: ''}});
