//! Workers that die, and what the next one finds.

use domain::ledger::Direction;
use driver_mariadb::ObjectRef;
use saga::ErrorKind;
use std::time::Duration;

use crate::support::mariadb::Base;
use crate::support::{Death, Job, at_deaths, at_every_death, example, scripts};

const USERS: &str = "20250103001_create_roles_permissions";
const TWO_FACTOR: &str = "20250110001_add_2fa_columns";

/// Users with two-factor authentication.
async fn users() -> Base {
    let base = Base::new();
    base.jobs.run(Direction::Up, &[example("mariadb", USERS, "sql"), example("mariadb", TWO_FACTOR, "sql")]).await;
    base.execute("UPDATE users SET two_factor_enabled = 1, two_factor_secret = CONCAT('s-', id) WHERE id < 3").await;
    base
}

#[tokio::test(flavor = "multi_thread")]
async fn the_two_factor_down_ends_the_same_wherever_its_worker_dies() {
    let two_factor = [example("mariadb", TWO_FACTOR, "sql")];
    let undisturbed = users().await;
    undisturbed.jobs.run(Direction::Down, &two_factor).await;
    let expected = undisturbed.state().await;
    at_every_death(|death| {
        let (two_factor, expected) = (two_factor.clone(), expected.clone());
        async move {
            let base = users().await;
            let (job, ended) = base.jobs.run_dying(death, Direction::Down, &two_factor).await;
            if ended.is_some() {
                return false;
            }
            let migrated = base.jobs.resume(job, Direction::Down, &two_factor).await.unwrap();
            assert_eq!(base.state().await, expected, "{death:?}");
            assert_eq!(migrated.rows_preserved, 6, "{death:?}");
            assert_eq!(base.jobs.journal.ledger().len(), 3);
            base.jobs.run(Direction::Up, &two_factor).await;
            let secrets = base.rows("SELECT two_factor_enabled, two_factor_secret FROM users ORDER BY id").await;
            assert_eq!(secrets, ["1,s-1", "1,s-2", "0,NULL"], "{death:?}");
            true
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_runs_twice_wherever_its_worker_dies() {
    let up = "CREATE TABLE made (id INT PRIMARY KEY);
              INSERT INTO counter (what) VALUES ('one');
              ALTER TABLE counter ADD COLUMN extra INT, ADD INDEX (what);
              ALTER TABLE counter COMMENT = 'counted';
              SET @n = 41;
              INSERT INTO counter (what, extra) VALUES ('two', @n + 1);
              CREATE VIEW seen AS SELECT what FROM counter;
              RENAME TABLE made TO made_anew;
              DROP INDEX what ON counter";
    let migration = [scripts("1", up, "SELECT 1")];
    let fresh = || async {
        let base = Base::new();
        base.execute("CREATE TABLE counter (n INT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(9))").await;
        base
    };
    let undisturbed = fresh().await;
    undisturbed.jobs.run(Direction::Up, &migration).await;
    let expected = undisturbed.state().await;
    at_deaths(2, |death| {
        let (migration, expected, fresh) = (migration.clone(), expected.clone(), &fresh);
        async move {
            let base = fresh().await;
            let (job, ended) = base.jobs.run_dying(death, Direction::Up, &migration).await;
            if ended.is_some() {
                return false;
            }
            base.jobs.resume(job, Direction::Up, &migration).await.unwrap();
            assert_eq!(
                base.rows("SELECT what, extra FROM counter ORDER BY n").await,
                ["one,NULL", "two,42"],
                "{death:?}"
            );
            assert_eq!(base.state().await, expected, "{death:?}");
            true
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_tables_are_moved_once_wherever_the_worker_dies() {
    let migration = [example("mariadb", USERS, "sql")];
    at_deaths(3, |death| {
        let migration = migration.clone();
        async move {
            let base = Base::new();
            base.jobs.run(Direction::Up, &migration).await;
            let (job, ended) = base.jobs.run_dying(death, Direction::Down, &migration).await;
            if ended.is_some() {
                return false;
            }
            let migrated = base.jobs.resume(job, Direction::Down, &migration).await.unwrap();
            assert_eq!(migrated.rows_preserved, 3 + 6 + 3 + 3, "{death:?}");
            assert_eq!(base.jobs.journal.waiting().len(), 4);
            let up = base.jobs.run(Direction::Up, &migration).await.1;
            assert_eq!(up.rows_restored, 15, "{death:?}");
            true
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_orphan_in_the_middle_of_an_alter_is_killed_and_changes_nothing_any_more() {
    let base = users().await;
    let two_factor = [example("mariadb", TWO_FACTOR, "sql")];
    // An open transaction of the application holds the table's metadata: the lock on it is waited for.
    let mut reader = base.session().await;
    reader.begin().await.unwrap();
    reader.execute("SELECT * FROM users").await.unwrap();
    let job = Job::new();
    let cx = base.jobs.claim(job);
    let orphan = async { base.jobs.engine.migrate(&cx, Direction::Down, &two_factor).await };
    let mut orphan = Box::pin(orphan);
    let waits = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for table metadata lock%' AND DB = DATABASE()";
    tokio::select! {
        ended = &mut orphan => panic!("{ended:?}"),
        seen = testkit::eventually(Duration::from_secs(10), || async { base.rows(waits).await == ["1"] }) => seen.unwrap(),
    }
    let stuck = base.jobs.journal.connection(job.0).unwrap();
    // The worker is stopped here, not dead: nobody polls it, and its connection is open.
    let taker = base.jobs.claim(job);
    let taking = base.jobs.engine.migrate(&taker, Direction::Down, &two_factor);
    let mut taking = Box::pin(taking);
    let gone = format!("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = {stuck}");
    tokio::select! {
        ended = &mut taking => panic!("{ended:?}"),
        seen = testkit::eventually(Duration::from_secs(10), || async { base.rows(&gone).await == ["0"] }) => seen.unwrap(),
    }
    reader.rollback().await.unwrap();
    taking.await.unwrap();
    // Woken up, it finds its connection closed and its claim lost.
    let error = orphan.await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Transient | ErrorKind::FenceLost), "{error:?}");
    assert!(
        !base
            .session()
            .await
            .column_exists(ObjectRef::new(base.target.database(), "users"), "two_factor_secret")
            .await
            .unwrap()
    );
    assert_eq!(base.jobs.journal.waiting().len(), 2);
}

#[tokio::test]
async fn a_statement_that_is_found_half_done_stops_for_a_person() {
    let base = Base::new();
    base.execute("CREATE TABLE t (id INT PRIMARY KEY)").await;
    let migration = [scripts("1", "ALTER TABLE t ADD COLUMN a INT, ADD COLUMN b INT", "SELECT 1")];
    // Noted connection, then the intent: dies before the ALTER.
    let (job, ended) = base.jobs.run_dying(Death::After(1), Direction::Up, &migration).await;
    assert!(ended.is_none());
    base.execute("ALTER TABLE t ADD COLUMN b INT").await;
    let error = base.jobs.resume(job, Direction::Up, &migration).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unknown);
    assert!(error.message.to_string().contains("migration 1 (up), statement 1 at line 1"), "{error}");
    assert!(error.message.to_string().contains("ADD COLUMN a: not done; ADD COLUMN b: done"), "{error}");
    assert!(error.hint.unwrap().to_string().contains("mark it as done"));
}
