// Articles written by earlier releases become version 1 and published.
db.articles.updateMany({ "metadata.version": { $exists: false } }, { $set: { "metadata.version": 1 } });
db.articles.updateMany({ "metadata.draft": { $exists: false } }, { $set: { "metadata.draft": false } });
db.articles.createIndex({ "metadata.version": 1 });
