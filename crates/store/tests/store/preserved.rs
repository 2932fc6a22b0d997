//! What was put aside is dropped once it was decided, by one worker at a time, and never while a job may need it.

use backout_store::{DropDecided, NewDrop};
use domain::ids::PreservationId;
use domain::ledger::Direction;
use domain::view::KeptState;
use saga::{Held, Keeper, Preservation, StatementJournal};

use crate::support::{Shop, cursor};

/// Puts something aside that comes back with an up.
async fn keep(shop: &Shop, held: &Held, table: &str) -> PreservationId {
    let kept = Preservation {
        id: PreservationId::generate(),
        store: "main".into(),
        migration: "001".into(),
        object: format!("table {table}"),
        keeper: Keeper::Table {
            table: table.into(),
            keep_database: "backout_keep_shop".into(),
            keep_table: table.into(),
        },
        rows: 3,
        checksum: "moved".into(),
    };
    shop.database.keep(held, 0, &kept).await.unwrap();
    kept.id
}

async fn decide(shop: &Shop, id: PreservationId) -> DropDecided {
    let new = NewDrop {
        id,
        environment: shop.environment,
        subject: "shop/production",
        actor: "ada",
        reason: "personal data",
        from: &[KeptState::Kept],
    };
    shop.database.decide_drop(&new).await.unwrap()
}

async fn state(shop: &Shop, id: PreservationId) -> KeptState {
    shop.database.preserved_one(shop.environment, id).await.unwrap().view.state
}

#[tokio::test]
async fn nothing_is_dropped_while_a_job_holds_the_environment() {
    let shop = Shop::open().await;
    let held = shop.claimed().await;
    let id = keep(&shop, &held, "users").await;
    assert_eq!(decide(&shop, id).await, DropDecided::Locked(held.job));
    assert_eq!(state(&shop, id).await, KeptState::Kept);
    assert_eq!(shop.count("SELECT COUNT(*) FROM audit WHERE action = 'preserved.drop'").await, 0);
}

#[tokio::test]
async fn what_was_decided_is_removed_by_one_and_by_another_where_that_one_dies() {
    let shop = Shop::open().await;
    let held = shop.claimed().await;
    let id = keep(&shop, &held, "users").await;
    shop.finish(&held).await;
    assert_eq!(shop.database.claim_drop(None).await.unwrap().map(|claimed| claimed.id), None, "nothing was decided");
    assert_eq!(decide(&shop, id).await, DropDecided::Done);
    assert_eq!(decide(&shop, id).await, DropDecided::Not(KeptState::Dropping));
    assert_eq!(shop.count("SELECT COUNT(*) FROM audit WHERE action = 'preserved.drop'").await, 1);
    assert_eq!(shop.database.kept_data(shop.environment, "main").await.unwrap(), [], "no job brings it back");

    let first = shop.database.claim_drop(None).await.unwrap().unwrap();
    assert_eq!((first.id, first.attempt, first.keeper.place()), (id, 1, "backout_keep_shop.users".to_owned()));
    assert!(shop.database.claim_drop(None).await.unwrap().is_none(), "another one is at it");
    shop.execute("UPDATE preservations SET leased_until = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND").await;
    let second = shop.database.claim_drop(None).await.unwrap().unwrap();
    assert_eq!((second.id, second.attempt), (id, 2));
    for _ in 0..2 {
        shop.database.end_drop(id).await.unwrap();
    }
    assert_eq!(state(&shop, id).await, KeptState::Dropped);
    assert!(shop.database.claim_drop(Some(id)).await.unwrap().is_none());
    let kept = shop.database.preserved_one(shop.environment, id).await.unwrap();
    let drop = kept.drop.unwrap();
    assert_eq!((drop.actor.as_str(), drop.reason.as_str()), ("ada", "personal data"));
    assert!(drop.dropped_at.is_some());
}

