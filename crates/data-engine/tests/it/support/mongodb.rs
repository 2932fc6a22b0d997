//! Databases of a real MongoDB, or a server that speaks its protocol.

use std::sync::Arc;
use std::time::Duration;

use data_engine::{DataEngine, DataTarget};
use driver_mongodb::Target;
use serde_json::{Value, json};
use testkit::{shared_mongo, unique_name};

use super::{Jobs, Memory};

/// A new database with an engine on it.
pub(crate) struct Base {
    pub(crate) jobs: Jobs,
    pub(crate) target: Target,
}

impl Base {
    pub(crate) async fn new() -> Self {
        let url = shared_mongo().url().to_owned().into();
        let target = Target::connect(&url, &unique_name("engine")).await.unwrap();
        let journal = Arc::new(Memory::default());
        let engine = DataEngine::new("documents".to_owned(), DataTarget::MongoDb(target.clone()), journal.clone());
        Self { jobs: Jobs { journal, engine }, target }
    }

    pub(crate) async fn command(&self, command: Value) -> Value {
        self.target.run(&command, None, None, Duration::from_secs(10)).await.unwrap()
    }

    pub(crate) async fn insert(&self, collection: &str, documents: Value) {
        self.command(json!({ "insert": collection, "documents": documents })).await;
    }

    pub(crate) async fn documents(&self, collection: &str) -> Vec<Value> {
        let reply = self.command(json!({ "find": collection, "sort": { "_id": 1 } })).await;
        let mut found = reply["cursor"]["firstBatch"].as_array().unwrap().clone();
        // The order of fields is not kept when they come back.
        for document in &mut found {
            document.as_object_mut().unwrap().sort_keys();
            if let Some(inner) = document.get_mut("metadata").and_then(Value::as_object_mut) {
                inner.sort_keys();
            }
        }
        found
    }

    /// All that counts of a state: schema, ledgers, and what is put aside.
    pub(crate) async fn state(&self) -> (String, Vec<String>, Vec<(String, u64)>) {
        let kept = self.jobs.journal.waiting();
        let mut kept: Vec<_> = kept.into_iter().map(|kept| (kept.object, kept.rows)).collect();
        kept.sort();
        (self.jobs.engine.fingerprint().await.unwrap(), self.jobs.engine.applied().await.unwrap(), kept)
    }
}
