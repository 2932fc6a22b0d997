db.media.dropIndex("article_id_1");
db.media.dropIndex("sha256_1");
db.media.drop();
