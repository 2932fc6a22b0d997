db.a.updateMany({'m.rev': {$exists: false}}, {$set: {'m.rev': NumberLong(1)}});
