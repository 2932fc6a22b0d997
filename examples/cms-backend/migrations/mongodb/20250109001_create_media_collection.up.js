// Files that articles show; the same content is kept once.
db.createCollection("media");
db.media.createIndex({ sha256: 1 }, { unique: true });
db.media.createIndex({ article_id: 1 });
