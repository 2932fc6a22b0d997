//! Whoever lost a claim can neither write nor read with it.

use backout_store::NewBackup;
use chrono::Utc;
use domain::environment::Engine;
use domain::ids::{BackupId, MigrationId, PreservationId};
use domain::job::JobEvent;
use domain::ledger::Direction;
use domain::step::StepEvent;
use saga::{
    Held, JobNote, Journal, JournalError, Keeper, LedgerRecord, Preservation, StatementJournal, StatementKey, StepNote,
};
use serde_json::json;

use crate::support::Shop;

fn key() -> StatementKey {
    StatementKey { undo: false, migration: "001".into(), direction: Direction::Up, index: 0, sha256: "a".repeat(64) }
}

fn ledger() -> LedgerRecord {
    LedgerRecord {
        store: "main".into(),
        migration: MigrationId::generate(),
        version: "001".into(),
        name: "first".into(),
        direction: Direction::Up,
        script_sha256: "a".repeat(64),
        fingerprint_before: "b".into(),
        fingerprint_after: "c".into(),
    }
}

fn preservation() -> Preservation {
    Preservation {
        id: PreservationId::generate(),
        store: "main".into(),
        migration: "001".into(),
        object: "column users.secret".into(),
        keeper: Keeper::Collection { collection: "a".into(), keep_collection: "b".into() },
        rows: 1,
        checksum: "d".into(),
    }
}

fn backup() -> NewBackup {
    NewBackup {
        id: BackupId::generate(),
        store: "main".into(),
        engine: Engine::MariaDb,
        path: "/backups/1".into(),
        bytes: 1,
        sha256: "e".repeat(64),
        begun_at: Utc::now(),
    }
}

/// What every call with the claim answers, by the name of the call.
async fn every_call(shop: &Shop, held: &Held) -> Vec<(&'static str, Option<JournalError>)> {
    let database = &shop.database;
    vec![
        ("load", database.load(held).await.err()),
        ("step", database.step(held, 0, StepEvent::Start, StepNote::default()).await.err()),
        ("job", database.job(held, JobEvent::StepsFinished, JobNote::default()).await.err()),
        ("progress", database.progress(held, 0, json!({})).await.err()),
        ("assert_held", database.assert_held(held).await.err()),
        ("cancel_requested", database.cancel_requested(held).await.err()),
        ("entries", database.entries(held, 0).await.err()),
        ("note_connection", database.note_connection(held, 0, 7).await.err()),
        ("last_connection", database.last_connection(held, 0).await.err()),
        ("intent", database.intent(held, 0, &key()).await.err()),
        ("done", database.done(held, 0, &key(), 1).await.err()),
        ("record_ledger", database.record_ledger(held, 0, &ledger()).await.err()),
        ("applied_up", database.applied_up(held, "main", "001").await.err()),
        ("keep", database.keep(held, 0, &preservation()).await.err()),
        ("kept", database.kept(held, "main", "001").await.err()),
        ("restored", database.restored(held, PreservationId::generate()).await.err()),
        ("record_backup", database.record_backup(held, 0, &backup()).await.err()),
    ]
}

#[tokio::test]
async fn after_a_take_over_every_call_of_the_old_worker_is_refused_and_changes_nothing() {
    let shop = Shop::open().await;
    let old = shop.claimed().await;
    let rescuer = shop.worker("elsewhere").await;
    let orphan = shop.database.held_jobs().await.unwrap().remove(0);
    let new = shop.database.take_over(rescuer.id, &orphan, false).await.unwrap().unwrap();
    let before = shop.event_numbers(old.job).await;
    for (call, error) in every_call(&shop, &old).await {
        assert_eq!(error, Some(JournalError::FenceLost { job: old.job, fence: old.fence }), "{call}");
    }
    assert_eq!(shop.event_numbers(old.job).await, before);
    for table in [
        "SELECT COUNT(*) FROM ledger",
        "SELECT COUNT(*) FROM preservations",
        "SELECT COUNT(*) FROM job_statements",
        "SELECT COUNT(*) FROM backups",
    ] {
        assert_eq!(shop.count(table).await, 0, "{table}");
    }
    for (call, error) in every_call(&shop, &new).await {
        assert_eq!(error, None, "{call}");
    }
    shop.assert_gapless(old.job).await;
}

#[tokio::test]
async fn the_same_fence_in_another_workers_hands_is_no_claim() {
    let shop = Shop::open().await;
    let held = shop.claimed().await;
    let stolen = Held { worker: shop.worker("elsewhere").await.id, ..held };
    assert!(every_call(&shop, &stolen).await.iter().all(|(_, error)| error.is_some()));
}

#[tokio::test]
async fn a_write_that_the_state_machine_forbids_is_refused_and_leaves_no_gap() {
    let shop = Shop::open().await;
    let held = shop.claimed().await;
    let finish = shop.database.step(&held, 0, StepEvent::Finish, StepNote::default()).await;
    assert!(matches!(finish, Err(JournalError::Illegal(_))), "{finish:?}");
    let end = shop.database.job(&held, JobEvent::UnwindFinished, JobNote::default()).await;
    assert!(matches!(end, Err(JournalError::Illegal(_))), "{end:?}");
    let done = shop.database.done(&held, 0, &key(), 1).await;
    assert!(matches!(done, Err(JournalError::Illegal(_))), "a statement that was never begun: {done:?}");
    shop.step(&held, 0, StepEvent::Start).await;
    shop.assert_gapless(held.job).await;
}

#[tokio::test]
async fn a_step_that_the_job_does_not_have_cannot_be_written() {
    let shop = Shop::open().await;
    let held = shop.claimed().await;
    assert!(shop.database.step(&held, 9, StepEvent::Start, StepNote::default()).await.is_err());
    assert!(shop.database.intent(&held, 9, &key()).await.is_err());
    shop.assert_gapless(held.job).await;
}
