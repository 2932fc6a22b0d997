db.old.renameCollection('fresh');
