db.categories.dropIndex("path_1");
db.categories.drop();
