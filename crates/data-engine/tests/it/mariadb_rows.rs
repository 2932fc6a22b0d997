//! Rows that statements change or remove: put aside as they do, back when the migration goes the other way.

use std::time::Duration;

use domain::ledger::Direction;
use saga::ErrorKind;

use crate::support::mariadb::Base;
use crate::support::{Job, at_deaths, scripts};

const ROWS: &str = "SELECT id, level, note FROM people ORDER BY id";

async fn people() -> Base {
    let base = Base::new();
    base.execute(
        "CREATE TABLE people (id INT PRIMARY KEY, level VARCHAR(300) NOT NULL, note TEXT NULL, \
         double_id INT GENERATED ALWAYS AS (id * 2) STORED, \
         changed_at TIMESTAMP NOT NULL DEFAULT '2020-01-01 00:00:00' ON UPDATE CURRENT_TIMESTAMP)",
    )
    .await;
    base.execute(
        "INSERT INTO people (id, level, note) VALUES (1, 'guest', 'a'), (2, 'owner', NULL), (3, 'Guest ', 'c'), (4, 'admin', 'd')",
    )
    .await;
    base
}

#[tokio::test]
async fn rows_that_a_down_changes_come_back_with_the_next_up() {
    let base = people().await;
    // Both ways lose what they overwrite.
    let up = "UPDATE people SET level = 'member' WHERE level <> 'admin'";
    let migration = [scripts("1", up, "UPDATE people SET level = 'everyone', note = NULL ORDER BY id LIMIT 3")];
    let (_, first) = base.jobs.run(Direction::Up, &migration).await;
    assert_eq!(first.rows_preserved, 3);
    base.execute("UPDATE people SET level = 'chief' WHERE id = 2").await;
    let before = base.rows(ROWS).await;
    let waiting = base.jobs.journal.waiting();
    let (job, _) = base.jobs.run(Direction::Down, &migration).await;
    base.jobs.undo(job, Direction::Down, &migration).await;
    assert_eq!(base.rows(ROWS).await, before);
    assert_eq!(base.jobs.journal.waiting(), waiting);

    let (_, down) = base.jobs.run(Direction::Down, &migration).await;
    assert_eq!(down.rows_preserved, 3);
    // What the up had overwritten is back; what was chosen since gave way to the script, and that is told.
    assert_eq!(base.rows(ROWS).await, ["1,guest,NULL", "2,everyone,NULL", "3,Guest ,NULL", "4,admin,d"]);
    assert_eq!(down.warnings.len(), 1, "{:?}", down.warnings);
    let (_, again) = base.jobs.run(Direction::Up, &migration).await;
    assert_eq!(base.rows(ROWS).await, before);
    assert_eq!((again.rows_restored, again.warnings.len()), (3, 0));
    assert_eq!(base.rows("SHOW TRIGGERS").await, [""; 0]);
}

#[tokio::test]
async fn a_row_that_somebody_changed_since_stays_as_it_is_and_that_is_told() {
    let base = people().await;
    let migration = [scripts("1", "SELECT 1", "UPDATE people SET level = 'x'; DELETE FROM people WHERE id = 4")];
    base.jobs.run(Direction::Up, &migration).await;
    base.jobs.run(Direction::Down, &migration).await;
    base.execute("UPDATE people SET level = 'mine' WHERE id = 2").await;
    base.execute("UPDATE people SET note = 'other column' WHERE id = 1").await;
    base.execute("DELETE FROM people WHERE id = 3").await;
    base.execute("INSERT INTO people (id, level) VALUES (4, 'new one')").await;
    let (_, up) = base.jobs.run(Direction::Up, &migration).await;
    assert_eq!(base.rows(ROWS).await, ["1,guest,other column", "2,mine,NULL", "4,new one,NULL"]);
    let warnings: Vec<String> = up.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    for (warning, rows) in warnings.iter().zip([2, 1]) {
        assert!(warning.contains(&format!("{rows} rows of people were changed since")), "{warning}");
    }
    assert_eq!(base.jobs.journal.waiting().len(), 2);
}

