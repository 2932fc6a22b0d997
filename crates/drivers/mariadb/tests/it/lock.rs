use std::time::{Duration, Instant};

use driver_mariadb::{Error, Killed, SessionOptions};
use testkit::eventually;

use crate::{connect, database, run};

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_lock_is_held_by_one_connection_at_a_time() {
    let target = database("lock");
    let name = format!("backout:{}", target.database());
    let (mut first, mut second) = (connect(&target).await, connect(&target).await);

    first.lock(&name, Duration::ZERO).await.unwrap();
    first.assert_lock(&name).await.unwrap();
    assert_eq!(target.lock_holder(&name).await.unwrap(), Some(first.connection_id()));
    let refused = second.lock(&name, Duration::ZERO).await.unwrap_err();
    assert!(matches!(refused, Error::LockHeld { holder: Some(id), .. } if id == first.connection_id()));
    assert!(refused.is_transient());
    assert!(matches!(second.assert_lock(&name).await.unwrap_err(), Error::LockNotOurs { .. }));
    assert!(matches!(second.unlock(&name).await.unwrap_err(), Error::LockNotOurs { .. }));

    first.unlock(&name).await.unwrap();
    second.lock(&name, Duration::ZERO).await.unwrap();
    second.close().await;
    eventually(PATIENCE, async || target.lock_holder(&name).await.unwrap().is_none()).await.unwrap();
}

#[tokio::test]
async fn waiting_for_a_lock_has_an_end() {
    let target = database("lockwait");
    let (mut first, mut second) = (connect(&target).await, connect(&target).await);
    let name = target.database();
    first.lock(name, Duration::ZERO).await.unwrap();

    let started = Instant::now();
    let error = second.lock(name, Duration::from_millis(900)).await.unwrap_err();
    let waited = started.elapsed();
    assert!(matches!(error, Error::LockHeld { .. }), "{error}");
    assert!(waited >= Duration::from_millis(900) && waited < Duration::from_secs(10));
}

#[tokio::test]
async fn long_names_are_locks_of_their_own() {
    let target = database("locknames");
    let (mut first, mut second) = (connect(&target).await, connect(&target).await);
    let long = format!("{}{}", target.database(), "ü".repeat(200));
    first.lock(&long, Duration::ZERO).await.unwrap();
    first.assert_lock(&long).await.unwrap();
    second.lock(&format!("{long}x"), Duration::ZERO).await.unwrap();
    second.lock(&long, Duration::ZERO).await.unwrap_err();
}

#[tokio::test]
async fn killing_the_holder_frees_its_lock_at_once() {
    let target = database("kill");
    let name = target.database();
    let mut holder = connect(&target).await;
    holder.lock(name, Duration::ZERO).await.unwrap();

    let id = holder.connection_id();
    assert_eq!(target.kill(id).await.unwrap(), Killed::Killed);
    assert_eq!(target.lock_holder(name).await.unwrap(), None);
    assert_eq!(target.kill(id).await.unwrap(), Killed::AlreadyGone);

    let error = holder.execute("SELECT 1").await.unwrap_err();
    assert!(error.is_connection_lost() && error.is_transient(), "{error}");
    let error = holder.assert_lock(name).await.unwrap_err();
    assert!(error.is_connection_lost(), "{error}");
}

#[tokio::test]
async fn an_orphan_inside_an_alter_keeps_the_lock_until_it_is_killed() {
    let target = database("orphan");
    let name = target.database().to_owned();
    let mut reader = connect(&target).await;
    run(&mut reader, "CREATE TABLE t (a INT); BEGIN; SELECT * FROM t").await;

    // The reader's transaction holds the table's definition: the ALTER waits inside the server.
    let options = SessionOptions { lock_wait: Duration::from_mins(10), ..SessionOptions::default() };
    let mut orphan = target.connect(&options).await.unwrap();
    let id = orphan.connection_id();
    orphan.lock(&name, Duration::ZERO).await.unwrap();
    let alter = tokio::spawn(async move { orphan.execute("ALTER TABLE t ADD COLUMN b INT").await });
    let mut watcher = connect(&target).await;
    let waits = format!(
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = {id} \
         AND STATE = 'Waiting for table metadata lock'"
    );
    let inside = async { while watcher.query_json(&waits, &[]).await.unwrap()[0]["COUNT(*)"] != 1 {} };
    tokio::time::timeout(PATIENCE, inside).await.unwrap();

    // Its client is gone, and still it has the lock: nobody else may work on the schema.
    alter.abort();
    assert!(alter.await.unwrap_err().is_cancelled());
    assert_eq!(target.lock_holder(&name).await.unwrap(), Some(id));

    assert_eq!(target.kill(id).await.unwrap(), Killed::Killed);
    assert_eq!(target.lock_holder(&name).await.unwrap(), None);
    reader.commit().await.unwrap();
    let table = driver_mariadb::ObjectRef::new(&name, "t");
    assert!(!watcher.column_exists(table, "b").await.unwrap());
}

#[tokio::test]
async fn a_table_lock_is_waited_for_within_bounds() {
    let target = database("tablelock");
    let mut reader = connect(&target).await;
    run(&mut reader, "CREATE TABLE t (a INT); BEGIN; SELECT * FROM t").await;
    let options = SessionOptions { lock_wait: Duration::from_secs(1), ..SessionOptions::default() };
    let mut writer = target.connect(&options).await.unwrap();
    let error = writer.execute("DROP TABLE t").await.unwrap_err();
    assert_eq!(error.code(), Some(1205));
    assert!(error.is_transient() && !error.is_connection_lost());
    // The session goes on.
    writer.execute("SELECT 1").await.unwrap();
}

#[tokio::test]
async fn a_client_that_stops_talking_loses_its_lock() {
    let target = database("lease");
    let options = SessionOptions { idle_limit: Duration::from_secs(1), ..SessionOptions::default() };
    let mut silent = target.connect(&options).await.unwrap();
    let name = target.database();
    silent.lock(name, Duration::ZERO).await.unwrap();
    eventually(PATIENCE, async || target.lock_holder(name).await.unwrap().is_none()).await.unwrap();
    assert!(silent.assert_lock(name).await.unwrap_err().is_connection_lost());
}
