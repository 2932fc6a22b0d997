//! Migrations on MariaDB that nobody disturbs, and those that are refused.

use std::sync::Arc;

use data_engine::DataEngine;
use domain::ledger::Direction;
use saga::ErrorKind;

use crate::support::mariadb::Base;
use crate::support::{Job, at_deaths, example, scripts};

const USERS: &str = "20250103001_create_roles_permissions";
const CACHE: &str = "20250105001_add_cache_table";
const TWO_FACTOR: &str = "20250110001_add_2fa_columns";
const SECRETS: &str = "SELECT id, name, two_factor_enabled, two_factor_secret FROM users ORDER BY id";

#[tokio::test]
async fn data_that_a_down_takes_away_comes_back_with_the_next_up() {
    let base = Base::new();
    let users = [example("mariadb", USERS, "sql"), example("mariadb", CACHE, "sql")];
    let two_factor = [example("mariadb", TWO_FACTOR, "sql")];
    base.jobs.run(Direction::Up, &users).await;
    let before = base.jobs.engine.fingerprint().await.unwrap();
    let (_, up) = base.jobs.run(Direction::Up, &two_factor).await;
    assert_eq!(up.statements, 2);
    base.execute("UPDATE users SET two_factor_enabled = 1, two_factor_secret = CONCAT('s-', id) WHERE id < 3").await;
    let secrets = base.rows(SECRETS).await;

    let (_, down) = base.jobs.run(Direction::Down, &two_factor).await;
    assert_eq!(down.rows_preserved, 6);
    assert_eq!(down.fingerprint, before);
    assert_eq!(base.jobs.engine.applied().await.unwrap(), ["20250103001", "20250105001"]);
    let objects: Vec<String> = base.jobs.journal.waiting().into_iter().map(|kept| kept.object).collect();
    assert_eq!(objects, ["column users.two_factor_secret", "column users.two_factor_enabled"]);
    base.execute("DELETE FROM users WHERE id = 2").await;

    let (_, again) = base.jobs.run(Direction::Up, &two_factor).await;
    assert_eq!(again.rows_restored, 4);
    assert_eq!(base.rows(SECRETS).await, [secrets[0].clone(), secrets[2].clone()]);
    assert_eq!(again.fingerprint, up.fingerprint);
    assert!(base.jobs.journal.waiting().is_empty());
    let ledger: Vec<_> = base.jobs.journal.ledger().into_iter().map(|(_, direction)| direction).collect();
    assert_eq!(ledger, [Direction::Up, Direction::Up, Direction::Up, Direction::Down, Direction::Up]);
}

#[tokio::test]
async fn dropped_tables_come_back_with_their_rows_in_place_of_the_seeds_of_the_script() {
    let base = Base::new();
    let migrations = [example("mariadb", USERS, "sql"), example("mariadb", CACHE, "sql")];
    base.jobs.run(Direction::Up, &migrations).await;
    base.execute("UPDATE cache_settings SET ttl_seconds = 7, updated_at = '2020-01-02 03:04:05'").await;
    base.execute("INSERT INTO users (name, email, role_id) VALUES ('Ed', 'ed@example.com', 2)").await;
    base.execute("UPDATE users SET name = 'Ada L.' WHERE id = 1").await;
    let settings = base.rows("SELECT * FROM cache_settings").await;
    let users = base.rows("SELECT * FROM users ORDER BY id").await;

    let backwards = [migrations[1].clone(), migrations[0].clone()];
    base.jobs.run(Direction::Down, &backwards).await;
    assert_eq!(base.rows("SHOW TABLES LIKE '%s'").await, ["backout_statements", "schema_migrations"]);
    let (_, up) = base.jobs.run(Direction::Up, &migrations).await;
    assert_eq!(up.rows_restored, 1 + 4 + 3 + 3 + 6);
    assert_eq!(base.rows("SELECT * FROM cache_settings").await, settings);
    assert_eq!(base.rows("SELECT * FROM users ORDER BY id").await, users);
}

#[tokio::test]
async fn what_cannot_be_put_aside_is_refused_before_anything_happens() {
    let base = Base::new();
    base.execute("CREATE TABLE nokey (a INT, b INT)").await;
    base.execute("CREATE TABLE t (id INT PRIMARY KEY, a INT)").await;
    for (down, words) in [
        ("ALTER TABLE nokey DROP COLUMN b", "no primary key"),
        ("ALTER TABLE t DROP COLUMN id", "primary key"),
        ("UPDATE nokey SET a = 1", "no primary key"),
        ("DROP TABLE t; DROP DATABASE other", "cannot be put aside yet"),
        ("START TRANSACTION; INSERT INTO t VALUES (1, 1); COMMIT", "transaction"),
        ("USE other; DROP TABLE t", "USE"),
        ("DROP TABLE missing", "its effect is there already"),
    ] {
        let migration = [scripts("1", "SELECT 1", down)];
        let cx = base.jobs.claim(crate::support::Job::new());
        let error = base.jobs.engine.migrate(&cx, Direction::Down, &migration).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Permanent, "{down}: {error}");
        assert!(error.message.to_string().contains(words), "{down}: {error}");
        assert!(error.message.to_string().contains("migration 1 (down), statement"), "{error}");
    }
    assert_eq!(base.rows("SHOW COLUMNS FROM t").await.len(), 2);
    assert_eq!(base.rows("SHOW COLUMNS FROM nokey").await.len(), 2);
}