#[tokio::test]
async fn seeds_that_a_down_deletes_come_back_as_people_had_edited_them() {
    let base = people().await;
    let up = "INSERT INTO people (id, level, note) VALUES (10, 'seed', 's'), (11, 'seed', 't')";
    let migration = [scripts("1", up, "DELETE FROM people WHERE id >= 10")];
    base.jobs.run(Direction::Up, &migration).await;
    base.execute("UPDATE people SET note = 'edited' WHERE id = 11").await;
    base.execute("INSERT INTO people (id, level, note) VALUES (12, 'ours', 'u')").await;
    let before = base.rows(ROWS).await;
    let (_, down) = base.jobs.run(Direction::Down, &migration).await;
    assert_eq!(down.rows_preserved, 3);
    let (_, again) = base.jobs.run(Direction::Up, &migration).await;
    assert_eq!(base.rows(ROWS).await, before);
    assert!(again.warnings.is_empty(), "{:?}", again.warnings);
    // Deleted by people in between, a seed is the script's business again.
    base.jobs.run(Direction::Down, &migration).await;
    base.jobs.run(Direction::Up, &migration).await;
    assert_eq!(base.rows(ROWS).await, before);
}

#[tokio::test]
async fn replaced_and_overwritten_and_truncated_rows_come_back() {
    let down_and_what_is_kept = [
        ("REPLACE INTO people (id, level) VALUES (1, 'new'), (9, 'new'), (1, 'newer')", 1),
        ("INSERT INTO people (id, level) VALUES (2, 'q'), (9, 'q') ON DUPLICATE KEY UPDATE level = 'w', note = 'w'", 1),
        ("TRUNCATE TABLE people", 4),
        ("UPDATE people AS p JOIN (SELECT 3 AS x) AS y ON p.id > y.x SET p.level = 'joined'", 1),
        ("UPDATE people JOIN labels ON labels.id = people.id SET people.level = labels.text, labels.text = 'used'", 4),
        ("DELETE people FROM people JOIN labels ON labels.id = people.id", 2),
    ];
    for (down, kept) in down_and_what_is_kept {
        let base = people().await;
        base.execute("CREATE TABLE labels (id INT PRIMARY KEY, text VARCHAR(9)) SELECT 1 AS id, 'one' AS text UNION SELECT 2, 'two'").await;
        let before = (base.rows(ROWS).await, base.rows("SELECT * FROM labels").await);
        let migration = [scripts("1", "DELETE FROM people WHERE id = 9", down)];
        base.jobs.run(Direction::Up, &migration).await;
        let job = Job::new();
        let ran = base.jobs.engine.migrate(&base.jobs.claim(job), Direction::Down, &migration).await;
        assert_eq!(ran.unwrap().rows_preserved, kept, "{down}");
        assert_ne!(base.rows(ROWS).await, before.0, "{down}");
        let (_, up) = base.jobs.run(Direction::Up, &migration).await;
        assert_eq!((base.rows(ROWS).await, base.rows("SELECT * FROM labels").await), before, "{down}");
        assert!(up.warnings.is_empty(), "{down}: {:?}", up.warnings);
    }
}

#[tokio::test]
async fn rows_that_could_not_come_back_are_not_changed() {
    let base = people().await;
    base.execute("CREATE TABLE nokey (a INT)").await;
    base.execute("INSERT INTO nokey VALUES (1)").await;
    base.execute("CREATE TABLE old (id INT PRIMARY KEY, a INT) ENGINE=MyISAM").await;
    base.execute(
        "CREATE TABLE tree (id INT PRIMARY KEY, above INT, FOREIGN KEY (above) REFERENCES tree (id) ON DELETE CASCADE)",
    )
    .await;
    base.execute("CREATE TABLE code (id INT PRIMARY KEY, code INT UNIQUE)").await;
    base.execute("CREATE TABLE coded (id INT PRIMARY KEY, code INT, FOREIGN KEY (code) REFERENCES code (code) ON UPDATE CASCADE)").await;
    base.execute("CREATE VIEW seen AS SELECT * FROM people").await;
    for (down, words) in [
        ("DELETE FROM nokey", "no primary key"),
        ("UPDATE old SET a = 2", "knows no transactions"),
        ("DELETE FROM tree", "takes rows of tree along"),
        ("UPDATE code SET code = 5", "would change rows of its table"),
        ("UPDATE people SET level = 'x'; DELETE FROM nokey", "no primary key"),
        ("UPDATE people SET id = id + 10 WHERE id = 4", "the primary key changes"),
        ("DELETE FROM seen", "no table seen"),
        ("DELETE FROM elsewhere.people", "of a database that is named"),
    ] {
        let migration = [scripts("1", "SELECT 1", down)];
        let before = base.rows(ROWS).await;
        let job = Job::new();
        let error = base.jobs.engine.migrate(&base.jobs.claim(job), Direction::Down, &migration).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Permanent, "{down}: {error}");
        assert!(error.message.to_string().contains(words), "{down}: {error}");
        assert_eq!(base.rows(ROWS).await, before, "{down}");
        base.jobs.undo(job, Direction::Down, &migration).await;
        assert_eq!(base.rows("SHOW TRIGGERS").await, [""; 0], "{down}");
    }
}

