//! Statements, ledgers and kept data.

use domain::ids::{MigrationId, PreservationId};
use domain::ledger::Direction;
use saga::{Keeper, LedgerRecord, Preservation, StatementEntry, StatementJournal, StatementKey};

use crate::support::{ACTOR, Shop, cursor};

fn key(undo: bool, index: u32) -> StatementKey {
    StatementKey { undo, migration: "001".into(), direction: Direction::Down, index, sha256: "a".repeat(64) }
}

fn record(direction: Direction, before: &str) -> LedgerRecord {
    LedgerRecord {
        store: "main".into(),
        migration: MigrationId::generate(),
        version: "001".into(),
        name: "first".into(),
        direction,
        script_sha256: "b".repeat(64),
        fingerprint_before: before.into(),
        fingerprint_after: "after".into(),
    }
}

fn preservation(object: &str, keeper: Keeper) -> Preservation {
    Preservation {
        id: PreservationId::generate(),
        store: "main".into(),
        migration: "001".into(),
        object: object.into(),
        keeper,
        rows: u64::MAX,
        checksum: "c".into(),
    }
}

#[tokio::test]
async fn statements_come_back_in_the_order_of_their_beginning() {
    let shop = Shop::open().await;
    let held = shop.claimed().await;
    assert_eq!(shop.database.entries(&held, 0).await.unwrap(), []);
    for key in [key(false, 1), key(false, 0), key(true, 0)] {
        shop.database.intent(&held, 0, &key).await.unwrap();
    }
    shop.database.intent(&held, 0, &key(false, 1)).await.unwrap();
    shop.database.done(&held, 0, &key(false, 0), 12).await.unwrap();
    let entry = |key, done| StatementEntry { key, done };
    assert_eq!(
        shop.database.entries(&held, 0).await.unwrap(),
        [entry(key(false, 1), false), entry(key(false, 0), true), entry(key(true, 0), false)]
    );
    assert_eq!(shop.database.entries(&held, 1).await.unwrap(), []);
    shop.assert_gapless(held.job).await;
}

#[tokio::test]
async fn the_connection_noted_last_is_found_by_the_next_worker() {
    let shop = Shop::open().await;
    let held = shop.claimed().await;
    assert_eq!(shop.database.last_connection(&held, 0).await.unwrap(), None);
    shop.database.note_connection(&held, 0, 7).await.unwrap();
    shop.database.note_connection(&held, 0, u64::MAX).await.unwrap();
    shop.database.give_back(&held).await.unwrap();
    let next = shop.claim().await;
    assert_eq!(shop.database.last_connection(&next, 0).await.unwrap(), Some(u64::MAX));
}

#[tokio::test]
async fn a_ledger_record_counts_once_for_a_step() {
    let shop = Shop::open().await;
    let held = shop.claimed().await;
    for _ in 0..2 {
        shop.database.record_ledger(&held, 0, &record(Direction::Down, "x")).await.unwrap();
    }
    shop.database.record_ledger(&held, 0, &record(Direction::Up, "first up")).await.unwrap();
    shop.database.record_ledger(&held, 1, &record(Direction::Up, "second up")).await.unwrap();
    let rows = shop.database.ledger(shop.environment, "main", &cursor(None, 10)).await.unwrap().items;
    assert_eq!(
        rows.iter().map(|row| row.direction).collect::<Vec<_>>(),
        [Direction::Up, Direction::Up, Direction::Down]
    );
    assert_eq!((rows[0].job, rows[0].actor.as_str(), rows[0].name.as_str()), (Some(held.job), ACTOR, "first"));
    let other = shop.database.ledger(shop.environment, "content", &cursor(None, 10)).await.unwrap();
    assert_eq!((other.items, other.next_cursor), (vec![], None));
    let up = shop.database.applied_up(&held, "main", "001").await.unwrap().unwrap();
    assert_eq!(up.fingerprint_before.as_deref(), Some("second up"));
    assert_eq!(up.script_sha256, record(Direction::Up, "").script_sha256);
    assert_eq!(shop.database.applied_up(&held, "main", "002").await.unwrap(), None);
    shop.assert_gapless(held.job).await;
}

