//! Large tables: copied in pieces while the application writes, and locked for what it wrote since.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use data_engine::{Cell, Scripts};
use domain::ledger::Direction;
use saga::Keeper;

use crate::support::mariadb::Base;
use crate::support::{Death, Job, scripts};

const DROP: &str = "ALTER TABLE people DROP COLUMN secret";

fn drop_secret() -> [Scripts; 1] {
    [scripts("1", "ALTER TABLE people ADD COLUMN secret VARCHAR(40) NOT NULL DEFAULT ''", DROP)]
}

/// A table whose column was added and filled since.
async fn people(rows: u32) -> Base {
    let base = Base::new();
    base.execute("CREATE TABLE people (id INT PRIMARY KEY, name VARCHAR(20) NOT NULL DEFAULT '')").await;
    base.jobs.run(Direction::Up, &drop_secret()).await;
    base.execute(&format!("INSERT INTO people (id, secret) SELECT seq, CONCAT('s-', seq) FROM seq_1_to_{rows}")).await;
    base
}

fn copy_of(base: &Base) -> (String, u64) {
    let waiting = base.jobs.journal.waiting();
    let kept = waiting.last().unwrap();
    let Keeper::Columns { keep_database, keep_table, .. } = &kept.keeper else { panic!("{kept:?}") };
    (format!("`{keep_database}`.`{keep_table}`"), kept.rows)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_while_a_large_column_is_copied_is_in_the_copy_or_refused() {
    let base = people(30_000).await;
    let target = base.target.clone();
    let writer = tokio::spawn(async move {
        let mut session = target.connect(&driver_mariadb::SessionOptions::default()).await.unwrap();
        let mut written: BTreeMap<u32, Option<String>> = BTreeMap::new();
        for n in 0_u32.. {
            // All over the table, what is copied already and what is not yet.
            let (row, gone, new) = (n * 7_919 % 30_000 + 1, n * 104_729 % 30_000 + 1, 100_000 + n);
            let update = format!("UPDATE people SET secret = 'w-{n}' WHERE id = {row}");
            match session.execute(&update).await {
                Ok(done) if done.rows_affected == 1 => drop(written.insert(row, Some(format!("w-{n}")))),
                Ok(_) => {}
                Err(_) => return written,
            }
            // Named, so that it is refused once the column is gone.
            let delete = format!("DELETE FROM people WHERE id = {gone} AND secret IS NOT NULL");
            if n % 3 == 0 && session.execute(&delete).await.is_ok() {
                written.insert(gone, None);
            }
            let insert = format!("INSERT INTO people (id, secret) VALUES ({new}, 'n-{n}')");
            if session.execute(&insert).await.is_ok() {
                written.insert(new, Some(format!("n-{n}")));
            }
        }
        written
    });
    base.jobs.run(Direction::Down, &drop_secret()).await;
    let written = writer.await.unwrap();
    assert!(written.len() > 10, "the writer hardly wrote: {}", written.len());
    assert!(base.jobs.journal.progress_said("\"copying\":\"people\""), "it was not told how far the copy is");
    let (copy, rows) = copy_of(&base);
    let mut expected: BTreeMap<u32, String> = (1..=30_000).map(|id| (id, format!("s-{id}"))).collect();
    for (id, secret) in written {
        match secret {
            Some(secret) => drop(expected.insert(id, secret)),
            None => drop(expected.remove(&id)),
        }
    }
    let found = base.rows(&format!("SELECT COUNT(*), SUM(CRC32(CONCAT(id, secret))) FROM {copy}")).await;
    base.execute("CREATE TABLE expected (id INT PRIMARY KEY, secret VARCHAR(40))").await;
    let values: Vec<String> = expected.iter().map(|(id, secret)| format!("({id}, '{secret}')")).collect();
    for some in values.chunks(5_000) {
        base.execute(&format!("INSERT INTO expected VALUES {}", some.join(", "))).await;
    }
    assert_eq!(found, base.rows("SELECT COUNT(*), SUM(CRC32(CONCAT(id, secret))) FROM expected").await);
    assert_eq!(rows, expected.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_was_begun_is_gone_on_with_and_holds_what_was_written_meanwhile() {
    let base = people(12_000).await;
    // When the copy is made, and before it is journalled: the first write is that of the connection.
    let (job, ended) = base.jobs.run_dying(Death::Before(1), Direction::Down, &drop_secret()).await;
    assert!(ended.is_none());
    let database = base.target.database();
    let tables =
        format!("SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'backout_keep_{database}'");
    assert_eq!(base.rows(&tables).await, ["1"], "the copy was begun");
    base.execute("UPDATE people SET secret = 'later' WHERE id = 5").await;
    base.execute("DELETE FROM people WHERE id = 6").await;
    base.execute("INSERT INTO people (id, secret) VALUES (-1, 'before all'), (99999, 'behind all')").await;
    base.jobs.resume(job, Direction::Down, &drop_secret()).await.unwrap();
    let (copy, rows) = copy_of(&base);
    let odd = format!("SELECT id, secret FROM {copy} WHERE secret <> CONCAT('s-', id) ORDER BY id");
    assert_eq!(base.rows(&odd).await, ["-1,before all", "5,later", "99999,behind all"]);
    assert_eq!(rows, 12_001);
    base.jobs.run(Direction::Up, &drop_secret()).await;
    assert_eq!(
        base.rows("SELECT secret FROM people WHERE id IN (5, 7, 99999) ORDER BY id").await,
        ["later", "s-7", "behind all"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_every_kind_lead_through_the_whole_table() {
    for (key, values) in [
        ("a VARCHAR(20), b INT, PRIMARY KEY (a, b)", "CONCAT('k', seq DIV 100), seq"),
        ("a BINARY(16), PRIMARY KEY (a)", "UNHEX(MD5(seq))"),
        (
            "a DATETIME(6), b TINYINT UNSIGNED, PRIMARY KEY (a, b)",
            "'2024-01-01' + INTERVAL seq DIV 50 SECOND, seq % 50",
        ),
        ("a DECIMAL(30,10), PRIMARY KEY (a)", "seq / 7"),
        ("a ENUM('z', 'y', 'x'), b INT, PRIMARY KEY (a, b)", "1 + seq % 3, seq"),
        ("a VARCHAR(40) COLLATE utf8mb4_unicode_ci, PRIMARY KEY (a)", "CONCAT(IF(seq % 2, 'Ä', 'a'), seq)"),
        ("a BIGINT UNSIGNED, PRIMARY KEY (a)", "18446744073709551615 - seq"),
        ("a FLOAT, b INT, PRIMARY KEY (a, b)", "seq / 3, seq"),
    ] {
        let base = Base::new();
        base.execute(&format!("CREATE TABLE people ({key})")).await;
        let down = [scripts("1", "ALTER TABLE people ADD COLUMN secret VARCHAR(20)", DROP)];
        base.jobs.run(Direction::Up, &down).await;
        base.execute(&format!("INSERT INTO people SELECT {values}, CONCAT('s-', seq) FROM seq_1_to_11000")).await;
        let before = base.rows("SELECT COUNT(*), SUM(CRC32(secret)) FROM people").await;
        base.jobs.run(Direction::Down, &down).await;
        let (copy, _) = copy_of(&base);
        assert_eq!(base.rows(&format!("SELECT COUNT(*), SUM(CRC32(secret)) FROM {copy}")).await, before, "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn types_of_a_large_table_are_changed_with_what_was_lost_put_aside() {
    let base = Base::new();
    base.execute("CREATE TABLE people (id INT PRIMARY KEY, name VARCHAR(40))").await;
    base.execute("INSERT INTO people SELECT seq, REPEAT('x', seq % 30) FROM seq_1_to_15000").await;
    let narrow = "SET sql_mode = ''; ALTER TABLE people MODIFY name VARCHAR(20)";
    let change = [scripts("1", narrow, "ALTER TABLE people MODIFY name VARCHAR(40)")];
    let (_, migrated) = base.jobs.run(Direction::Up, &change).await;
    assert_eq!(migrated.rows_preserved, 4_500);
    base.jobs.run(Direction::Down, &change).await;
    assert_eq!(base.rows("SELECT COUNT(*) FROM people WHERE name <> REPEAT('x', id % 30)").await, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pace_that_was_set_is_kept() {
    let base = people(12_000).await;
    let engine = base.engine_with("ALL").with_pace(Some(8_000));
    let begun = Instant::now();
    engine.migrate(&base.jobs.claim(Job::new()), Direction::Down, &drop_secret()).await.unwrap();
    // 12,000 rows, of which the last piece waits for nobody.
    assert!(begun.elapsed() > Duration::from_millis(500), "{:?}", begun.elapsed());
    assert_eq!(copy_of(&base).1, 12_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_put_aside_is_read_row_by_row_with_its_types() {
    let base = Base::new();
    base.execute("CREATE TABLE people (id INT PRIMARY KEY)").await;
    let add = "ALTER TABLE people ADD COLUMN n BIGINT UNSIGNED, ADD COLUMN d DECIMAL(30,2), ADD COLUMN f FLOAT, \
               ADD COLUMN b VARBINARY(8), ADD COLUMN t TEXT, ADD COLUMN at DATETIME(3)";
    let drop = "ALTER TABLE people DROP COLUMN n, DROP COLUMN d, DROP COLUMN f, DROP COLUMN b, DROP COLUMN t, \
                DROP COLUMN at";
    let migration = [scripts("1", add, drop)];
    base.jobs.run(Direction::Up, &migration).await;
    base.execute(
        "INSERT INTO people VALUES (1, 18446744073709551615, 1.10, 0.1, x'00ff', 'ö', '2024-01-02 03:04:05.678'), \
         (2, NULL, NULL, NULL, NULL, '', NULL)",
    )
    .await;
    base.jobs.run(Direction::Down, &migration).await;
    let kept = base.jobs.journal.waiting().pop().unwrap();
    let engine = &base.jobs.engine;
    let mut rows = engine.kept_rows(&kept.keeper, None).await.unwrap();
    assert_eq!(rows.columns, ["id", "n", "d", "f", "b", "t", "at"]);
    let number = |text: &str| Cell::Number(text.into());
    let text = |text: &str| Cell::Text(text.into());
    let first = rows.next().await.unwrap().unwrap();
    let float: f64 = match &first[3] {
        Cell::Number(text) => text.parse().unwrap(),
        other => panic!("{other:?}"),
    };
    assert!((float - f64::from(0.1_f32)).abs() < f64::EPSILON, "a FLOAT has all of its digits: {float}");
    assert_eq!(first[..3], [number("1"), number("18446744073709551615"), text("1.10")]);
    assert_eq!(first[4..], [Cell::Bytes(vec![0, 255]), text("ö"), text("2024-01-02 03:04:05.678")]);
    let second = rows.next().await.unwrap().unwrap();
    assert_eq!(second[1..5], [Cell::Null, Cell::Null, Cell::Null, Cell::Null]);
    assert_eq!(second[5], text(""));
    assert!(rows.next().await.is_none());

    let bytes = engine.kept_bytes(std::slice::from_ref(&kept.keeper)).await.unwrap();
    assert!(bytes[&kept.keeper.place()] > 0);
    for _ in 0..2 {
        engine.drop_kept(&kept.keeper).await.unwrap();
    }
    assert!(engine.kept_rows(&kept.keeper, None).await.is_err());
    assert_eq!(base.rows("SELECT COUNT(*) FROM people").await, ["2"], "nothing of the application's is touched");
}

/// How long writers wait for one statement while a column of a large table is put aside and dropped, and what it takes of
/// our memory: 5 million rows in the long form.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_table_takes_little_memory_and_holds_up_writers_for_a_part_of_the_time() {
    let rows = if std::env::var_os("BACKOUT_TEST_CHAOS").is_some() { 5_000_000 } else { 50_000 };
    let base = people(rows).await;
    let before = resident_kib();
    let target = base.target.clone();
    let writer = tokio::spawn(async move {
        let options = driver_mariadb::SessionOptions { lock_wait: Duration::from_mins(10), ..Default::default() };
        let mut session = target.connect(&options).await.unwrap();
        let (mut longest, mut total) = (Duration::ZERO, 0_u64);
        loop {
            let begun = Instant::now();
            let update = format!("UPDATE people SET secret = 'w' WHERE id = {}", total * 7_919 % u64::from(rows) + 1);
            let written = session.execute(&update).await;
            longest = longest.max(begun.elapsed());
            if written.is_err() {
                return (longest, total);
            }
            total += 1;
        }
    });
    let begun = Instant::now();
    base.jobs.run(Direction::Down, &drop_secret()).await;
    let took = begun.elapsed();
    let (longest, writes) = writer.await.unwrap();
    let grown = resident_kib().saturating_sub(before);
    println!("{rows} rows: {took:?}, a writer waited {longest:?} at most, {writes} writes; {grown} KiB more memory");
    assert!(grown < 300 * 1024, "{grown} KiB");
    assert_eq!(copy_of(&base).1, u64::from(rows));
    base.jobs.run(Direction::Up, &drop_secret()).await;
    assert_eq!(base.rows("SELECT COUNT(*) FROM people WHERE secret = ''").await, ["0"]);
}

/// The most that this process ever had in memory, KiB.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
