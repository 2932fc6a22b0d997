//! An application that goes on writing while a down changes rows and takes rows, values, columns and tables away.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use domain::ledger::Direction;
use driver_mariadb::Session;

use crate::support::mariadb::Base;
use crate::support::scripts;

const SEED: &str = "CREATE TABLE changed (id INT PRIMARY KEY, v VARCHAR(20));
CREATE TABLE removed (id INT PRIMARY KEY, v VARCHAR(20));
CREATE TABLE narrowed (id INT PRIMARY KEY, v VARCHAR(4));
CREATE TABLE lacking (id INT PRIMARY KEY);";
const UP: &str = "CREATE TABLE dropped (id INT PRIMARY KEY, v VARCHAR(20));
ALTER TABLE lacking ADD COLUMN v VARCHAR(20) NULL;
ALTER TABLE narrowed MODIFY COLUMN v VARCHAR(20);";
const DOWN: &str = "SET sql_mode = '';
UPDATE changed SET v = 'overwritten';
DELETE FROM removed;
ALTER TABLE narrowed MODIFY COLUMN v VARCHAR(4);
ALTER TABLE lacking DROP COLUMN v;
DROP TABLE dropped;";
const TABLES: [&str; 5] = ["changed", "removed", "narrowed", "lacking", "dropped"];
/// Writers side by side, each with rows of its own.
const WRITERS: u32 = 2;
/// What they have written before the down begins.
const HEAD_START: u32 = 60;

/// What the server said to one writer.
#[derive(Default)]
struct Written {
    /// The value that each row has, by the last statement that the server confirmed for it.
    rows: BTreeMap<(&'static str, u32), String>,
    committed: u32,
    refused: u32,
}

impl Written {
    /// Runs a statement on one row. Whether it took effect.
    async fn execute(&mut self, session: &mut Session, sql: &str) -> bool {
        // A row that is put aside is not found: that is no write.
        let took_effect = session.execute(sql).await.is_ok_and(|executed| executed.rows_affected == 1);
        *(if took_effect { &mut self.committed } else { &mut self.refused }) += 1;
        took_effect
    }
}

async fn write(base: &Base, writer: u32, written_so_far: &AtomicU32, stop: &AtomicBool) -> Written {
    let mut session = base.session().await;
    let mut written = Written::default();
    for number in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        for table in TABLES {
            let (id, before) = (writer + WRITERS * number, writer + WRITERS * (number / 2));
            let value = format!("inserted-{id}");
            if written.execute(&mut session, &format!("INSERT INTO {table} (id, v) VALUES ({id}, '{value}')")).await {
                written.rows.insert((table, id), value);
            }
            let value = format!("updated-{id}");
            if number % 3 == 0
                && written.execute(&mut session, &format!("UPDATE {table} SET v = '{value}' WHERE id = {before}")).await
            {
                written.rows.insert((table, before), value);
            }
            if number % 5 == 4
                && written.execute(&mut session, &format!("DELETE FROM {table} WHERE id = {before}")).await
            {
                written.rows.remove(&(table, before));
            }
        }
        written_so_far.store(written.committed, Ordering::SeqCst);
    }
    session.close().await;
    written
}

async fn rows_of(base: &Base, table: &'static str) -> BTreeMap<(&'static str, u32), String> {
    let rows = base.rows(&format!("SELECT id, v FROM {table}")).await;
    let cells = rows.iter().map(|row| row.split_once(',').unwrap());
    cells.map(|(id, value)| ((table, id.parse().unwrap()), value.to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_committed_write_is_back_after_the_next_up() {
    let runs = if std::env::var_os("BACKOUT_TEST_CHAOS").is_some() { 100 } else { 3 };
    let (mut committed, mut refused, mut aside) = (0, 0, 0);
    for run in 0..runs {
        let base = Arc::new(Base::new());
        base.script(SEED).await;
        let migration = [scripts("1", UP, DOWN)];
        base.jobs.run(Direction::Up, &migration).await;
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (base, stop, so_far) = (Arc::clone(&base), Arc::clone(&stop), Arc::new(AtomicU32::new(0)));
                let counted = Arc::clone(&so_far);
                (tokio::spawn(async move { write(&base, writer, &counted, &stop).await }), so_far)
            })
            .collect();
        let began = || async { writers.iter().all(|(_, so_far)| so_far.load(Ordering::SeqCst) >= HEAD_START) };
        testkit::eventually(Duration::from_secs(30), began).await.unwrap();
        let (_, down) = base.jobs.run(Direction::Down, &migration).await;
        stop.store(true, Ordering::SeqCst);
        let mut expected = BTreeMap::new();
        for (writer, _) in writers {
            let written = writer.await.unwrap();
            committed += written.committed;
            refused += written.refused;
            expected.extend(written.rows);
        }
        aside += down.rows_preserved;
        assert!(down.rows_preserved > 0, "run {run}");

        base.jobs.run(Direction::Up, &migration).await;
        let mut found = BTreeMap::new();
        for table in TABLES {
            found.extend(rows_of(&base, table).await);
        }
        let differing: Vec<_> = expected
            .iter()
            .filter(|(row, value)| found.get(*row) != Some(value))
            .map(|(row, value)| format!("{row:?} is {:?}, not {value}", found.get(row)))
            .chain(found.keys().filter(|row| !expected.contains_key(*row)).map(|row| format!("{row:?} is there again")))
            .collect();
        assert!(differing.is_empty(), "run {run}: {differing:?}");
    }
    println!("{runs} runs, {committed} committed writes, {refused} refused ones, {aside} rows put aside");
}
