//! An application that goes on writing while a down preserves and removes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::ledger::Direction;
use serde_json::{Value, json};

use crate::support::mongodb::Base;
use crate::support::{Job, scripts};

const UP: &str = "db.createCollection('b');";
/// Overwrites a counter, removes documents, drops a collection.
const DOWN: &str = "db.a.updateMany({}, {$set: {s: 'gone'}}); db.c.deleteMany({}); db.b.drop();";

/// Documents of which the server said that they are written.
async fn write(base: &Base, stop: &AtomicBool) -> Vec<(&'static str, i32)> {
    let mut committed = Vec::new();
    for number in 100.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let id = json!({ "$numberInt": number.to_string() });
        let bump = json!({ "q": { "_id": { "$numberInt": (number % 20).to_string() } }, "u": { "$inc": { "n": 1 } } });
        base.target
            .run(&json!({ "update": "a", "updates": [bump] }), None, None, Duration::from_secs(10))
            .await
            .unwrap();
        for collection in ["a", "b", "c"] {
            let command = json!({ "insert": collection, "documents": [{ "_id": id, "s": "new", "n": 0 }] });
            if base.target.run(&command, None, None, Duration::from_secs(10)).await.is_ok() {
                committed.push((collection, number));
            }
        }
    }
    committed
}

async fn ids(base: &Base, collection: &str) -> Vec<Value> {
    let command = json!({ "find": collection, "projection": { "_id": 1 }, "batchSize": 100_000, "singleBatch": true });
    let reply = base.command(command).await;
    reply["cursor"]["firstBatch"].as_array().unwrap().iter().map(|one| one["_id"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_committed_write_is_there_or_put_aside() {
    let runs = if std::env::var_os("BACKOUT_TEST_CHAOS").is_some() { 100 } else { 3 };
    let (mut all, mut aside) = (0, 0);
    for run in 0..runs {
        let base = Arc::new(Base::new().await);
        let documents: Vec<_> = (0..20)
            .map(|id| json!({ "_id": { "$numberInt": id.to_string() }, "s": "old", "n": { "$numberInt": "0" } }))
            .collect();
        base.insert("a", json!(documents)).await;
        base.insert("c", json!(documents)).await;
        let migration = [scripts("1", UP, DOWN)];
        base.jobs.run(Direction::Up, &migration).await;
        base.insert("b", json!(documents)).await;
        let stop = Arc::new(AtomicBool::new(false));
        let writer = tokio::spawn({
            let (base, stop) = (Arc::clone(&base), Arc::clone(&stop));
            async move { write(&base, &stop).await }
        });
        let cx = base.jobs.claim(Job::new());
        let ran = base.jobs.engine.migrate(&cx, Direction::Down, &migration).await;
        // A write makes a dropped collection anew, and then the down says that the schema is not what it should be.
        assert!(
            ran.is_ok() || ran.as_ref().is_err_and(|error| error.message.to_string().contains("collection b")),
            "{ran:?}"
        );
        stop.store(true, Ordering::SeqCst);
        let committed = writer.await.unwrap();

        let mut found = Vec::new();
        let names = base.command(json!({ "listCollections": 1, "nameOnly": true })).await;
        for one in names["cursor"]["firstBatch"].as_array().unwrap() {
            let name = one["name"].as_str().unwrap();
            for (collection, prefix) in [("a", "backout_keep_a_"), ("b", "backout_keep_b_"), ("c", "backout_keep_c_")] {
                if name == collection || (name.starts_with(prefix) && collection != "a") {
                    aside += usize::from(name != collection);
                    found.extend(ids(&base, name).await.into_iter().map(|id| (collection, id.to_string())));
                }
            }
        }
        for (collection, number) in &committed {
            let id = json!({ "$numberInt": number.to_string() }).to_string();
            assert!(found.contains(&(*collection, id)), "run {run}: {number} of {collection} is lost");
        }
        // No increment was written over.
        let sum: i32 = base
            .documents("a")
            .await
            .iter()
            .filter_map(|one| one["n"]["$numberInt"].as_str().and_then(|n| n.parse::<i32>().ok()))
            .sum();
        let bumps = committed.iter().filter(|(collection, _)| *collection == "a").count();
        assert!(sum == i32::try_from(bumps).unwrap() || sum == i32::try_from(bumps).unwrap() + 1, "{sum} of {bumps}");
        all += committed.len();
    }
    println!("{runs} runs, {all} committed inserts, {aside} collections put aside");
}