#[tokio::test]
async fn the_ledger_is_walked_to_its_end_newest_first_while_rows_are_added() {
    let shop = Shop::open().await;
    let held = shop.claimed().await;
    for version in ["001", "002", "003", "004", "005"] {
        let record = LedgerRecord { version: version.into(), ..record(Direction::Up, "x") };
        shop.database.record_ledger(&held, 0, &record).await.unwrap();
    }
    let (mut seen, mut next) = (Vec::new(), None::<String>);
    for added in ["101", "102", "103"] {
        let page = shop.database.ledger(shop.environment, "main", &cursor(next.as_deref(), 2)).await.unwrap();
        seen.extend(page.items.into_iter().map(|row| row.version));
        next = page.next_cursor;
        let record = LedgerRecord { version: added.into(), ..record(Direction::Up, "x") };
        shop.database.record_ledger(&held, 0, &record).await.unwrap();
    }
    assert_eq!((next, seen), (None, ["005", "004", "003", "002", "001"].map(str::to_owned).to_vec()));
}

#[tokio::test]
async fn kept_data_is_found_until_it_is_restored_with_every_kind_of_keeper() {
    let shop = Shop::open().await;
    let held = shop.claimed().await;
    let keepers = [
        Keeper::Columns {
            table: "users".into(),
            columns: vec!["secret".into()],
            key: vec!["id".into()],
            keep_database: "keep".into(),
            keep_table: "k1".into(),
        },
        Keeper::Table { table: "users".into(), keep_database: "keep".into(), keep_table: "k2".into() },
        Keeper::Fields { collection: "c".into(), fields: vec!["a.b".into()], keep_collection: "k3".into() },
        Keeper::Collection { collection: "c".into(), keep_collection: "k4".into() },
        Keeper::Documents { collection: "c".into(), keep_collection: "k5".into() },
        Keeper::Indexes { collection: "c".into(), specifications: vec![serde_json::json!({ "name": "a_1" })] },
    ];
    let kept: Vec<_> = keepers.into_iter().map(|keeper| preservation("something", keeper)).collect();
    for preservation in kept.iter().chain(&kept) {
        shop.database.keep(&held, 0, preservation).await.unwrap();
    }
    assert_eq!(shop.database.kept(&held, "main", "001").await.unwrap(), kept);
    let views = shop.database.kept_data(shop.environment, "main").await.unwrap();
    assert_eq!(
        views.iter().map(|view| view.place.as_str()).collect::<Vec<_>>(),
        ["keep.k1", "keep.k2", "k3", "k4", "k5", "c"]
    );
    assert_eq!((views[0].id, views[0].rows), (kept[0].id, u64::MAX));

    shop.database.restored(&held, kept[1].id).await.unwrap();
    shop.database.restored(&held, kept[1].id).await.unwrap();
    assert_eq!(shop.database.kept(&held, "main", "001").await.unwrap().len(), 5);
    assert_eq!(shop.database.kept_data(shop.environment, "main").await.unwrap().len(), 5);
    assert_eq!(shop.database.kept(&held, "main", "002").await.unwrap(), []);
    assert_eq!(shop.database.kept(&held, "content", "001").await.unwrap(), []);
}

#[tokio::test]
async fn data_that_cannot_be_noted_whole_is_an_error_and_never_cut_short() {
    let shop = Shop::open().await;
    let held = shop.claimed().await;
    let keeper = Keeper::Collection { collection: "c".into(), keep_collection: "k".into() };
    let too_long = preservation(&"x".repeat(70_000), keeper);
    assert!(shop.database.keep(&held, 0, &too_long).await.is_err());
    let mut long_name = record(Direction::Up, "x");
    long_name.name = "x".repeat(300);
    assert!(shop.database.record_ledger(&held, 0, &long_name).await.is_err());
    assert_eq!(shop.count("SELECT COUNT(*) FROM preservations").await, 0);
    assert_eq!(shop.count("SELECT COUNT(*) FROM ledger").await, 0);
    shop.assert_gapless(held.job).await;
}
