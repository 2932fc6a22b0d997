db.a.dropIndex('by_e');
db.a.dropIndex({f: 1});
db.a.dropIndex('g_-1');
