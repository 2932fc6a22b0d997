//! Rehearsals on scratch databases of real servers.

use data_engine::{Rehearsal, Scripts};
use domain::ids::RehearsalId;
use domain::ledger::Direction;
use domain::rehearsal::{Phase, StatementClass, StoreRehearsal, Verdict};
use tokio_util::sync::CancellationToken;

use crate::support::mariadb::Base;
use crate::support::{mongodb, scripts};

fn rehearsal(sample: u32) -> Rehearsal {
    Rehearsal { id: RehearsalId::generate(), attempt: 1, sample, stop: CancellationToken::new() }
}

async fn try_on(base: &Base, migrations: &[Scripts], applied: bool) -> StoreRehearsal {
    let before = base.jobs.engine.fingerprint().await.unwrap();
    let told = base.jobs.engine.rehearse(&rehearsal(10), migrations, applied).await;
    assert_eq!(base.jobs.engine.fingerprint().await.unwrap(), before, "the real database is not touched");
    told
}

/// The scratch databases that a rehearsal could have left.
async fn databases_of(base: &Base, rehearsal: &Rehearsal) -> Vec<String> {
    let id = rehearsal.id.0.simple().to_string();
    base.rows(&format!("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE '%{}%'", &id[..29]))
        .await
}

async fn shop() -> Base {
    let base = Base::new();
    for sql in [
        "CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(40) NOT NULL, age INT)",
        "CREATE TABLE orders (id INT PRIMARY KEY, user_id INT, CONSTRAINT orders_user FOREIGN KEY (user_id) REFERENCES users (id))",
        "CREATE FUNCTION twice(n INT) RETURNS INT DETERMINISTIC RETURN 2 * n",
        "CREATE VIEW a_view AS SELECT * FROM b_view",
    ] {
        // The view that the other one asks has a name behind it.
        if sql.contains("a_view") {
            base.execute("CREATE VIEW b_view AS SELECT id, twice(age) AS age FROM users").await;
        }
        base.execute(sql).await;
    }
    base.execute("CREATE TRIGGER named BEFORE INSERT ON users FOR EACH ROW SET NEW.name = TRIM(NEW.name)").await;
    base.execute("INSERT INTO users SELECT seq, CONCAT('user ', seq), seq FROM seq_1_to_50").await;
    base.execute("INSERT INTO orders SELECT seq, seq FROM seq_1_to_50").await;
    base
}

#[tokio::test]
async fn a_migration_that_comes_back_passes_and_the_server_tells_how_much_each_statement_has_to_do() {
    let base = shop().await;
    let migrations = [
        scripts(
            "001",
            "ALTER TABLE users ADD COLUMN mail VARCHAR(80); UPDATE users SET mail = name;",
            "ALTER TABLE users DROP COLUMN mail; DELETE FROM orders WHERE id > 45;",
        ),
        scripts(
            "002",
            "ALTER TABLE users MODIFY age BIGINT; CREATE INDEX by_age ON users (age);",
            "DROP INDEX by_age ON users; ALTER TABLE users MODIFY age INT;",
        ),
    ];
    let told = try_on(&base, &migrations, false).await;
    assert_eq!(told.verdict, Verdict::Passed);
    assert_eq!(told.rows, 20, "ten of each table");
    let classes = |at: usize| -> Vec<(Direction, u32, Option<StatementClass>)> {
        told.migrations[at].statements.iter().map(|one| (one.direction, one.index, one.class)).collect()
    };
    assert_eq!(classes(0)[..2], [(Direction::Up, 0, Some(StatementClass::Instant)), (Direction::Up, 1, None)]);
    assert_eq!(classes(1)[0], (Direction::Up, 0, Some(StatementClass::Copy)));
    assert_eq!(classes(1)[1], (Direction::Up, 1, Some(StatementClass::NoCopy)));
    let modify = &told.migrations[1].statements[0];
    assert_eq!(modify.expected_ms, modify.ms * 5, "of fifty rows, ten were copied");
    assert_eq!(base.rows("SELECT COUNT(*) FROM orders").await, ["50"]);
}

