db.fresh.renameCollection('old');