/// Teams of people with tasks that have notes, and a room that a team may have.
async fn teams() -> Base {
    let base = people().await;
    for sql in [
        "ALTER TABLE people DROP COLUMN changed_at",
        "CREATE TABLE teams (id INT PRIMARY KEY, lead INT, FOREIGN KEY (lead) REFERENCES people (id) ON DELETE CASCADE)",
        "CREATE TABLE tasks (id INT PRIMARY KEY, team INT, what TEXT, FOREIGN KEY (team) REFERENCES teams (id) ON DELETE CASCADE)",
        "CREATE TABLE notes (task INT, no INT, text TEXT, PRIMARY KEY (task, no), FOREIGN KEY (task) REFERENCES tasks (id) ON DELETE CASCADE)",
        "CREATE TABLE rooms (id INT PRIMARY KEY, team INT NULL, FOREIGN KEY (team) REFERENCES teams (id) ON DELETE SET NULL)",
        "INSERT INTO teams VALUES (1, 1), (2, 2), (3, 2)",
        "INSERT INTO tasks VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c')",
        "INSERT INTO notes VALUES (1, 1, 'n'), (2, 1, 'n'), (2, 2, 'm')",
        "INSERT INTO rooms VALUES (1, 1), (2, 2), (3, NULL)",
    ] {
        base.execute(sql).await;
    }
    base
}

