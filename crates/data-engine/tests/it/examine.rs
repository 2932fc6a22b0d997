//! What is told of scripts before they run.

use data_engine::examine;
use domain::environment::Engine;

use crate::support::example;

#[test]
fn the_example_scripts_are_understood_and_none_is_refused() {
    for (store, name, extension) in [
        ("mariadb", "20250103001_create_roles_permissions", "sql"),
        ("mariadb", "20250105001_add_cache_table", "sql"),
        ("mariadb", "20250108001_add_audit_log", "sql"),
        ("mariadb", "20250110001_add_2fa_columns", "sql"),
        ("mongodb", "20250105001_create_indexes", "js"),
        ("mongodb", "20250107001_add_category_tree", "js"),
        ("mongodb", "20250109001_create_media_collection", "js"),
        ("mongodb", "20250110001_add_article_metadata", "js"),
    ] {
        let engine = if store == "mariadb" { Engine::MariaDb } else { Engine::MongoDb };
        let scripts = example(store, name, extension);
        let (up, down) = (examine(engine, &scripts.up), examine(engine, scripts.down.as_deref().unwrap()));
        assert!(up.predictable && down.predictable, "{name}");
        assert!(up.refusals.is_empty() && down.refusals.is_empty(), "{name}: {up:?} {down:?}");
        assert!(up.unknown.is_empty() && down.unknown.is_empty(), "{name}");
        assert!(up.destroys.is_empty(), "{name}: {up:?}");
        assert_eq!(down.destroys, down.preserves, "{name}");
        assert!(!down.preserves.is_empty(), "{name}");
    }
}

#[test]
fn what_a_sql_script_destroys_is_named_and_what_cannot_be_kept_is_refused() {
    let facts = examine(
        Engine::MariaDb,
        "ALTER TABLE users DROP COLUMN a, DROP COLUMN b;\nDROP TABLE x, y;\nUPDATE users SET c = 1;\nDROP DATABASE d;\nKILL 5;",
    );
    assert_eq!(facts.preserves, ["column users.a", "column users.b", "table x", "table y", "rows of users"]);
    assert_eq!(facts.destroys.len(), 6);
    assert_eq!(facts.refusals.len(), 1);
    assert_eq!(facts.refusals[0].position, "4:1");
    assert_eq!(facts.unknown, ["5:1"]);
}

#[test]
fn changing_what_the_script_itself_made_destroys_nothing() {
    let facts = examine(
        Engine::MariaDb,
        "CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1); UPDATE t SET id = 2; DELETE FROM t;
         ALTER TABLE old ADD COLUMN c INT; ALTER TABLE old MODIFY c BIGINT NOT NULL;
         UPDATE old SET old.c = 5 WHERE c IS NULL;
         DELETE FROM schema_migrations WHERE version = '1'",
    );
    assert!(facts.refusals.is_empty() && facts.destroys.is_empty(), "{facts:?}");
}

#[test]
fn what_a_mongodb_script_destroys_is_named_and_what_cannot_be_kept_is_refused() {
    let facts = examine(
        Engine::MongoDb,
        "db.a.updateMany({}, {$unset: {'x.y': ''}});
         db.a.drop();
         db.a.updateMany({x: {$exists: false}}, {$set: {x: 1}});
         db.a.updateMany({}, {$set: {x: 1}});
         db.a.deleteMany({});
         db.a.dropIndex('x_1');
         db.b.renameCollection('c', true);
         db.b.aggregate([{$out: 'd'}]);
         db.migrations.deleteOne({version: '1'});
         db.b.aggregate([{$merge: {into: 'd'}}]);
         db.dropDatabase();",
    );
    assert_eq!(
        facts.preserves,
        ["field a.x.y", "collection a", "documents of a", "index a.x_1", "collection c", "collection d"]
    );
    let positions: Vec<_> = facts.refusals.iter().map(|refusal| refusal.position.split(':').next().unwrap()).collect();
    assert_eq!(positions, ["10", "11"]);
    assert!(facts.predictable);
    assert!(!examine(Engine::MongoDb, "db.a.find().forEach(d => db.b.insertOne(d))").predictable);
}
