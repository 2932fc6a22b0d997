//! Steps that are taken back, whole and in part.

use domain::ledger::Direction;

use crate::support::mariadb::Base;
use crate::support::{Job, at_deaths, example, scripts};

const USERS: &str = "20250103001_create_roles_permissions";
const CACHE: &str = "20250105001_add_cache_table";
const TWO_FACTOR: &str = "20250110001_add_2fa_columns";

const DATA: [&str; 3] =
    ["SELECT * FROM users ORDER BY id", "SELECT * FROM cache_settings", "SELECT * FROM role_permissions ORDER BY 1, 2"];

async fn data(base: &Base) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for sql in DATA {
        all.push(base.rows(sql).await);
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_down_taken_back_leaves_everything_as_it_was_wherever_its_worker_died() {
    let ups =
        [example("mariadb", USERS, "sql"), example("mariadb", CACHE, "sql"), example("mariadb", TWO_FACTOR, "sql")];
    let downs: Vec<_> = ups.iter().rev().cloned().collect();
    at_deaths(4, |death| {
        let (ups, downs) = (ups.clone(), downs.clone());
        async move {
            let base = Base::new();
            base.jobs.run(Direction::Up, &ups).await;
            base.execute("UPDATE users SET two_factor_enabled = 1, two_factor_secret = CONCAT('s-', id) WHERE id < 3")
                .await;
            base.execute("UPDATE cache_settings SET ttl_seconds = 7").await;
            let (before, rows) = (base.state().await, data(&base).await);
            let (job, ended) = base.jobs.run_dying(death, Direction::Down, &downs).await;
            base.jobs.undo(job, Direction::Down, &downs).await;
            assert_eq!(data(&base).await, rows, "{death:?}");
            assert_eq!(base.state().await, before, "{death:?}");
            // Again, as after a crash between its end and the saga's entry.
            base.jobs.undo(job, Direction::Down, &downs).await;
            assert_eq!(base.state().await, before, "{death:?}");
            ended.is_none()
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_up_taken_back_keeps_what_came_back_with_it_wherever_its_worker_died() {
    let users = [example("mariadb", USERS, "sql")];
    let two_factor = [example("mariadb", TWO_FACTOR, "sql")];
    at_deaths(0, |death| {
        let (users, two_factor) = (users.clone(), two_factor.clone());
        async move {
            let base = Base::new();
            base.jobs.run(Direction::Up, &users).await;
            base.jobs.run(Direction::Up, &two_factor).await;
            base.execute("UPDATE users SET two_factor_enabled = 1, two_factor_secret = CONCAT('s-', id) WHERE id < 3")
                .await;
            let secrets = base.rows(DATA[0]).await;
            base.jobs.run(Direction::Down, &two_factor).await;
            let schema = base.jobs.engine.fingerprint().await.unwrap();
            let (job, ended) = base.jobs.run_dying(death, Direction::Up, &two_factor).await;
            base.jobs.undo(job, Direction::Up, &two_factor).await;
            assert_eq!(base.jobs.engine.fingerprint().await.unwrap(), schema, "{death:?}");
            assert_eq!(base.jobs.engine.applied().await.unwrap(), ["20250103001"], "{death:?}");
            base.jobs.run(Direction::Up, &two_factor).await;
            assert_eq!(base.rows(DATA[0]).await, secrets, "{death:?}");
            ended.is_none()
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_whose_worker_dies_is_finished_by_the_next() {
    let migrations = [example("mariadb", CACHE, "sql"), example("mariadb", TWO_FACTOR, "sql")];
    let users = [example("mariadb", USERS, "sql")];
    at_deaths(1, |death| {
        let (users, migrations) = (users.clone(), migrations.clone());
        async move {
            let base = Base::new();
            base.jobs.run(Direction::Up, &users).await;
            base.jobs.run(Direction::Up, &migrations).await;
            base.execute("UPDATE users SET two_factor_secret = CONCAT('s-', id)").await;
            let (before, rows) = (base.state().await, data(&base).await);
            let downs: Vec<_> = migrations.iter().rev().cloned().collect();
            let (job, _) = base.jobs.run(Direction::Down, &downs).await;
            base.jobs.journal.die(death);
            let cx = base.jobs.claim(job);
            let ended = base.jobs.journal.until_dead(base.jobs.engine.undo(&cx, Direction::Down, &downs)).await;
            base.jobs.undo(job, Direction::Down, &downs).await;
            assert_eq!(data(&base).await, rows, "{death:?}");
            assert_eq!(base.state().await, before, "{death:?}");
            ended.is_none()
        }
    })
    .await;
}

#[tokio::test]
async fn only_the_missing_actions_of_an_alter_are_brought_back() {
    let base = Base::new();
    base.execute("CREATE TABLE t (id INT PRIMARY KEY)").await;
    base.execute("INSERT INTO t VALUES (1)").await;
    let up = "ALTER TABLE t ADD COLUMN a INT, ADD COLUMN b INT, ADD INDEX b_index (b)";
    let down = "ALTER TABLE t DROP COLUMN a; ALTER TABLE t DROP COLUMN missing";
    let migration = [scripts("1", up, down)];
    base.jobs.run(Direction::Up, &migration).await;
    base.execute("UPDATE t SET a = 5, b = 6").await;
    let job = Job::new();
    let cx = base.jobs.claim(job);
    let error = base.jobs.engine.migrate(&cx, Direction::Down, &migration).await.unwrap_err();
    assert!(error.message.to_string().contains("missing"), "{error}");
    base.jobs.undo(job, Direction::Down, &migration).await;
    assert_eq!(base.rows("SELECT a, b FROM t").await, ["5,6"]);
    assert!(base.jobs.journal.progress_said("differs from before the step"));
}

#[tokio::test]
async fn taking_back_what_was_never_begun_does_nothing() {
    let base = Base::new();
    let migration = [example("mariadb", USERS, "sql")];
    base.jobs.undo(Job::new(), Direction::Up, &migration).await;
    assert!(base.rows("SHOW TABLES").await.is_empty());
}

#[tokio::test]
async fn values_written_while_an_older_copy_stayed_are_put_aside_again_when_the_up_is_taken_back() {
    let base = Base::new();
    base.execute("CREATE TABLE t (id INT PRIMARY KEY, b INT NOT NULL)").await;
    base.execute("INSERT INTO t VALUES (1, 1)").await;
    let migration = [scripts("1", "ALTER TABLE t ADD COLUMN a VARCHAR(9)", "ALTER TABLE t DROP COLUMN a")];
    base.jobs.run(Direction::Up, &migration).await;
    base.execute("UPDATE t SET a = 'old'").await;
    base.jobs.run(Direction::Down, &migration).await;
    // The copy does not fit any more.
    base.execute("ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (id, b)").await;
    let (job, up) = base.jobs.run(Direction::Up, &migration).await;
    assert_eq!((up.rows_restored, up.warnings.len()), (0, 1));
    assert!(
        up.warnings[0].to_string().starts_with("column t.a stays put aside: the primary key of t"),
        "{:?}",
        up.warnings
    );
    base.execute("UPDATE t SET a = 'new'").await;

    base.jobs.undo(job, Direction::Up, &migration).await;
    assert_eq!(base.jobs.journal.waiting().len(), 2);
    let (_, again) = base.jobs.run(Direction::Up, &migration).await;
    assert_eq!(base.rows("SELECT a FROM t").await, ["new"]);
    assert_eq!(again.warnings.len(), 1);
    assert!(again.warnings[0].to_string().contains("another copy was chosen in its place"), "{:?}", again.warnings);
    assert_eq!(base.jobs.journal.waiting().len(), 1, "the older copy stays");
}

#[tokio::test]
async fn rows_written_while_an_older_copy_stayed_are_put_aside_again_when_the_up_is_taken_back() {
    let base = Base::new();
    let migration = [scripts("1", "CREATE TABLE s (id INT PRIMARY KEY, v VARCHAR(9))", "DROP TABLE s")];
    base.jobs.run(Direction::Up, &migration).await;
    base.execute("INSERT INTO s VALUES (1, 'old')").await;
    base.jobs.run(Direction::Down, &migration).await;
    let saga::Keeper::Table { keep_database, keep_table, .. } = base.jobs.journal.waiting()[0].keeper.clone() else {
        panic!("a table is kept as one");
    };
    let (copy, away) = (format!("`{keep_database}`.`{keep_table}`"), format!("`{keep_database}`.away"));
    base.execute(&format!("RENAME TABLE {copy} TO {away}")).await;
    let (job, up) = base.jobs.run(Direction::Up, &migration).await;
    assert!(up.warnings[0].to_string().contains("is missing"), "{:?}", up.warnings);
    base.execute("INSERT INTO s VALUES (1, 'new')").await;

    base.jobs.undo(job, Direction::Up, &migration).await;
    base.execute(&format!("RENAME TABLE {away} TO {copy}")).await;
    let (_, again) = base.jobs.run(Direction::Up, &migration).await;
    assert_eq!(base.rows("SELECT v FROM s").await, ["new"]);
    assert_eq!((again.warnings.len(), base.jobs.journal.waiting().len()), (1, 1));
}

#[tokio::test]
async fn what_a_broken_off_up_wrote_is_put_aside_and_gives_way_to_older_data() {
    let base = Base::new();
    base.execute("CREATE TABLE other (id INT PRIMARY KEY)").await;
    let up = "CREATE TABLE s (id INT PRIMARY KEY, v VARCHAR(9)); INSERT INTO s VALUES (1, 'seed');
              ALTER TABLE other ADD COLUMN x INT";
    let migration = [scripts("1", up, "ALTER TABLE other DROP COLUMN x; DROP TABLE s")];
    base.jobs.run(Direction::Up, &migration).await;
    base.execute("UPDATE s SET v = 'real'").await;
    base.jobs.run(Direction::Down, &migration).await;
    base.execute("ALTER TABLE other ADD COLUMN x INT").await;
    let job = Job::new();
    let cx = base.jobs.claim(job);
    base.jobs.engine.migrate(&cx, Direction::Up, &migration).await.unwrap_err();
    // Somebody was quicker than the unwinding.
    base.execute("INSERT INTO s VALUES (2, 'quick')").await;
    base.execute("ALTER TABLE other DROP COLUMN x").await;
    base.jobs.undo(job, Direction::Up, &migration).await;
    assert!(base.rows("SHOW TABLES LIKE 's'").await.is_empty());
    let (_, again) = base.jobs.run(Direction::Up, &migration).await;
    assert_eq!(base.rows("SELECT v FROM s").await, ["real"]);
    let waiting: Vec<_> =
        base.jobs.journal.waiting().into_iter().filter(|kept| kept.object == "table s").map(|kept| kept.rows).collect();
    assert_eq!(waiting, [2], "what was written meanwhile is kept");
    assert!(
        again.warnings.iter().any(|text| text.to_string().starts_with("table s stays put aside")),
        "{:?}",
        again.warnings
    );
}

#[tokio::test]
async fn what_an_up_took_away_comes_back_when_it_is_taken_back() {
    let base = Base::new();
    base.execute("CREATE TABLE t (id INT PRIMARY KEY, a INT)").await;
    base.execute("CREATE TABLE s (id INT PRIMARY KEY)").await;
    base.execute("INSERT INTO t VALUES (1, 5)").await;
    base.execute("INSERT INTO s VALUES (7)").await;
    let down = "CREATE TABLE s (id INT PRIMARY KEY); ALTER TABLE t ADD COLUMN a INT";
    let migration = [scripts("1", "ALTER TABLE t DROP COLUMN a; DROP TABLE s", down)];
    let (job, _) = base.jobs.run(Direction::Up, &migration).await;
    base.jobs.undo(job, Direction::Up, &migration).await;
    assert_eq!(
        (base.rows("SELECT a FROM t").await, base.rows("SELECT id FROM s").await),
        (vec!["5".to_owned()], vec!["7".to_owned()])
    );
    assert!(base.jobs.journal.waiting().is_empty());
}