#[tokio::test]
async fn a_table_that_others_point_at_is_not_taken_away() {
    let base = Base::new();
    base.execute("CREATE TABLE parent (id INT PRIMARY KEY)").await;
    base.execute("CREATE TABLE child (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES parent (id))").await;
    base.execute("INSERT INTO parent VALUES (1)").await;
    let migration = [scripts("1", "SELECT 1", "DROP TABLE parent")];
    let cx = base.jobs.claim(crate::support::Job::new());
    let error = base.jobs.engine.migrate(&cx, Direction::Down, &migration).await.unwrap_err();
    assert!(error.message.to_string().contains("child"), "{error}");
}

/// A table with two triggers for the same event, of which the second builds on the first.
async fn counted() -> Base {
    let base = Base::new();
    base.execute("CREATE TABLE counted (id INT PRIMARY KEY, n INT)").await;
    base.execute("CREATE TRIGGER two BEFORE INSERT ON counted FOR EACH ROW SET NEW.n = 1").await;
    base.execute("CREATE TRIGGER one BEFORE INSERT ON counted FOR EACH ROW SET NEW.n = NEW.n + 1").await;
    base.execute("INSERT INTO counted (id) VALUES (1)").await;
    base
}

/// Neither script makes triggers.
fn drop_counted() -> (String, &'static str) {
    let drop = "DROP TABLE counted; CREATE TABLE other (id INT PRIMARY KEY)";
    ("DROP TABLE other; CREATE TABLE counted (id INT PRIMARY KEY, n INT)".to_owned(), drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_table_has_its_triggers_again_when_the_drop_is_taken_back_wherever_the_worker_died() {
    let (make, drop) = drop_counted();
    let migration = [scripts("1", &make, drop)];
    at_deaths(0, |death| {
        let migration = migration.clone();
        async move {
            let base = counted().await;
            let (job, ended) = base.jobs.run_dying(death, Direction::Down, &migration).await;
            base.jobs.undo(job, Direction::Down, &migration).await;
            base.execute("INSERT INTO counted (id) VALUES (2)").await;
            assert_eq!(base.rows("SELECT id, n FROM counted ORDER BY id").await, ["1,2", "2,2"], "{death:?}");
            ended.is_none()
        }
    })
    .await;
}

#[tokio::test]
async fn a_table_that_could_not_be_moved_has_its_triggers_again() {
    let (make, drop) = drop_counted();
    for (direction, migration) in
        [(Direction::Down, [scripts("1", &make, drop)]), (Direction::Up, [scripts("1", drop, &make)])]
    {
        let base = counted().await;
        // Its triggers can be dropped, and the table itself cannot.
        let engine = base.engine_with("SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, TRIGGER, LOCK TABLES");
        let error = engine.migrate(&base.jobs.claim(Job::new()), direction, &migration).await.unwrap_err();
        assert!(error.message.to_string().contains("belongs to `backout`@"), "{direction:?}: {error}");
        assert!(error.hint.unwrap().to_string().starts_with("GRANT SET USER ON *.* TO 'limited_"), "{direction:?}");
        assert_eq!(base.rows("SHOW TRIGGERS").await.len(), 2, "{direction:?}");
        let owner = format!("DEFINER=`limited_{}`@`%`", base.target.database());
        for (name, set) in [("one", "NEW.n + 1"), ("two", "1")] {
            base.execute(&format!("DROP TRIGGER {name}")).await;
            let order = if name == "two" { "PRECEDES one" } else { "" };
            let body = format!("BEFORE INSERT ON counted FOR EACH ROW {order} SET NEW.n = {set}");
            base.execute(&format!("CREATE {owner} TRIGGER {name} {body}")).await;
        }
        let job = Job::new();
        for _ in 0..2 {
            let error = engine.migrate(&base.jobs.claim(job), direction, &migration).await.unwrap_err();
            assert!(error.message.to_string().contains("command denied"), "{direction:?}: {error}");
            assert_eq!(base.rows("SHOW TRIGGERS").await, [""; 0], "{direction:?}");
        }
        engine.undo(&base.jobs.claim(job), direction, &migration).await.unwrap();
        base.execute("INSERT INTO counted (id) VALUES (2)").await;
        assert_eq!(base.rows("SELECT id, n FROM counted ORDER BY id").await, ["1,2", "2,2"], "{direction:?}");
    }
}

#[tokio::test]
async fn a_script_other_than_the_registered_one_does_not_run() {
    let base = Base::new();
    let mut migration = scripts("1", "CREATE TABLE t (id INT PRIMARY KEY)", "DROP TABLE t");
    migration.up.push(' ');
    let cx = base.jobs.claim(crate::support::Job::new());
    let error = base.jobs.engine.migrate(&cx, Direction::Up, &[migration]).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Permanent);
    assert!(error.message.to_string().contains("SHA-256"), "{error}");
}

#[tokio::test]
async fn a_down_that_leaves_another_schema_than_before_the_up_names_what_differs() {
    let base = Base::new();
    base.execute("CREATE TABLE t (id INT PRIMARY KEY)").await;
    let up = "ALTER TABLE t ADD COLUMN a INT, ADD COLUMN b INT";
    let migration = [scripts("1", up, "ALTER TABLE t DROP COLUMN a")];
    base.jobs.run(Direction::Up, &migration).await;
    let cx = base.jobs.claim(crate::support::Job::new());
    let error = base.jobs.engine.migrate(&cx, Direction::Down, &migration).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Permanent);
    assert!(error.message.to_string().contains("column t.b"), "{error}");
}

