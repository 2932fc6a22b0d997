//! A write whose answer was lost on the wire is repeated without harm.

use std::future::Future;
use std::time::Duration;

use backout_store::Database;
use domain::ids::PreservationId;
use domain::job::{JobEvent, JobState};
use domain::ledger::Direction;
use domain::step::{StepEvent, StepState};
use saga::{Held, JobNote, Journal, JournalError, Keeper, Preservation, StatementJournal, StatementKey, StepNote};
use testkit::ChaosProxy;

use crate::support::{Shop, fresh_url, through_a_proxy};

const SOON: Duration = Duration::from_secs(20);

/// A commit that is sent by itself: a byte that says query, then its text.
const ALONE: &[u8] = b"\x03COMMIT";
/// A commit at the end of the writes. The word by itself is also in the isolation level that a new connection sets.
const WITH_WRITES: &[u8] = b"; COMMIT";

/// The first call commits but its answer is lost; the second has to find it done.
async fn twice<T, F, Fut>(shop: &Shop, proxy: &ChaosProxy, commit: &'static [u8], call: F) -> T
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<T, JournalError>>,
    T: std::fmt::Debug,
{
    let events = || shop.count("SELECT COUNT(*) FROM job_events");
    let before = events().await;
    proxy.hold_reply_to(commit);
    // The answers of statements that are sent together come one by one: only the table tells that all have run.
    let lose = async {
        proxy.held().await;
        let written = || async { events().await == before + 1 };
        testkit::eventually(SOON, written).await.unwrap();
        proxy.refuse();
    };
    let (lost, ()) = tokio::join!(call(), lose);
    assert!(matches!(lost, Err(JournalError::Unavailable(_))), "{lost:?}");
    assert_eq!(events().await, before + 1, "it was written, and only its answer was lost");
    proxy.pass();
    call().await.unwrap()
}

#[tokio::test]
async fn every_transition_can_be_repeated_after_its_answer_was_lost() {
    let url = fresh_url();
    let shop = Shop::open_at(&url).await;
    let held = shop.claimed().await;
    let (database, proxy) = through_a_proxy(&url).await;
    let step = |id, event| {
        let (database, held): (&Database, &Held) = (&database, &held);
        move || database.step(held, id, event, StepNote::default())
    };
    assert_eq!(twice(&shop, &proxy, ALONE, step(0, StepEvent::Start)).await, StepState::Started);
    assert_eq!(twice(&shop, &proxy, ALONE, step(0, StepEvent::Finish)).await, StepState::Finished);
    assert_eq!(twice(&shop, &proxy, ALONE, step(1, StepEvent::Start)).await, StepState::Started);
    assert_eq!(twice(&shop, &proxy, ALONE, step(1, StepEvent::Fail)).await, StepState::Failed);
    let job = |event| {
        let (database, held): (&Database, &Held) = (&database, &held);
        move || database.job(held, event, JobNote::default())
    };
    assert_eq!(twice(&shop, &proxy, ALONE, job(JobEvent::UnwindBegun)).await, JobState::Unwinding);
    for id in [1, 0] {
        assert_eq!(twice(&shop, &proxy, ALONE, step(id, StepEvent::BeginUndo)).await, StepState::Undoing);
        assert_eq!(twice(&shop, &proxy, ALONE, step(id, StepEvent::FinishUndo)).await, StepState::Undone);
    }
    assert_eq!(twice(&shop, &proxy, WITH_WRITES, job(JobEvent::UnwindFinished)).await, JobState::Undone);
    shop.assert_gapless(held.job).await;
}

#[tokio::test]
async fn every_write_about_data_counts_once_after_its_answer_was_lost() {
    let url = fresh_url();
    let shop = Shop::open_at(&url).await;
    let held = shop.claimed().await;
    let (database, proxy) = through_a_proxy(&url).await;
    let key = StatementKey {
        undo: false,
        migration: "001".into(),
        direction: Direction::Down,
        index: 0,
        sha256: "a".repeat(64),
    };
    let kept = Preservation {
        id: PreservationId::generate(),
        store: "main".into(),
        migration: "001".into(),
        object: "table users".into(),
        keeper: Keeper::Table { table: "users".into(), keep_database: "k".into(), keep_table: "u".into() },
        rows: 3,
        checksum: "c".into(),
    };
    twice(&shop, &proxy, ALONE, || database.note_connection(&held, 0, 42)).await;
    twice(&shop, &proxy, ALONE, || database.intent(&held, 0, &key)).await;
    twice(&shop, &proxy, ALONE, || database.keep(&held, 0, &kept)).await;
    twice(&shop, &proxy, ALONE, || database.done(&held, 0, &key, 3)).await;
    twice(&shop, &proxy, ALONE, || database.restored(&held, kept.id)).await;
    assert_eq!(shop.count("SELECT COUNT(*) FROM job_statements WHERE done_at IS NOT NULL").await, 1);
    assert_eq!(shop.count("SELECT COUNT(*) FROM preservations WHERE state = 'restored'").await, 1);
    shop.assert_gapless(held.job).await;
}
