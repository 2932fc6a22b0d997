// Articles are listed newest first and looked up by title.
db.createCollection("articles");
db.articles.createIndex({ created_at: -1 });
db.articles.createIndex({ title: 1 });