#[tokio::test]
async fn a_script_may_keep_the_ledger_itself() {
    let base = Base::new();
    let up = "CREATE TABLE IF NOT EXISTS schema_migrations (version VARCHAR(128) PRIMARY KEY);
              CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO schema_migrations (version) VALUES ('7');";
    let down =
        "DROP TABLE t; DELETE FROM schema_migrations WHERE version = '7'; SELECT COUNT(*) FROM schema_migrations;";
    let migration = [scripts("7", up, down)];
    base.jobs.run(Direction::Up, &migration).await;
    assert_eq!(base.jobs.engine.applied().await.unwrap(), ["7"]);
    base.jobs.run(Direction::Down, &migration).await;
    assert!(base.jobs.engine.applied().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_column_that_an_up_drops_comes_back_with_the_down() {
    let base = Base::new();
    base.execute("CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(9), c INT NOT NULL, at TIMESTAMP NOT NULL DEFAULT '2020-01-01' ON UPDATE CURRENT_TIMESTAMP)").await;
    base.execute("INSERT INTO t (id, a, c) VALUES (1, 'x', 5), (2, NULL, 6)").await;
    let before = base.rows("SELECT id, a, c, at FROM t ORDER BY id").await;
    let down = "ALTER TABLE t ADD COLUMN a VARCHAR(9) AFTER id, ADD COLUMN c INT NOT NULL AFTER a";
    let migration = [scripts("1", "ALTER TABLE t DROP COLUMN a, DROP COLUMN c", down)];
    let (_, up) = base.jobs.run(Direction::Up, &migration).await;
    assert_eq!((up.rows_preserved, up.rows_restored), (2, 0));
    let (_, down) = base.jobs.run(Direction::Down, &migration).await;
    assert_eq!(down.rows_restored, 2);
    assert_eq!(base.rows("SELECT id, a, c, at FROM t ORDER BY id").await, before);
}

#[tokio::test]
async fn a_backup_is_written_and_read_again() {
    let base = Base::new();
    base.execute("CREATE TABLE t (id INT PRIMARY KEY)").await;
    let directory = tempfile::tempdir().unwrap();
    let engine: &DataEngine = &base.jobs.engine;
    let report = engine.backup(directory.path(), &Arc::default()).await.unwrap();
    assert_eq!(std::fs::metadata(&report.path).unwrap().len(), report.bytes);
    assert_eq!(report.sha256.len(), 64);
    assert!(engine.server_version().await.unwrap().contains("MariaDB"));
}

#[tokio::test]
async fn a_step_that_is_called_off_stops_between_two_statements_and_goes_on_from_there() {
    let base = Base::new();
    let up = "CREATE TABLE a (id INT PRIMARY KEY); CREATE TABLE b (id INT PRIMARY KEY)";
    let migration = [scripts("1", up, "DROP TABLE b; DROP TABLE a")];
    for (direction, tables) in [(Direction::Up, "a"), (Direction::Down, "a")] {
        let job = Job::new();
        let cx = base.jobs.claim(job);
        base.jobs.journal.stop_when_done(cx.stop());
        let error = base.jobs.engine.migrate(&cx, direction, &migration).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Transient, "{error}");
        assert_eq!(base.rows("SHOW TABLES LIKE '_'").await, [tables]);
        base.jobs.resume(job, direction, &migration).await.unwrap();
    }
    assert!(base.rows("SHOW TABLES LIKE '_'").await.is_empty());
}

#[tokio::test]
async fn a_down_that_does_not_belong_to_the_applied_up_is_refused() {
    let base = Base::new();
    let applied = [scripts("1", "CREATE TABLE t (id INT PRIMARY KEY)", "DROP TABLE t")];
    base.jobs.run(Direction::Up, &applied).await;
    for (up, down) in [
        ("CREATE TABLE t (id INT PRIMARY KEY)", "DROP TABLE IF EXISTS t"),
        ("CREATE TABLE t (id BIGINT PRIMARY KEY)", "DROP TABLE t"),
    ] {
        let cx = base.jobs.claim(Job::new());
        let error = base.jobs.engine.migrate(&cx, Direction::Down, &[scripts("1", up, down)]).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Permanent);
        assert!(error.message.to_string().contains("belongs to other scripts than those that were applied"), "{error}");
    }
    assert_eq!(base.rows("SHOW TABLES LIKE 't'").await, ["t"]);
    base.jobs.run(Direction::Down, &applied).await;
}
