//! Migrations on MongoDB.

use domain::ledger::Direction;
use saga::ErrorKind;
use serde_json::json;

use crate::support::mongodb::Base;
use crate::support::{Job, at_deaths, example, scripts};

const INDEXES: &str = "20250105001_create_indexes";
const CATEGORIES: &str = "20250107001_add_category_tree";
const METADATA: &str = "20250110001_add_article_metadata";

/// Articles of which one was edited by the newer version.
async fn articles() -> Base {
    let base = Base::new().await;
    base.jobs.run(Direction::Up, &[example("mongodb", INDEXES, "js")]).await;
    base.insert("articles", json!([{ "_id": "a", "title": "A" }, { "_id": "b", "title": "B" }])).await;
    base.jobs.run(Direction::Up, &[example("mongodb", METADATA, "js")]).await;
    let edited = json!({ "q": { "_id": "a" }, "u": { "$set": { "metadata.version": { "$numberInt": "4" }, "metadata.draft": true } } });
    base.command(json!({ "update": "articles", "updates": [edited] })).await;
    base
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_a_down_takes_away_come_back_with_the_next_up() {
    let base = articles().await;
    let metadata = [example("mongodb", METADATA, "js")];
    let before = base.documents("articles").await;
    let (_, down) = base.jobs.run(Direction::Down, &metadata).await;
    assert_eq!(down.rows_preserved, 2);
    assert_eq!(base.documents("articles").await[0]["metadata"], json!({}));
    assert_eq!(base.jobs.engine.applied().await.unwrap(), ["20250105001"]);
    let (_, up) = base.jobs.run(Direction::Up, &metadata).await;
    assert_eq!(up.rows_restored, 2);
    assert_eq!(base.documents("articles").await, before);
    assert!(base.jobs.journal.waiting().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_that_the_application_made_meanwhile_does_not_keep_a_migration_from_being_taken_back() {
    let base = articles().await;
    base.insert("sessions", json!([{ "_id": "s1" }])).await;
    let metadata = [example("mongodb", METADATA, "js")];
    base.jobs.run(Direction::Down, &metadata).await;
    assert_eq!(base.jobs.engine.applied().await.unwrap(), ["20250105001"]);
    assert_eq!(base.documents("sessions").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_collection_comes_back_in_place_of_the_seeds_of_the_script() {
    let base = Base::new().await;
    let categories = [example("mongodb", CATEGORIES, "js")];
    base.jobs.run(Direction::Up, &categories).await;
    let change = json!({ "q": { "_id": "news" }, "u": { "$set": { "title": "Neues" } } });
    base.command(json!({ "update": "categories", "updates": [change] })).await;
    base.insert("categories", json!([{ "_id": "x", "path": "/x" }])).await;
    let before = (base.documents("categories").await, base.jobs.engine.fingerprint().await.unwrap());
    let (_, down) = base.jobs.run(Direction::Down, &categories).await;
    assert_eq!(down.rows_preserved, 4);
    assert!(base.target.collections().await.unwrap().iter().all(|name| name != "categories"));
    let (_, up) = base.jobs.run(Direction::Up, &categories).await;
    assert_eq!(up.rows_restored, 4);
    assert_eq!((base.documents("categories").await, up.fingerprint), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn downs_end_the_same_wherever_their_worker_dies() {
    let downs = [example("mongodb", METADATA, "js"), example("mongodb", INDEXES, "js")];
    let undisturbed = articles().await;
    undisturbed.jobs.run(Direction::Down, &downs).await;
    let expected = undisturbed.state().await;
    at_deaths(2, |death| {
        let (downs, expected) = (downs.clone(), expected.clone());
        async move {
            let base = articles().await;
            let (job, ended) = base.jobs.run_dying(death, Direction::Down, &downs).await;
            if ended.is_some() {
                return false;
            }
            let migrated = base.jobs.resume(job, Direction::Down, &downs).await.unwrap();
            assert_eq!(base.state().await, expected, "{death:?}");
            assert_eq!(migrated.rows_preserved, 4, "{death:?}");
            true
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ups_end_the_same_wherever_their_worker_dies() {
    let ups =
        [example("mongodb", INDEXES, "js"), example("mongodb", CATEGORIES, "js"), example("mongodb", METADATA, "js")];
    let undisturbed = Base::new().await;
    undisturbed.jobs.run(Direction::Up, &ups).await;
    let expected = (undisturbed.state().await, undisturbed.documents("categories").await);
    at_deaths(3, |death| {
        let (ups, expected) = (ups.clone(), expected.clone());
        async move {
            let base = Base::new().await;
            let (job, ended) = base.jobs.run_dying(death, Direction::Up, &ups).await;
            if ended.is_some() {
                return false;
            }
            base.jobs.resume(job, Direction::Up, &ups).await.unwrap();
            assert_eq!((base.state().await, base.documents("categories").await), expected, "{death:?}");
            true
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn downs_taken_back_leave_everything_as_it_was_wherever_their_worker_died() {
    let downs = [example("mongodb", METADATA, "js"), example("mongodb", INDEXES, "js")];
    at_deaths(4, |death| {
        let downs = downs.clone();
        async move {
            let base = articles().await;
            let before = (base.state().await, base.documents("articles").await);
            let (job, ended) = base.jobs.run_dying(death, Direction::Down, &downs).await;
            base.jobs.undo(job, Direction::Down, &downs).await;
            assert_eq!((base.state().await, base.documents("articles").await), before, "{death:?}");
            base.jobs.undo(job, Direction::Down, &downs).await;
            ended.is_none()
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_up_taken_back_leaves_the_old_schema() {
    let ups = [example("mongodb", CATEGORIES, "js")];
    at_deaths(0, |death| {
        let ups = ups.clone();
        async move {
            let base = Base::new().await;
            let before = base.jobs.engine.fingerprint().await.unwrap();
            let (job, ended) = base.jobs.run_dying(death, Direction::Up, &ups).await;
            base.jobs.undo(job, Direction::Up, &ups).await;
            assert_eq!(base.jobs.engine.fingerprint().await.unwrap(), before, "{death:?}");
            assert!(base.jobs.engine.applied().await.unwrap().is_empty(), "{death:?}");
            ended.is_none()
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_increment_is_counted_once_wherever_its_worker_dies() {
    let migration = [scripts("1", "db.n.updateMany({}, {$inc: {count: 1}});", "db.n.find();")];
    at_deaths(0, |death| {
        let migration = migration.clone();
        async move {
            let base = Base::new().await;
            base.insert("n", json!([{ "_id": 1, "count": { "$numberInt": "1" } }])).await;
            let (job, ended) = base.jobs.run_dying(death, Direction::Up, &migration).await;
            if ended.is_none() {
                base.jobs.resume(job, Direction::Up, &migration).await.unwrap();
            }
            assert_eq!(base.documents("n").await[0]["count"], json!({ "$numberInt": "2" }), "{death:?}");
            ended.is_none()
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_reads_results_runs_live_and_each_of_its_changes_is_journalled() {
    let base = Base::new().await;
    base.insert("a", json!([{ "_id": 1, "n": { "$numberInt": "5" } }, { "_id": 2, "n": { "$numberInt": "6" } }])).await;
    let up = "db.a.find({}, {sort: {_id: 1}}).forEach(d => db.b.insertOne({_id: d._id, twice: d.n * 2}));";
    let migration = [scripts("1", up, "db.b.drop();")];
    base.jobs.run(Direction::Up, &migration).await;
    assert_eq!(base.target.count("b", &json!({})).await.unwrap(), 2);
    let job = Job::new();
    let cx = base.jobs.claim(job);
    let error = base.jobs.engine.migrate(&cx, Direction::Up, &migration).await.unwrap_err();
    assert!(error.message.to_string().contains("11000") || error.message.to_string().contains("duplicate"), "{error}");
    assert_eq!(error.kind, ErrorKind::Permanent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_claim_was_taken_over_is_refused_by_the_target_as_well() {
    let base = Base::new().await;
    let migration = [example("mongodb", CATEGORIES, "js")];
    let (job, ended) = base.jobs.run_dying(crate::support::Death::After(1), Direction::Up, &migration).await;
    assert!(ended.is_none());
    let old = base.jobs.claim(job);
    base.jobs.resume(job, Direction::Up, &migration).await.unwrap();
    let error = base.jobs.engine.migrate(&old, Direction::Up, &migration).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::FenceLost);
}