#[tokio::test]
async fn a_down_that_leaves_another_schema_is_told() {
    let base = shop().await;
    let migration =
        scripts("001", "ALTER TABLE users ADD COLUMN a INT, ADD COLUMN b INT", "ALTER TABLE users DROP COLUMN a");
    let told = try_on(&base, &[migration], false).await;
    let Verdict::Failed { phase: Phase::Down, .. } = told.verdict else { panic!("{:?}", told.verdict) };
    assert_eq!(told.migrations[0].verdict, told.verdict);
}

#[tokio::test]
async fn what_fails_is_told_with_its_migration_and_those_behind_it_are_not() {
    let base = shop().await;
    let good = scripts("001", "ALTER TABLE users ADD COLUMN a INT", "ALTER TABLE users DROP COLUMN a");
    let bad = scripts("002", "ALTER TABLE users ADD COLUMN b INT", "ALTER TABLE missing DROP COLUMN b");
    let told = try_on(&base, &[good, bad], false).await;
    let Verdict::Failed { phase: Phase::Down, reason } = &told.verdict else { panic!("{:?}", told.verdict) };
    assert!(reason.to_string().contains("missing"), "{reason}");
    let versions: Vec<&str> = told.migrations.iter().map(|migration| migration.version.as_str()).collect();
    assert_eq!(versions, ["002"]);
}

#[tokio::test]
async fn migrations_that_are_applied_go_down_first() {
    let base = shop().await;
    let migration = scripts("001", "ALTER TABLE users ADD COLUMN a INT", "ALTER TABLE users DROP COLUMN a");
    base.jobs.run(Direction::Up, std::slice::from_ref(&migration)).await;
    let told = try_on(&base, std::slice::from_ref(&migration), true).await;
    assert_eq!(told.verdict, Verdict::Passed);
    let other = scripts("001", "ALTER TABLE users ADD COLUMN a BIGINT", "ALTER TABLE users DROP COLUMN a");
    let told = try_on(&base, &[other], true).await;
    let Verdict::Failed { phase: Phase::UpAgain, .. } = told.verdict else { panic!("{:?}", told.verdict) };
}

#[tokio::test]
async fn a_script_that_could_reach_beyond_is_not_tried() {
    let base = shop().await;
    let own = base.target.database().to_owned();
    for up in [
        format!("DELETE FROM {own}.orders"),
        "CALL anything()".to_owned(),
        format!("CREATE DATABASE {own}_beside"),
        "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SET @a = 1".to_owned(),
    ] {
        let told = try_on(&base, &[scripts("001", &up, "SELECT 1")], false).await;
        let Verdict::Skipped { .. } = told.verdict else { panic!("{up}: {:?}", told.verdict) };
    }
    base.execute(&format!("CREATE PROCEDURE reaching() DELETE FROM {own}.orders")).await;
    let told = try_on(&base, &[scripts("001", "SELECT 1", "SELECT 1")], false).await;
    let Verdict::Skipped { reason } = told.verdict else { panic!("{:?}", told.verdict) };
    assert!(reason.to_string().contains("reaching"), "{reason}");
    assert_eq!(base.rows("SELECT COUNT(*) FROM orders").await, ["50"]);
}

#[tokio::test]
async fn what_is_refused_in_earnest_is_not_run_on_the_way_to_that_answer_either() {
    let base = shop().await;
    let own = base.target.database().to_owned();
    for up in [
        format!("USE {own}; DROP TABLE orders"),
        format!("DROP DATABASE {own}"),
        format!("CREATE OR REPLACE DATABASE {own}"),
        format!("LOCK TABLES orders WRITE; DELETE FROM {own}.orders"),
    ] {
        let told = try_on(&base, &[scripts("001", &up, "SELECT 1")], false).await;
        let Verdict::Skipped { .. } = told.verdict else { panic!("{up}: {:?}", told.verdict) };
        assert_eq!(base.rows("SELECT COUNT(*) FROM orders").await, ["50"], "{up}");
    }
}

