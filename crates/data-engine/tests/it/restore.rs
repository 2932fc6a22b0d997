//! Backups are restored beside what they are of; an interrupted attempt begins anew, and somebody else's database stays.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use data_engine::{BackupReport, Error, Restoration};

use crate::support::mariadb::{Base, server};
use crate::support::mongodb;
use testkit::unique_name;

fn of<'a>(backup: &'a BackupReport, database: &'a str, owner: &'a str) -> Restoration<'a> {
    Restoration { path: &backup.path, sha256: &backup.sha256, database, owner }
}

async fn shop() -> (Base, tempfile::TempDir, BackupReport) {
    let base = Base::new();
    base.execute("CREATE TABLE users (id INT PRIMARY KEY, name TEXT)").await;
    base.execute("CREATE TRIGGER named BEFORE INSERT ON users FOR EACH ROW SET NEW.name = TRIM(NEW.name)").await;
    base.execute("CREATE VIEW names AS SELECT name FROM users").await;
    base.execute("INSERT INTO users VALUES (1, 'a'), (2, 'b')").await;
    let folder = tempfile::tempdir().unwrap();
    let backup = base.jobs.engine.backup(folder.path(), &Arc::new(AtomicU64::new(0))).await.unwrap();
    (base, folder, backup)
}

#[tokio::test]
async fn a_restored_database_has_what_the_backup_has_and_a_repeat_finds_it_done() {
    let (base, _folder, backup) = shop().await;
    base.execute("DELETE FROM users").await;
    let into = unique_name("restored");
    let report = base.jobs.engine.restore_beside(&of(&backup, &into, "job/1")).await.unwrap();
    assert_eq!((report.tables, report.rows), (1, 2));
    assert_eq!(base.rows(&format!("SELECT name FROM `{into}`.names ORDER BY name")).await, ["a", "b"]);
    base.execute(&format!("INSERT INTO `{into}`.users VALUES (3, 'written since')")).await;
    let again = base.jobs.engine.restore_beside(&of(&backup, &into, "job/1")).await.unwrap();
    assert_eq!(again.rows, 3, "it is not made anew");
    assert_eq!(base.rows("SELECT COUNT(*) FROM users").await, ["0"], "the original is another matter");

    base.jobs.engine.drop_restored(&into, "job/1").await.unwrap();
    assert_eq!(
        base.rows(&format!("SELECT COUNT(*) FROM `{into}`.users")).await,
        ["3"],
        "it has ended, and may be in use"
    );
    server().execute(&format!("DROP DATABASE `{into}`")).unwrap();
}

#[tokio::test]
async fn an_attempt_that_was_interrupted_begins_anew_for_its_own_step_alone() {
    let (base, _folder, backup) = shop().await;
    let into = unique_name("restored");
    base.execute(&format!("CREATE DATABASE `{into}`")).await;
    base.execute(&format!("CREATE TABLE `{into}`.backout_restored AS SELECT 'job/1' AS owner, 0 AS done")).await;
    base.execute(&format!("CREATE TABLE `{into}`.users (half INT)")).await;
    let other = base.jobs.engine.restore_beside(&of(&backup, &into, "job/2")).await;
    assert!(matches!(other, Err(Error::Occupied(_))), "{other:?}");
    base.jobs.engine.drop_restored(&into, "job/2").await.unwrap();
    let report = base.jobs.engine.restore_beside(&of(&backup, &into, "job/1")).await.unwrap();
    assert_eq!(report.rows, 2);
    server().execute(&format!("DROP DATABASE `{into}`")).unwrap();
}

#[tokio::test]
async fn a_worker_that_died_before_it_could_mark_its_database_is_in_nobodys_way() {
    let (base, _folder, backup) = shop().await;
    let into = unique_name("restored");
    base.execute(&format!("CREATE DATABASE `{into}`")).await;
    let report = base.jobs.engine.restore_beside(&of(&backup, &into, "job/1")).await.unwrap();
    assert_eq!(report.rows, 2);
    server().execute(&format!("DROP DATABASE `{into}`")).unwrap();
}

#[tokio::test]
async fn somebody_elses_database_is_left_alone() {
    let (base, _folder, backup) = shop().await;
    let into = unique_name("theirs");
    base.execute(&format!("CREATE DATABASE `{into}`")).await;
    base.execute(&format!("CREATE FUNCTION `{into}`.theirs() RETURNS INT DETERMINISTIC RETURN 1")).await;
    let refused = base.jobs.engine.restore_beside(&of(&backup, &into, "job/1")).await;
    assert!(matches!(refused, Err(Error::Occupied(_))), "{refused:?}");
    base.jobs.engine.drop_restored(&into, "job/1").await.unwrap();
    server().execute(&format!("DROP DATABASE `{into}`")).unwrap();
}

#[tokio::test]
async fn documents_are_restored_beside_their_own() {
    let base = mongodb::Base::new().await;
    base.insert("articles", serde_json::json!([{ "_id": 1 }, { "_id": 2 }])).await;
    let folder = tempfile::tempdir().unwrap();
    let backup = base.jobs.engine.backup(folder.path(), &Arc::new(AtomicU64::new(0))).await.unwrap();
    let into = unique_name("restored");
    let report = base.jobs.engine.restore_beside(&of(&backup, &into, "job/1")).await.unwrap();
    assert_eq!((report.tables, report.rows), (1, 2));
    let again = base.jobs.engine.restore_beside(&of(&backup, &into, "job/1")).await.unwrap();
    assert_eq!(again, report);
    let other = base.jobs.engine.restore_beside(&of(&backup, &into, "job/2")).await;
    assert!(matches!(other, Err(Error::Occupied(_))), "{other:?}");
}

#[tokio::test]
async fn what_another_check_has_left_is_in_nobodys_way() {
    let (base, _folder, backup) = shop().await;
    let scratch = format!("backout_scratch_{}", unique_name("check"));
    base.execute(&format!("CREATE DATABASE `{scratch}`")).await;
    base.execute(&format!("CREATE TABLE `{scratch}`.backout_restored AS SELECT 'job/1' AS owner, 0 AS done")).await;
    let report = base.jobs.engine.restore_beside(&of(&backup, &scratch, "job/2")).await.unwrap();
    assert_eq!(report.rows, 2);
    base.jobs.engine.drop_restored(&scratch, "job/2").await.unwrap();
    let left = format!("SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = '{scratch}'");
    assert_eq!(base.rows(&left).await, ["0"]);
}
