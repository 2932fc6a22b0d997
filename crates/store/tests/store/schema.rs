//! The schema's own migrations.

use backout_store::{Database, Error};
use sqlx::mysql::MySqlPool;

use crate::support::{Shop, fresh_url, settings};

async fn run(url: &str, sql: &'static str) {
    let raw = MySqlPool::connect(url).await.unwrap();
    sqlx::raw_sql(sql).execute(&raw).await.unwrap();
    raw.close().await;
}

#[tokio::test]
async fn opening_twice_changes_nothing() {
    let url = fresh_url();
    let shop = Shop::open_at(&url).await;
    let again = Database::open(&settings(url)).await.unwrap();
    again.ping().await.unwrap();
    assert_eq!(shop.count("SELECT COUNT(*) FROM schema_versions").await, 6);
    assert_eq!(shop.count("SELECT COUNT(*) FROM applications").await, 1);
}

#[tokio::test]
async fn many_processes_may_open_a_new_database_at_once() {
    let url = fresh_url();
    let opens = (0..4).map(|_| {
        let settings = settings(url.clone());
        tokio::spawn(async move { Database::open(&settings).await.map(drop) })
    });
    for open in opens.collect::<Vec<_>>() {
        open.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_migration_that_died_half_way_is_run_again_and_keeps_what_is_there() {
    let url = fresh_url();
    let shop = Shop::open_at(&url).await;
    shop.execute("DROP TABLE audit, tokens, job_events; DELETE FROM schema_versions").await;
    Database::open(&settings(url)).await.unwrap();
    shop.queued().await;
    assert_eq!(shop.count("SELECT COUNT(*) FROM applications").await, 1);
}

#[tokio::test]
async fn a_schema_from_other_bytes_is_refused() {
    let url = fresh_url();
    Database::open(&settings(url.clone())).await.unwrap();
    run(&url, "UPDATE schema_versions SET sha256 = REPEAT('0', 64)").await;
    let error = Database::open(&settings(url)).await.unwrap_err();
    assert!(matches!(&error, Error::Conflict(why) if why.contains("other bytes")), "{error}");
}

#[tokio::test]
async fn a_schema_of_a_newer_program_is_refused() {
    let url = fresh_url();
    Database::open(&settings(url.clone())).await.unwrap();
    run(&url, "INSERT INTO schema_versions VALUES (9999, REPEAT('0', 64), UTC_TIMESTAMP(6))").await;
    let error = Database::open(&settings(url)).await.unwrap_err();
    assert!(matches!(&error, Error::Conflict(why) if why.contains("newer")), "{error}");
}

#[tokio::test]
async fn a_failed_migration_leaves_the_lock_free() {
    let url = fresh_url();
    Database::open(&settings(url.clone())).await.unwrap();
    run(&url, "UPDATE schema_versions SET sha256 = 'x'").await;
    for _ in 0..2 {
        assert!(matches!(Database::open(&settings(url.clone())).await, Err(Error::Conflict(_))));
    }
}
