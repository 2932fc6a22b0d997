use driver_mariadb::{Change, Difference, Fingerprint, Session, fingerprint};

use crate::{connect, database, run};

const BASE: &str = "
CREATE TABLE users (id INT AUTO_INCREMENT PRIMARY KEY, email VARCHAR(100) NOT NULL);
CREATE TABLE posts (id INT PRIMARY KEY, author INT, KEY (author),
  CONSTRAINT posts_author FOREIGN KEY (author) REFERENCES users (id));
CREATE VIEW emails AS SELECT email FROM users;
CREATE FUNCTION twice(a INT) RETURNS INT DETERMINISTIC RETURN 2 * a;
CREATE TRIGGER lower_ BEFORE INSERT ON users FOR EACH ROW SET NEW.email = LOWER(NEW.email);
CREATE TABLE parts (a INT) PARTITION BY RANGE (a) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE);
";

async fn take(session: &mut Session, database: &str) -> Fingerprint {
    fingerprint(session, database).await.unwrap()
}

#[tokio::test]
async fn it_is_the_same_after_up_and_down_and_another_in_between() {
    let target = database("updown");
    let mut session = connect(&target).await;
    run(&mut session, BASE).await;
    let before = take(&mut session, target.database()).await;
    run(&mut session, "ALTER TABLE users ADD COLUMN two_factor_secret VARCHAR(64) NULL AFTER id").await;
    let between = take(&mut session, target.database()).await;
    assert_ne!(before.sha256, between.sha256);
    let changes = before.diff(&between);
    assert!(
        matches!(
            &changes[..],
            [
                Difference { object: moved, change: Change::Changed { .. } },
                Difference { object: added, change: Change::Added { .. } },
            ] if moved == "column users.email" && added == "column users.two_factor_secret"
        ),
        "{changes:?}"
    );
    run(&mut session, "ALTER TABLE users DROP COLUMN two_factor_secret").await;
    let after = take(&mut session, target.database()).await;
    assert_eq!(before, after);
    assert_eq!(before.diff(&after), []);
}

#[tokio::test]
async fn every_kind_of_object_counts() {
    let target = database("kinds");
    let mut session = connect(&target).await;
    run(&mut session, BASE).await;
    let before = take(&mut session, target.database()).await;
    for (up, down, object) in [
        ("CREATE TABLE t (a INT)", "DROP TABLE t", "table t"),
        ("CREATE INDEX i ON users (email(5))", "DROP INDEX i ON users", "index users.i"),
        (
            "ALTER TABLE users ADD CONSTRAINT c CHECK (email <> '')",
            "ALTER TABLE users DROP CONSTRAINT c",
            "check users.c",
        ),
        ("ALTER TABLE users COMMENT 'x'", "ALTER TABLE users COMMENT ''", "table users"),
        (
            "ALTER TABLE users ALTER email SET DEFAULT 'NULL'",
            "ALTER TABLE users ALTER email DROP DEFAULT",
            "column users.email",
        ),
        (
            "ALTER TABLE posts DROP FOREIGN KEY posts_author",
            "ALTER TABLE posts ADD CONSTRAINT posts_author FOREIGN KEY (author) REFERENCES users (id)",
            "foreign key posts.posts_author",
        ),
        (
            "CREATE OR REPLACE VIEW emails AS SELECT 1 AS email",
            "CREATE OR REPLACE VIEW emails AS SELECT email FROM users",
            "view emails",
        ),
        (
            "CREATE OR REPLACE FUNCTION twice(a INT) RETURNS INT DETERMINISTIC RETURN a + a",
            "CREATE OR REPLACE FUNCTION twice(a INT) RETURNS INT DETERMINISTIC RETURN 2 * a",
            "routine function twice",
        ),
        (
            "CREATE OR REPLACE FUNCTION twice(a BIGINT) RETURNS INT DETERMINISTIC RETURN 2 * a",
            "CREATE OR REPLACE FUNCTION twice(a INT) RETURNS INT DETERMINISTIC RETURN 2 * a",
            "routine function twice",
        ),
        ("CREATE TRIGGER t BEFORE DELETE ON users FOR EACH ROW SET @a = 1", "DROP TRIGGER t", "trigger users.t"),
        ("CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1", "DROP EVENT e", "event e"),
        (
            "ALTER TABLE parts REORGANIZE PARTITION p0, p1 INTO (PARTITION p0 VALUES LESS THAN (9), PARTITION p1 VALUES LESS THAN MAXVALUE)",
            "ALTER TABLE parts REORGANIZE PARTITION p0, p1 INTO (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE)",
            "partition parts.p0",
        ),
    ] {
        run(&mut session, up).await;
        let changed = take(&mut session, target.database()).await;
        let objects: Vec<_> = before.diff(&changed).into_iter().map(|d| d.object).collect();
        assert!(objects.iter().any(|found| found == object), "{up}: {objects:?}");
        run(&mut session, down).await;
        let after = take(&mut session, target.database()).await;
        assert_eq!(before.diff(&after), [], "{down}");
    }
}

#[tokio::test]
async fn rows_counters_and_objects_of_ours_do_not_count() {
    let target = database("outside");
    let mut session = connect(&target).await;
    run(&mut session, BASE).await;
    let before = take(&mut session, target.database()).await;
    run(
        &mut session,
        "INSERT INTO users (email) VALUES ('a'), ('b'); DELETE FROM users;
         ALTER TABLE users AUTO_INCREMENT = 1000;
         CREATE TABLE backout_journal (id INT PRIMARY KEY, CHECK (id > 0));
         CREATE VIEW backout_view AS SELECT 1 AS a;
         CREATE PROCEDURE backout_routine() SELECT 1;
         CREATE TRIGGER backout_trigger BEFORE DELETE ON users FOR EACH ROW SET @a = 1;
         CREATE TRIGGER t BEFORE DELETE ON backout_journal FOR EACH ROW SET @a = 1",
    )
    .await;
    assert_eq!(before, take(&mut session, target.database()).await);
}

#[tokio::test]
async fn a_copy_under_another_name_has_the_same_one() {
    let (first, second) = (database("copy_a"), database("copy_b"));
    let (mut a, mut b) = (connect(&first).await, connect(&second).await);
    run(&mut a, BASE).await;
    run(&mut b, BASE).await;
    let (a, b) = (take(&mut a, first.database()).await, take(&mut b, second.database()).await);
    assert_eq!(a.diff(&b), []);
    assert_eq!(a.sha256, b.sha256);
}

#[tokio::test]
async fn wide_indexes_are_told_apart_to_their_end() {
    let target = database("wide");
    let mut session = connect(&target).await;
    let name = |at: usize| format!("{}{at:02}", "c".repeat(60));
    let columns: Vec<_> = (0..32).map(|at| format!("{} INT", name(at))).collect();
    run(&mut session, &format!("CREATE TABLE t ({})", columns.join(", "))).await;
    let mut taken = Vec::new();
    for last in [30, 31] {
        let keys: Vec<_> = (0..30).chain([last]).map(name).collect();
        run(&mut session, &format!("CREATE INDEX i ON t ({})", keys.join(", "))).await;
        taken.push(take(&mut session, target.database()).await);
        run(&mut session, "DROP INDEX i ON t").await;
    }
    let objects: Vec<_> = taken[0].diff(&taken[1]).into_iter().map(|difference| difference.object).collect();
    assert_eq!(objects, ["index t.i"]);
}