#[tokio::test]
async fn nothing_is_left_of_a_rehearsal_nor_of_an_attempt_whose_worker_died() {
    let base = shop().await;
    let mut rehearsal = rehearsal(10);
    let migration = scripts("001", "ALTER TABLE users ADD COLUMN a INT", "ALTER TABLE users DROP COLUMN a");
    {
        // Dropped as soon as it has made its database, as with the process.
        let mut trying = Box::pin(base.jobs.engine.rehearse(&rehearsal, std::slice::from_ref(&migration), false));
        loop {
            tokio::select! {
                _ = &mut trying => panic!("it was over before its database was seen"),
                found = databases_of(&base, &rehearsal) => if !found.is_empty() { break },
            }
        }
    }
    rehearsal.attempt = 2;
    let told = base.jobs.engine.rehearse(&rehearsal, &[migration], false).await;
    assert_eq!(told.verdict, Verdict::Passed);
    assert_eq!(databases_of(&base, &rehearsal).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_user_without_the_privilege_is_told_which() {
    let base = Base::new();
    base.execute("CREATE TABLE users (id INT PRIMARY KEY)").await;
    let engine = base.engine_with("ALL");
    let migration = scripts("001", "ALTER TABLE users ADD COLUMN a INT", "ALTER TABLE users DROP COLUMN a");
    let told = engine.rehearse(&rehearsal(10), &[migration], false).await;
    let Verdict::Skipped { reason } = told.verdict else { panic!("{:?}", told.verdict) };
    assert!(reason.to_string().contains("backout\\_%"), "{reason}");
}

#[tokio::test]
async fn mongodb_migrations_are_tried_on_a_copy() {
    let base = mongodb::Base::new().await;
    base.insert("articles", serde_json::json!([{ "_id": 1, "tags": ["a"] }, { "_id": 2 }])).await;
    let good = scripts(
        "001",
        "db.articles.updateMany({}, { $set: { seen: 0 } }); db.articles.createIndex({ seen: 1 });",
        "db.articles.dropIndex('seen_1'); db.articles.updateMany({}, { $unset: { seen: 1 } });",
    );
    let before = base.jobs.engine.fingerprint().await.unwrap();
    let told = base.jobs.engine.rehearse(&rehearsal(10), std::slice::from_ref(&good), false).await;
    assert_eq!(told.verdict, Verdict::Passed);
    assert_eq!(told.rows, 2);
    let bad =
        scripts("002", "db.articles.createIndex({ seen: 1 })", "db.articles.updateMany({}, { $unset: { seen: 1 } })");
    let told = base.jobs.engine.rehearse(&rehearsal(10), &[bad], false).await;
    let Verdict::Failed { phase: Phase::Down, .. } = told.verdict else { panic!("{:?}", told.verdict) };
    assert_eq!(base.jobs.engine.fingerprint().await.unwrap(), before);
}

#[tokio::test]
async fn a_mongodb_script_does_nothing_to_a_database_that_it_names() {
    let base = mongodb::Base::new().await;
    base.insert("articles", serde_json::json!([{ "_id": 1 }])).await;
    let own = base.target.database();
    for up in [
        format!("db.getSiblingDB('{own}').articles.drop()"),
        format!("db.adminCommand({{ renameCollection: '{own}.articles', to: '{own}.gone' }})"),
        format!("use {own};\ndb.articles.deleteMany({{}});"),
        // Its course depends on an answer, so that nobody has looked at its operations beforehand.
        format!("if (db.articles.countDocuments({{}}) >= 0) {{ db.getSiblingDB('{own}').articles.drop() }}"),
        format!(
            "if (db.articles.countDocuments({{}}) >= 0) {{ db.adminCommand({{ renameCollection: '{own}.articles', to: '{own}.gone' }}) }}"
        ),
    ] {
        let told = base.jobs.engine.rehearse(&rehearsal(10), &[scripts("001", &up, "print(1)")], false).await;
        assert_ne!(told.verdict, Verdict::Passed, "{up}");
        assert_eq!(base.documents("articles").await.len(), 1, "{up}");
    }
}

#[tokio::test]
async fn a_database_whose_routines_are_read_otherwise_is_not_copied() {
    let base = shop().await;
    let mut session = base.session().await;
    session.execute("SET sql_mode = 'NO_BACKSLASH_ESCAPES'").await.unwrap();
    session.execute("CREATE FUNCTION once() RETURNS INT DETERMINISTIC RETURN 1").await.unwrap();
    let told = try_on(&base, &[scripts("001", "SELECT 1", "SELECT 1")], false).await;
    let Verdict::Skipped { reason } = told.verdict else { panic!("{:?}", told.verdict) };
    assert!(reason.to_string().contains("NO_BACKSLASH_ESCAPES"), "{reason}");
}