/// Everything in them.
async fn all_of_teams(base: &Base) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for table in ["people", "teams", "tasks", "notes", "rooms"] {
        all.push(base.rows(&format!("SELECT * FROM {table} ORDER BY 1, 2")).await);
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_foreign_keys_take_along_come_back_wherever_the_worker_dies() {
    let migration = [scripts("1", "SELECT 1", "DELETE FROM people WHERE id = 2; UPDATE people SET note = 'n'")];
    let undisturbed = teams().await;
    undisturbed.jobs.run(Direction::Up, &migration).await;
    let before = all_of_teams(&undisturbed).await;
    let (_, down) = undisturbed.jobs.run(Direction::Down, &migration).await;
    assert_eq!(down.rows_preserved, 1 + 2 + 2 + 2 + 1 + 3);
    assert_eq!(undisturbed.rows("SELECT * FROM rooms ORDER BY id").await, ["1,1", "2,NULL", "3,NULL"]);
    let expected = (undisturbed.state().await, all_of_teams(&undisturbed).await);
    at_deaths(0, |death| {
        let (migration, before, expected) = (migration.clone(), before.clone(), expected.clone());
        async move {
            let base = teams().await;
            base.jobs.run(Direction::Up, &migration).await;
            let (job, ended) = base.jobs.run_dying(death, Direction::Down, &migration).await;
            if ended.is_some() {
                return false;
            }
            base.jobs.resume(job, Direction::Down, &migration).await.unwrap();
            assert_eq!((base.state().await, all_of_teams(&base).await), expected, "{death:?}");
            assert_eq!(base.rows("SHOW TRIGGERS").await, [""; 0], "{death:?}");
            let (_, up) = base.jobs.run(Direction::Up, &migration).await;
            assert_eq!(all_of_teams(&base).await, before, "{death:?}");
            assert!(up.warnings.is_empty(), "{death:?}: {:?}", up.warnings);

            let undone = teams().await;
            undone.jobs.run(Direction::Up, &migration).await;
            let (job, _) = undone.jobs.run_dying(death, Direction::Down, &migration).await;
            undone.jobs.undo(job, Direction::Down, &migration).await;
            assert_eq!(all_of_teams(&undone).await, before, "{death:?}");
            assert_eq!(undone.rows("SHOW TRIGGERS").await, [""; 0], "{death:?}");
            true
        }
    })
    .await;
}

#[tokio::test]
async fn taking_an_inserted_row_back_takes_no_row_of_others_along() {
    let base = teams().await;
    let up = "REPLACE INTO people (id, level) VALUES (9, 'new')";
    let migration = [scripts("1", up, "SELECT 1")];
    let (job, _) = base.jobs.run(Direction::Up, &migration).await;
    base.execute("INSERT INTO teams VALUES (9, 9)").await;
    base.jobs.undo(job, Direction::Up, &migration).await;
    assert_eq!(base.rows("SELECT * FROM teams WHERE id = 9").await, ["9,9"]);
    assert!(base.jobs.journal.progress_said("were changed since"));
}

#[tokio::test]
async fn a_user_who_may_not_make_triggers_is_told_what_to_grant() {
    let base = people().await;
    let engine = base.engine_with("SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, LOCK TABLES");
    let migration = [scripts("1", "SELECT 1", "DELETE FROM people")];
    let before = base.rows(ROWS).await;
    let error = engine.migrate(&base.jobs.claim(Job::new()), Direction::Down, &migration).await.unwrap_err();
    let hint = error.hint.as_ref().map(ToString::to_string).unwrap_or_default();
    assert!(hint.starts_with(&format!("GRANT TRIGGER ON `{}`.* TO 'limited_", base.target.database())), "{hint}");
    assert_eq!(base.rows(ROWS).await, before);
}

#[tokio::test]
async fn rows_that_do_not_become_what_they_were_are_told() {
    let base = people().await;
    let migration = [scripts("1", "SELECT 1", "UPDATE people SET level = 'x' WHERE id = 1")];
    base.jobs.run(Direction::Up, &migration).await;
    base.jobs.run(Direction::Down, &migration).await;
    base.execute("CREATE TRIGGER stubborn BEFORE UPDATE ON people FOR EACH ROW SET NEW.level = 'mine'").await;
    let (_, up) = base.jobs.run(Direction::Up, &migration).await;
    assert_eq!(base.rows("SELECT level FROM people WHERE id = 1").await, ["mine"]);
    assert!(up.warnings[0].to_string().contains("1 rows of people were changed since"), "{:?}", up.warnings);
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_rows_end_the_same_wherever_the_worker_dies() {
    let up = "ALTER TABLE people ADD COLUMN role VARCHAR(9); UPDATE people SET role = LEFT(level, 3);
              UPDATE people SET note = CONCAT(note, '!') WHERE id < 4";
    let down = "UPDATE people SET level = 'one' WHERE id = 1; DELETE FROM people WHERE id = 3;
                UPDATE people SET note = TRIM(TRAILING '!' FROM note); ALTER TABLE people DROP COLUMN role";
    let migration = [scripts("1", up, down)];
    let rows = "SELECT id, level, note, role FROM people ORDER BY id";
    let fresh = || async {
        let base = people().await;
        // It would be another one in each run.
        base.execute("ALTER TABLE people DROP COLUMN changed_at").await;
        base.jobs.run(Direction::Up, &migration).await;
        base.execute("UPDATE people SET role = 'own' WHERE id = 4").await;
        base
    };
    let undisturbed = fresh().await;
    let before = undisturbed.rows(rows).await;
    undisturbed.jobs.run(Direction::Down, &migration).await;
    let expected = (undisturbed.state().await, undisturbed.rows(ROWS).await);
    at_deaths(1, |death| {
        let (migration, expected, before, fresh) = (migration.clone(), expected.clone(), before.clone(), &fresh);
        async move {
            let base = fresh().await;
            let (job, ended) = base.jobs.run_dying(death, Direction::Down, &migration).await;
            if ended.is_some() {
                return false;
            }
            base.jobs.resume(job, Direction::Down, &migration).await.unwrap();
            assert_eq!((base.state().await, base.rows(ROWS).await), expected, "{death:?}");
            assert_eq!(base.rows("SHOW TRIGGERS").await, [""; 0], "{death:?}");
            let (_, again) = base.jobs.run(Direction::Up, &migration).await;
            assert_eq!(base.rows(rows).await, before, "{death:?} {:?}", again.warnings);

            let undone = fresh().await;
            let waiting = undone.jobs.journal.waiting();
            let (job, _) = undone.jobs.run_dying(death, Direction::Down, &migration).await;
            undone.jobs.undo(job, Direction::Down, &migration).await;
            assert_eq!(undone.rows(rows).await, before, "{death:?}");
            assert_eq!(undone.rows("SHOW TRIGGERS").await, [""; 0], "{death:?}");
            assert_eq!(undone.jobs.journal.waiting(), waiting, "{death:?}");
            true
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_up_that_is_taken_back_leaves_rows_as_they_were_wherever_it_ends() {
    let up = "UPDATE people SET level = 'all'; INSERT INTO people (id, level) VALUES (8, 'seed'); \
              DELETE FROM people WHERE id = 2; REPLACE INTO people (id, level) VALUES (3, 'r'), (7, 'r')";
    let down = "DELETE FROM people WHERE id = 8; UPDATE people SET level = 'lossy'";
    let migration = [scripts("1", up, down)];
    at_deaths(0, |death| {
        let migration = migration.clone();
        async move {
            let base = people().await;
            let before = base.rows(ROWS).await;
            let (job, ended) = base.jobs.run_dying(death, Direction::Up, &migration).await;
            base.jobs.undo(job, Direction::Up, &migration).await;
            let seed = base.rows("SELECT id FROM people WHERE id = 8").await;
            base.execute("DELETE FROM people WHERE id = 8").await;
            assert_eq!(base.rows(ROWS).await, before, "{death:?}");
            if ended.is_some() {
                assert!(seed.is_empty(), "what the up inserted is the down's business");
                // The seed, which somebody may have edited.
                let waiting: Vec<u64> = base.jobs.journal.waiting().iter().map(|kept| kept.rows).collect();
                assert_eq!(waiting, [1]);
            }
            assert_eq!(base.rows("SHOW TRIGGERS").await, [""; 0], "{death:?}");
            ended.is_none()
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_in_the_middle_of_changing_rows_has_changed_and_kept_none() {
    let base = people().await;
    // A trigger of the application's stands still at the third row until the gate opens.
    let gate = format!("gate_{}", base.target.database());
    base.execute(&format!(
        "CREATE TRIGGER slow BEFORE UPDATE ON people FOR EACH ROW BEGIN IF OLD.id = 3 THEN DO GET_LOCK('{gate}', 60); END IF; END"
    ))
    .await;
    let mut keeper = base.session().await;
    keeper.execute(&format!("DO GET_LOCK('{gate}', 0)")).await.unwrap();
    let migration = [scripts("1", "SELECT 1", "UPDATE people SET level = CONCAT(level, '!')")];
    base.jobs.run(Direction::Up, &migration).await;
    let before = base.rows(ROWS).await;
    let job = Job::new();
    let cx = base.jobs.claim(job);
    let mut orphan = Box::pin(base.jobs.engine.migrate(&cx, Direction::Down, &migration));
    let waits = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE = 'User lock' AND DB = DATABASE()";
    tokio::select! {
        ended = &mut orphan => panic!("{ended:?}"),
        seen = testkit::eventually(Duration::from_secs(10), || async { base.rows(waits).await == ["1"] }) => seen.unwrap(),
    }
    assert_eq!(base.rows("SHOW TRIGGERS").await.len(), 2);
    let stuck = base.jobs.journal.connection(job.0).unwrap();
    // The worker is stopped here, not dead: nobody polls it, and its connection is open.
    let taker = base.jobs.claim(job);
    let mut taking = Box::pin(base.jobs.engine.migrate(&taker, Direction::Down, &migration));
    let gone = format!("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = {stuck}");
    tokio::select! {
        ended = &mut taking => panic!("{ended:?}"),
        seen = testkit::eventually(Duration::from_secs(10), || async { base.rows(&gone).await == ["0"] }) => seen.unwrap(),
    }
    assert_eq!(base.rows(ROWS).await, before);
    keeper.execute(&format!("DO RELEASE_LOCK('{gate}')")).await.unwrap();
    assert_eq!(taking.await.unwrap().rows_preserved, 4);
    orphan.await.unwrap_err();
    assert_eq!(base.rows("SELECT level FROM people ORDER BY id").await, ["guest!", "owner!", "Guest !", "admin!"]);
    assert_eq!(base.rows("SHOW TRIGGERS").await.len(), 1);
    base.execute("DROP TRIGGER slow").await;
    base.jobs.run(Direction::Up, &migration).await;
    assert_eq!(base.rows(ROWS).await, before);
}
