db.notes.drop();
