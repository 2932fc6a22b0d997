//! Work on MongoDB that goes page by page, and several copies of the same fields.

use std::time::Duration;

use domain::ledger::Direction;
use saga::{ErrorKind, Keeper};
use serde_json::json;

use crate::support::mongodb::Base;
use crate::support::{Job, at_deaths, scripts};

const UP: &str = "db.a.updateMany({f: {$exists: false}}, {$set: {f: 1}});";
const DOWN: &str = "db.a.updateMany({}, {$unset: {f: ''}});";
/// The same, by what the server answers.
const LIVE: &str = "if (db.a.countDocuments({}) > 0) { db.a.updateMany({}, {$unset: {f: ''}}); }";
const DOCUMENTS: u64 = 1_600;
const PAGE: u64 = 500;

async fn many() -> Base {
    let base = Base::new().await;
    let documents: Vec<_> = (0..DOCUMENTS).map(|id| json!({ "_id": id, "f": id })).collect();
    base.insert("a", json!(documents)).await;
    base
}

async fn left(base: &Base) -> u64 {
    base.target.count("a", &json!({ "f": { "$exists": true } })).await.unwrap()
}

async fn set(base: &Base, value: i32) {
    let change = json!({ "q": {}, "u": { "$set": { "f": { "$numberInt": value.to_string() } } }, "multi": true });
    base.command(json!({ "update": "a", "updates": [change] })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_job_was_taken_over_writes_no_further_page() {
    let base = many().await;
    let migration = [scripts("1", UP, DOWN)];
    let job = Job::new();
    let zombie = base.jobs.claim(job);
    // Twice for the lock, for each of four pages copied, and for the first of those removed.
    base.jobs.journal.take_over_at_question(2 + 4 + 1 + 1);
    let error = base.jobs.engine.migrate(&zombie, Direction::Down, &migration).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::FenceLost, "{error}");
    assert_eq!(left(&base).await, DOCUMENTS - PAGE);

    let taken_over = base.jobs.resume(job, Direction::Down, &migration).await.unwrap();
    assert_eq!((left(&base).await, taken_over.rows_preserved), (0, DOCUMENTS));
    // The lock in the target refuses it as well, whatever it believes.
    let error = base.jobs.engine.migrate(&zombie, Direction::Down, &migration).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::FenceLost, "{error}");
    let (_, up) = base.jobs.run(Direction::Up, &migration).await;
    assert_eq!((left(&base).await, up.rows_restored), (DOCUMENTS, DOCUMENTS));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_is_called_off_stops_between_two_operations_and_goes_on_from_there() {
    let base = Base::new().await;
    let migration = [scripts("1", "db.createCollection('b'); db.createCollection('c');", "db.c.drop(); db.b.drop();")];
    let job = Job::new();
    let cx = base.jobs.claim(job);
    base.jobs.journal.stop_when_done(cx.stop());
    let error = base.jobs.engine.migrate(&cx, Direction::Up, &migration).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Transient, "{error}");
    assert_eq!(base.target.collections().await.unwrap(), ["b"]);
    base.jobs.resume(job, Direction::Up, &migration).await.unwrap();
    assert_eq!(base.target.collections().await.unwrap(), ["b", "c", "migrations"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_script_ends_with_its_step() {
    let base = Base::new().await;
    let endless = "while (db.b.countDocuments({}) < 100000) { db.b.insertOne({}); }";
    let migration = [scripts("1", endless, "db.b.drop();")];
    let cx = base.jobs.claim(Job::new());
    let begun = || async { base.target.count("b", &json!({})).await.unwrap() >= 3 };
    {
        let running = base.jobs.engine.migrate(&cx, Direction::Up, &migration);
        // Dropped as the saga drops it at its deadline.
        tokio::select! {
            ended = running => panic!("{ended:?}"),
            seen = testkit::eventually(Duration::from_secs(10), begun) => seen.unwrap(),
        }
    }
    let at_the_end = base.target.count("b", &json!({})).await.unwrap();
    for _ in 0..30 {
        // The operation that was under way may end.
        assert!(base.target.count("b", &json!({})).await.unwrap() <= at_the_end + 1);
    }

    let cx = base.jobs.claim(Job::new());
    cx.stop().cancel();
    let error = base.jobs.engine.migrate(&cx, Direction::Up, &migration).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Transient, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_copies_of_a_field_the_newest_comes_back_and_the_older_stays() {
    let base = Base::new().await;
    base.insert("a", json!([{ "_id": "x" }])).await;
    let migration = [scripts("1", UP, DOWN)];
    base.jobs.run(Direction::Up, &migration).await;
    set(&base, 4).await;
    base.jobs.run(Direction::Down, &migration).await;
    let Keeper::Fields { keep_collection, .. } = base.jobs.journal.waiting()[0].keeper.clone() else {
        panic!("fields are kept as such");
    };
    let rename = async |from: &str, to: &str| {
        let name = |collection: &str| format!("{}.{collection}", base.target.database());
        let command = json!({ "renameCollection": name(from), "to": name(to) });
        base.target.run(&command, Some("admin"), None, Duration::from_secs(10)).await.unwrap();
    };
    rename(&keep_collection, "backout_away").await;
    let (_, up) = base.jobs.run(Direction::Up, &migration).await;
    assert!(up.warnings[0].to_string().contains("is missing"), "{:?}", up.warnings);
    set(&base, 7).await;
    base.jobs.run(Direction::Down, &migration).await;
    rename("backout_away", &keep_collection).await;

    let (_, again) = base.jobs.run(Direction::Up, &migration).await;
    assert_eq!(base.documents("a").await, [json!({ "_id": "x", "f": { "$numberInt": "7" } })]);
    assert!(again.warnings[0].to_string().contains("1 values were written anew"), "{:?}", again.warnings);
    assert_eq!(base.jobs.journal.waiting().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn undoing_a_live_down_brings_back_what_this_step_took_and_nothing_else() {
    let base = Base::new().await;
    base.insert("a", json!([{ "_id": "x" }])).await;
    let migration = [scripts("1", UP, LIVE)];
    base.jobs.run(Direction::Up, &migration).await;
    set(&base, 4).await;
    base.jobs.run(Direction::Down, &migration).await;
    set(&base, 9).await;
    let (job, _) = base.jobs.run(Direction::Down, &migration).await;
    base.jobs.undo(job, Direction::Down, &migration).await;
    assert_eq!(base.documents("a").await, [json!({ "_id": "x", "f": { "$numberInt": "9" } })]);
    assert_eq!(base.jobs.journal.waiting().len(), 1, "the earlier step's copy is left alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_written_while_an_older_copy_stayed_are_put_aside_again_when_the_up_is_taken_back() {
    let base = Base::new().await;
    let migration = [scripts("1", "db.createCollection('b');", "db.b.drop();")];
    base.jobs.run(Direction::Up, &migration).await;
    base.insert("b", json!([{ "_id": "x", "v": "old" }])).await;
    base.jobs.run(Direction::Down, &migration).await;
    let Keeper::Collection { keep_collection, .. } = base.jobs.journal.waiting()[0].keeper.clone() else {
        panic!("a collection is kept as one");
    };
    // The copy is lost.
    base.command(json!({ "drop": keep_collection })).await;
    let (job, up) = base.jobs.run(Direction::Up, &migration).await;
    assert!(up.warnings[0].to_string().contains("is missing"), "{:?}", up.warnings);
    base.insert("b", json!([{ "_id": "x", "v": "new" }])).await;
    base.jobs.undo(job, Direction::Up, &migration).await;
    let (_, again) = base.jobs.run(Direction::Up, &migration).await;
    assert_eq!(base.documents("b").await, [json!({ "_id": "x", "v": "new" })]);
    assert_eq!(again.warnings.len(), 1, "the lost copy is told of");
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_an_up_took_away_come_back_before_its_down_fills_them() {
    let base = Base::new().await;
    base.insert("a", json!([{ "_id": "x", "f": 4 }])).await;
    let migration = [scripts("1", DOWN, UP)];
    let before = base.documents("a").await;
    let (job, _) = base.jobs.run(Direction::Up, &migration).await;
    base.jobs.undo(job, Direction::Up, &migration).await;
    assert_eq!(base.documents("a").await, before);
    assert!(base.jobs.journal.waiting().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_up_wrote_into_a_field_that_it_had_taken_away_gives_way_to_the_old_value() {
    let base = Base::new().await;
    base.insert("a", json!([{ "_id": "x", "f": 4 }])).await;
    let migration = [scripts("1", &format!("{DOWN} {UP}"), DOWN)];
    let before = base.documents("a").await;
    let (job, _) = base.jobs.run(Direction::Up, &migration).await;
    base.jobs.undo(job, Direction::Up, &migration).await;
    assert_eq!(base.documents("a").await, before);
    // What the up had written is told of by its own copy alone.
    assert!(base.jobs.journal.waiting().iter().all(|kept| kept.rows == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_no_document_has_is_put_aside_and_missed_by_nobody() {
    let base = Base::new().await;
    base.insert("a", json!([{ "_id": "x" }])).await;
    let migration = [scripts("1", "db.createCollection('b');", &format!("{DOWN} db.b.drop();"))];
    base.jobs.run(Direction::Up, &migration).await;
    let (job, down) = base.jobs.run(Direction::Down, &migration).await;
    assert_eq!(down.rows_preserved, 0);
    base.jobs.undo(job, Direction::Down, &migration).await;
    assert!(base.jobs.journal.waiting().is_empty());
    base.jobs.run(Direction::Down, &migration).await;
    let (_, up) = base.jobs.run(Direction::Up, &migration).await;
    assert!(up.warnings.is_empty(), "{:?}", up.warnings);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_was_written_before_a_down_is_undone_stands_and_the_copy_stays() {
    let base = Base::new().await;
    base.insert("a", json!([{ "_id": "x" }])).await;
    let migration = [scripts("1", UP, DOWN)];
    base.jobs.run(Direction::Up, &migration).await;
    set(&base, 4).await;
    let (job, _) = base.jobs.run(Direction::Down, &migration).await;
    set(&base, 9).await;
    base.jobs.undo(job, Direction::Down, &migration).await;
    assert_eq!(base.documents("a").await, [json!({ "_id": "x", "f": { "$numberInt": "9" } })]);
    assert_eq!(base.jobs.journal.waiting().len(), 1, "the value 4 is still told of");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_down_that_empties_and_then_drops_a_collection_is_undone_whole() {
    let base = Base::new().await;
    let migration = [scripts("1", "db.createCollection('a');", "db.a.updateMany({}, {$unset: {f: ''}}); db.a.drop();")];
    base.jobs.run(Direction::Up, &migration).await;
    base.insert("a", json!([{ "_id": "x", "f": 4 }])).await;
    let before = base.documents("a").await;
    let (job, _) = base.jobs.run(Direction::Down, &migration).await;
    base.jobs.undo(job, Direction::Down, &migration).await;
    assert_eq!(base.documents("a").await, before);
    assert!(base.jobs.journal.waiting().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_down_that_is_resumed_does_not_take_its_own_copy_for_an_earlier_one() {
    let migration = [scripts("1", UP, LIVE)];
    at_deaths(1, |death| {
        let migration = migration.clone();
        async move {
            let base = Base::new().await;
            base.insert("a", json!([{ "_id": "x" }])).await;
            base.jobs.run(Direction::Up, &migration).await;
            set(&base, 4).await;
            let (job, ended) = base.jobs.run_dying(death, Direction::Down, &migration).await;
            if ended.is_some() {
                return false;
            }
            // Where nobody can tell, a person has to look: that is another test's matter.
            if base.jobs.resume(job, Direction::Down, &migration).await.is_ok() {
                assert_eq!(left(&base).await, 0, "{death:?}");
                base.jobs.run(Direction::Up, &migration).await;
                let four = json!({ "_id": "x", "f": { "$numberInt": "4" } });
                assert_eq!(base.documents("a").await, [four], "{death:?}");
            }
            true
        }
    })
    .await;
}
