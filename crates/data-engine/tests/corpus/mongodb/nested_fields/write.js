db.a.updateOne({_id: 2}, {$set: {'m.rev': NumberLong('9007199254740993'), 'm.by': 'me'}});