#[tokio::test]
async fn only_what_is_older_than_the_settings_keep_expires_and_not_while_a_job_runs() {
    let shop = Shop::open().await;
    let held = shop.claimed().await;
    let (old, new, back) =
        (keep(&shop, &held, "old").await, keep(&shop, &held, "new").await, keep(&shop, &held, "back").await);
    shop.database.restored(&held, back).await.unwrap();
    let expired = async || {
        let found = shop.database.expired(None).await.unwrap();
        found.into_iter().map(|one| (one.kept.view.id, one.keep_days)).collect::<Vec<_>>()
    };
    shop.execute("UPDATE preservations SET kept_at = kept_at - INTERVAL 91 DAY WHERE object <> 'table new'").await;
    shop.execute("UPDATE environments SET spec = JSON_SET(spec, '$.preserved', JSON_OBJECT('keep_days', 90))").await;
    assert_eq!(expired().await, [], "a job holds the environment");
    shop.finish(&held).await;
    assert_eq!(expired().await, [(old, 90)], "what came back counts from then on");
    shop.execute("UPDATE preservations SET restored_at = restored_at - INTERVAL 91 DAY WHERE restored_at IS NOT NULL")
        .await;
    assert_eq!(expired().await, [(old, 90), (back, 90)]);
    let behind = shop.database.expired(Some(old)).await.unwrap();
    assert_eq!(behind.iter().map(|one| one.kept.view.id).collect::<Vec<_>>(), [back]);
    shop.execute("UPDATE environments SET spec = JSON_SET(spec, '$.preserved', JSON_OBJECT('keep_days', NULL))").await;
    assert_eq!(expired().await, [], "without a limit it is kept for ever");
    assert_eq!(state(&shop, new).await, KeptState::Kept);
}

#[tokio::test]
async fn a_copy_that_another_record_still_needs_does_not_expire() {
    let shop = Shop::open().await;
    let held = shop.claimed().await;
    let back = keep(&shop, &held, "users").await;
    shop.database.restored(&held, back).await.unwrap();
    // Its coming back was undone, under another id.
    keep(&shop, &held, "users").await;
    shop.finish(&held).await;
    shop.execute("UPDATE preservations SET restored_at = restored_at - INTERVAL 91 DAY").await;
    shop.execute("UPDATE environments SET spec = JSON_SET(spec, '$.preserved', JSON_OBJECT('keep_days', 90))").await;
    assert!(shop.database.expired(None).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_was_dropped_is_told_until_its_migration_has_gone_without_it() {
    let shop = Shop::open().await;
    let held = shop.claimed().await;
    let id = keep(&shop, &held, "users").await;
    shop.finish(&held).await;
    assert_eq!(shop.database.dropped_data(shop.environment, "main").await.unwrap(), []);
    decide(&shop, id).await;
    let dropped = shop.database.dropped_data(shop.environment, "main").await.unwrap();
    assert_eq!((dropped[0].object.as_str(), dropped[0].direction), ("table users", Direction::Up));
    shop.execute(
        "INSERT INTO ledger (environment_id, store, version, name, direction, source, at) \
         SELECT environment_id, store, migration, '', 'up', 'job', kept_at + INTERVAL 1 SECOND FROM preservations",
    )
    .await;
    assert_eq!(shop.database.dropped_data(shop.environment, "main").await.unwrap(), []);
}

#[tokio::test]
async fn what_waits_is_listed_newest_first_page_by_page() {
    let shop = Shop::open().await;
    let held = shop.claimed().await;
    let mut ids = Vec::new();
    for table in ["a", "b", "c"] {
        ids.push(keep(&shop, &held, table).await);
    }
    ids.reverse();
    let first = shop.database.preserved(shop.environment, None, &cursor(None, 2)).await.unwrap();
    let rest = shop.database.preserved(shop.environment, Some("main"), &cursor(first.next_cursor.as_deref(), 2)).await;
    let seen: Vec<_> = first.items.iter().chain(&rest.unwrap().items).map(|one| one.view.id).collect();
    assert_eq!(seen, ids);
    let elsewhere = shop.database.preserved(shop.environment, Some("content"), &cursor(None, 2)).await.unwrap();
    assert!(elsewhere.items.is_empty());
}
