//! Backups: found by data store, in pages, and the newest of each.

use backout_store::{Error, NewBackup};
use chrono::Utc;
use domain::environment::Engine;
use domain::ids::{BackupId, EnvironmentId};
use saga::Held;

use crate::support::{Shop, cursor};

async fn noted(shop: &Shop, held: &Held, store: &str, engine: Engine) -> BackupId {
    let id = BackupId::generate();
    let new = NewBackup {
        id,
        store: store.into(),
        engine,
        path: format!("/backups/{id}"),
        bytes: 1,
        sha256: "e".repeat(64),
        begun_at: Utc::now(),
    };
    shop.database.record_backup(held, 0, &new).await.unwrap();
    id
}

#[tokio::test]
async fn backups_are_listed_newest_first_by_data_store_and_in_pages() {
    let shop = Shop::open().await;
    let held = shop.claimed().await;
    let mut made = Vec::new();
    for (store, engine) in
        [("main", Engine::MariaDb), ("content", Engine::MongoDb), ("main", Engine::MariaDb), ("main", Engine::MariaDb)]
    {
        made.push(noted(&shop, &held, store, engine).await);
    }
    let list = async |store: Option<&str>, from: Option<&str>, limit: u32| {
        let page = shop.database.backups(shop.environment, store, &cursor(from, limit)).await.unwrap();
        (page.items.iter().map(|backup| backup.id).collect::<Vec<_>>(), page.next_cursor)
    };
    assert_eq!(list(None, None, 10).await, (vec![made[3], made[2], made[1], made[0]], None));
    assert_eq!(list(Some("content"), None, 10).await, (vec![made[1]], None));
    assert_eq!(list(Some("elsewhere"), None, 10).await, (vec![], None));
    let (first, next) = list(Some("main"), None, 2).await;
    assert_eq!(first, [made[3], made[2]]);
    assert_eq!(list(Some("main"), next.as_deref(), 2).await, (vec![made[0]], None));

    let newest = shop.database.newest_backups(shop.environment).await.unwrap();
    let newest: Vec<_> = newest.iter().map(|backup| (backup.store.as_str(), backup.engine, backup.id)).collect();
    assert_eq!(newest, [("content", Engine::MongoDb, made[1]), ("main", Engine::MariaDb, made[3])]);

    let elsewhere = EnvironmentId::generate();
    assert!(shop.database.newest_backups(elsewhere).await.unwrap().is_empty());
    assert!(matches!(shop.database.backup(elsewhere, made[0]).await, Err(Error::Missing("backup"))));
    assert_eq!(shop.database.backup(shop.environment, made[0]).await.unwrap().job, held.job);
}
