// The collection came with its indexes, and goes with them.
db.articles.dropIndex("title_1");
db.articles.dropIndex("created_at_-1");
db.articles.drop();
