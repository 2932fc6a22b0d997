//! Columns that get other types: values that do not survive are put aside, and only these.

use domain::ledger::Direction;
use saga::ErrorKind;

use crate::support::mariadb::Base;
use crate::support::{Job, at_deaths, scripts};

const ROWS: &str = "SELECT * FROM bills ORDER BY id";
const UP: &str = "ALTER TABLE bills MODIFY amount DECIMAL(12,4) NOT NULL, CHANGE at paid_at DATETIME(6) NULL AFTER id, \
                  MODIFY id BIGINT NOT NULL AUTO_INCREMENT; ALTER TABLE bills MODIFY code VARCHAR(90)";
const DOWN: &str = "SET sql_mode = ''; ALTER TABLE bills MODIFY code VARCHAR(3); \
                    ALTER TABLE bills MODIFY amount DECIMAL(10,2) NOT NULL, CHANGE paid_at at DATETIME NULL AFTER code, \
                    MODIFY id INT NOT NULL AUTO_INCREMENT";

async fn bills() -> Base {
    let base = Base::new();
    base.execute(
        "CREATE TABLE bills (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, amount DECIMAL(10,2) NOT NULL, \
         code VARCHAR(3), at DATETIME NULL)",
    )
    .await;
    base.execute(
        "INSERT INTO bills VALUES (1, 1.50, 'a', '2025-01-01 10:00:00'), (2, 2.25, NULL, NULL), (3, 3, 'abc', NULL)",
    )
    .await;
    base
}

async fn used() -> Base {
    let base = bills().await;
    base.jobs.run(Direction::Up, &[scripts("1", UP, DOWN)]).await;
    base.execute("UPDATE bills SET amount = 2.2575, code = 'long code' WHERE id = 2").await;
    base.execute("UPDATE bills SET paid_at = '2025-01-01 10:00:00.25' WHERE id = 3").await;
    base
}

#[tokio::test]
async fn values_that_a_narrower_type_cannot_hold_come_back_with_the_wider_one() {
    let migration = [scripts("1", UP, DOWN)];
    let base = used().await;
    assert!(base.jobs.journal.waiting().is_empty(), "widening loses nothing");
    let before = base.rows(ROWS).await;
    let (_, down) = base.jobs.run(Direction::Down, &migration).await;
    assert_eq!(down.rows_preserved, 1 + 2);
    let narrow = ["1,1.50,a,2025-01-01 10:00:00", "2,2.26,lon,NULL", "3,3.00,abc,2025-01-01 10:00:00"];
    assert_eq!(base.rows(ROWS).await, narrow);
    let kept: Vec<_> = base.jobs.journal.waiting().into_iter().map(|kept| kept.object).collect();
    assert_eq!(
        kept,
        [
            "values of bills.code that its new type changes",
            "values of bills.amount that its new type changes, values of bills.paid_at that its new type changes, values of bills.id that its new type changes"
        ]
    );
    let (_, up) = base.jobs.run(Direction::Up, &migration).await;
    assert_eq!(base.rows(ROWS).await, before);
    assert!(up.warnings.is_empty() && base.jobs.journal.waiting().is_empty(), "{:?}", up.warnings);

    base.jobs.run(Direction::Down, &migration).await;
    base.execute("UPDATE bills SET amount = 5 WHERE id = 2").await;
    let (_, up) = base.jobs.run(Direction::Up, &migration).await;
    assert_eq!(base.rows("SELECT amount, code FROM bills WHERE id = 2").await, ["5.0000,long code"]);
    assert!(up.warnings[0].to_string().contains("1 rows of bills were changed since"), "{:?}", up.warnings);
}

#[tokio::test]
async fn another_character_set_keeps_the_texts_that_lack_letters_there() {
    let base = bills().await;
    base.execute("ALTER TABLE bills CONVERT TO CHARACTER SET latin1").await;
    let down = "SET sql_mode = ''; ALTER TABLE bills CONVERT TO CHARACTER SET latin1";
    let migration = [scripts("1", "ALTER TABLE bills CONVERT TO CHARACTER SET utf8mb4", down)];
    base.jobs.run(Direction::Up, &migration).await;
    base.execute("UPDATE bills SET code = '回退' WHERE id = 2").await;
    let (_, narrowed) = base.jobs.run(Direction::Down, &migration).await;
    assert_eq!(narrowed.rows_preserved, 1);
    assert_eq!(base.rows("SELECT code FROM bills ORDER BY id").await, ["a", "??", "abc"]);
    base.jobs.run(Direction::Up, &migration).await;
    assert_eq!(base.rows("SELECT code FROM bills ORDER BY id").await, ["a", "回退", "abc"]);
}

#[tokio::test]
async fn a_change_that_the_data_does_not_allow_is_refused_before_the_table_is_touched() {
    let base = used().await;
    base.execute("CREATE TABLE nokey (a VARCHAR(9))").await;
    base.execute("UPDATE bills SET id = 70000 WHERE id = 3").await;
    let before = base.rows(ROWS).await;
    for (down, words) in [
        ("ALTER TABLE bills MODIFY code VARCHAR(3)", "too long"),
        ("SET sql_mode = ''; ALTER TABLE bills MODIFY id SMALLINT NOT NULL", "its primary key would change"),
        ("ALTER TABLE nokey MODIFY a INT", "no primary key"),
        ("ALTER TABLE bills MODIFY code VARCHAR(3), DROP COLUMN amount", "statement of their own"),
    ] {
        let migration = [scripts("2", "SELECT 1", down)];
        let job = Job::new();
        let error = base.jobs.engine.migrate(&base.jobs.claim(job), Direction::Down, &migration).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Permanent, "{down}: {error}");
        assert!(error.message.to_string().contains(words), "{down}: {error}");
        assert_eq!(base.rows(ROWS).await, before, "{down}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_types_end_the_same_wherever_the_worker_dies() {
    let migration = [scripts("1", UP, DOWN)];
    let undisturbed = used().await;
    let before = undisturbed.rows(ROWS).await;
    undisturbed.jobs.run(Direction::Down, &migration).await;
    let expected = (undisturbed.state().await, undisturbed.rows(ROWS).await);
    at_deaths(2, |death| {
        let (migration, expected, before) = (migration.clone(), expected.clone(), before.clone());
        async move {
            let base = used().await;
            let (job, ended) = base.jobs.run_dying(death, Direction::Down, &migration).await;
            if ended.is_some() {
                return false;
            }
            base.jobs.resume(job, Direction::Down, &migration).await.unwrap();
            assert_eq!((base.state().await, base.rows(ROWS).await), expected, "{death:?}");
            let tables = base.rows(&format!("SHOW TABLES FROM backout_keep_{}", base.target.database())).await;
            assert_eq!(tables.len(), 2, "{death:?}: {tables:?}");

            let undone = used().await;
            let (job, _) = undone.jobs.run_dying(death, Direction::Down, &migration).await;
            undone.jobs.undo(job, Direction::Down, &migration).await;
            assert_eq!(undone.rows(ROWS).await, before, "{death:?}");
            assert!(undone.jobs.journal.waiting().is_empty(), "{death:?}");
            let keep = format!("SHOW TABLES FROM backout_keep_{} LIKE 'trial_%'", undone.target.database());
            let exists = format!("SHOW DATABASES LIKE 'backout_keep_{}'", undone.target.database());
            if !undone.rows(&exists).await.is_empty() {
                assert!(undone.rows(&keep).await.is_empty(), "{death:?}: a copy is left over");
            }
            true
        }
    })
    .await;
}
