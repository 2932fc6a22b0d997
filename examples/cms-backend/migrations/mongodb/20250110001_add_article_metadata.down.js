db.articles.updateMany({}, { $unset: { "metadata.version": "", "metadata.draft": "" } });
db.articles.dropIndex("metadata.version_1");
