use std::time::Duration;

use driver_mongodb::{Error, Target};
use secrecy::SecretString;
use serde_json::{Value, json};

pub(crate) const WAIT: Duration = Duration::from_secs(10);

pub(crate) fn url() -> SecretString {
    testkit::shared_mongo().url().into()
}

/// A database of its own.
pub(crate) async fn target(prefix: &str) -> Target {
    let database = testkit::unique_name(prefix);
    Target::connect(&url(), &database).await.unwrap()
}

pub(crate) async fn run(target: &Target, command: Value) -> Value {
    target.run(&command, None, None, WAIT).await.unwrap()
}

pub(crate) async fn refused(target: &Target, command: Value) -> Error {
    target.run(&command, None, None, WAIT).await.unwrap_err()
}

pub(crate) async fn insert(target: &Target, collection: &str, documents: Value) {
    run(target, json!({ "insert": collection, "documents": documents })).await;
}

pub(crate) async fn documents(target: &Target, collection: &str) -> Vec<Value> {
    let reply = run(target, json!({ "find": collection, "sort": { "_id": 1 }, "batchSize": 1000 })).await;
    reply["cursor"]["firstBatch"].as_array().unwrap().clone()
}

pub(crate) fn int(number: i32) -> Value {
    json!({ "$numberInt": number.to_string() })
}
