db.a.updateMany({}, {$unset: {'m.rev': '', 'm.by': ''}});
