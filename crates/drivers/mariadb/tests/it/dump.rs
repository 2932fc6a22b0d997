use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use driver_mariadb::{DumpLimits, DumpReport, Error, Target, dump, fingerprint, restore, verify};
use testkit::shared_mariadb;

use crate::{connect, database, run, target};

const LIMIT: Duration = Duration::from_mins(1);

const CONTENT: &str = r#"
CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(100), secret VARBINARY(16), doc JSON);
INSERT INTO users VALUES (1, 'ü\n''";-- Dump', X'00FF10', '{"a": [1]}'), (2, NULL, NULL, NULL);
CREATE TABLE empty_ (id INT AUTO_INCREMENT PRIMARY KEY, u INT, CONSTRAINT to_users FOREIGN KEY (u) REFERENCES users (id));
CREATE VIEW names AS SELECT name FROM users;
CREATE TRIGGER t BEFORE INSERT ON users FOR EACH ROW BEGIN SET NEW.name = TRIM(NEW.name); END;
CREATE PROCEDURE p(a INT) BEGIN SELECT a; SELECT ';'; END;
CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM users WHERE id < 0;
"#;

fn limits() -> DumpLimits {
    DumpLimits { max_bytes: 1 << 30, timeout: LIMIT }
}

async fn filled() -> Target {
    let target = database("dump");
    run(&mut connect(&target).await, CONTENT).await;
    target
}

async fn dumped(target: &Target, path: &Path) -> DumpReport {
    dump(target, path, limits(), &Arc::default()).await.unwrap()
}

fn files(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

#[tokio::test]
async fn a_dump_restores_schema_and_rows() {
    let origin = filled().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.sql.zst");
    let report = dumped(&origin, &path).await;
    assert_eq!(report.tables, 2);
    assert_eq!(report.bytes_compressed, fs::metadata(&path).unwrap().len());
    assert_eq!(files(folder.path()), 1);
    let verified = verify(&path, &report.sha256).await.unwrap();
    assert_eq!((verified.tables, verified.bytes_raw), (2, report.bytes_raw));

    let copy = target(&shared_mariadb().create_database("restored").unwrap());
    restore(&copy, &path, &report.sha256, LIMIT).await.unwrap();
    let (mut a, mut b) = (connect(&origin).await, connect(&copy).await);
    let (before, after) =
        (fingerprint(&mut a, origin.database()).await.unwrap(), fingerprint(&mut b, copy.database()).await.unwrap());
    assert_eq!(before.diff(&after), []);
    let columns = ["id", "name", "secret", "doc"];
    assert_eq!(a.checksum("users", &columns).await.unwrap(), b.checksum("users", &columns).await.unwrap());
}

#[tokio::test]
async fn a_tampered_dump_is_refused() {
    let origin = filled().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.sql.zst");
    let report = dumped(&origin, &path).await;
    let good = fs::read(&path).unwrap();
    let mut flipped = good.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let longer = [&good[..], b"more"].concat();
    let copy = database("refused");
    for bad in [&flipped[..], &good[..good.len() - 1], &longer, b"", b"text"] {
        fs::write(&path, bad).unwrap();
        for error in [
            verify(&path, &report.sha256).await.unwrap_err(),
            restore(&copy, &path, &report.sha256, LIMIT).await.unwrap_err(),
        ] {
            assert!(matches!(error, Error::DumpUnusable { .. }), "{error}");
        }
    }
    let mut session = connect(&copy).await;
    let shown = session.execute("SHOW TABLES").await.unwrap();
    assert!(shown.result_sets.is_empty());
}

#[tokio::test]
async fn a_dump_without_its_last_line_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.sql.zst");
    let cut = zstd::encode_all(&b"CREATE TABLE `a` (a INT);\n"[..], 3).unwrap();
    fs::write(&path, &cut).unwrap();
    let sha256 = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&cut));
    let error = verify(&path, &sha256).await.unwrap_err();
    assert!(error.to_string().contains("cut short"), "{error}");
}

#[tokio::test]
async fn a_dump_that_fails_leaves_no_file() {
    let origin = filled().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.sql.zst");

    let missing = target("backout_no_such_database");
    let error = dump(&missing, &path, limits(), &Arc::default()).await.unwrap_err();
    assert!(matches!(&error, Error::Tool { stderr, .. } if stderr.contains("1049")), "{error}");

    // A view on a table that is gone makes mariadb-dump stop in the middle.
    let broken = database("broken");
    run(
        &mut connect(&broken).await,
        "CREATE TABLE a (a INT); CREATE TABLE b (a INT); CREATE VIEW v AS SELECT * FROM b; DROP TABLE b",
    )
    .await;
    let error = dump(&broken, &path, limits(), &Arc::default()).await.unwrap_err();
    assert!(matches!(error, Error::Tool { .. }), "{error}");

    let small = DumpLimits { max_bytes: 100, timeout: LIMIT };
    let mut session = connect(&origin).await;
    run(&mut session, "CREATE TABLE big AS SELECT MD5(seq) AS a FROM seq_1_to_20000").await;
    let error = dump(&origin, &path, small, &Arc::default()).await.unwrap_err();
    assert!(matches!(error, Error::DumpUnusable { .. }), "{error}");

    let hasty = DumpLimits { max_bytes: 1 << 30, timeout: Duration::ZERO };
    let error = dump(&origin, &path, hasty, &Arc::default()).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
    testkit::eventually(LIMIT, async || files(folder.path()) == 0).await.unwrap();
}

#[tokio::test]
async fn an_empty_database_can_be_dumped() {
    let target = database("empty");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.sql.zst");
    let report = dumped(&target, &path).await;
    assert_eq!(report.tables, 0);
    verify(&path, &report.sha256).await.unwrap();
}
