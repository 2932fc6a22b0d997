db.stage.renameCollection('live', true);
