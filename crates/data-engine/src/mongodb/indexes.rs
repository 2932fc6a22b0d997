//! Statements that drop indexes: what makes them anew is written down first.

use mongo_script::{IndexReference, Operation};
use saga::{Keeper, Preservation, StatementKey, StepError};
use sentence::Sentence;
use serde_json::{Value, json};

use super::locked::Run;
use crate::error::Error;
use crate::script::sha256;

impl Run {
    /// Drops indexes. Can be repeated.
    pub(super) async fn drop_indexes(
        &self,
        at: &Sentence,
        key: &StatementKey,
        collection: &str,
        indexes: &[IndexReference],
        operation: &Operation,
    ) -> Result<Value, StepError> {
        let present = self.target.indexes(collection).await.map_err(Error::from)?;
        let goes = |index: &&Value| {
            index["name"] != "_id_"
                && indexes.iter().any(|reference| match reference {
                    IndexReference::Name(name) => index["name"] == *name,
                    IndexReference::Key(key) => index["key"] == *key,
                    IndexReference::All => true,
                })
        };
        let specifications: Vec<Value> = present.iter().filter(goes).cloned().collect();
        if !specifications.is_empty() {
            let names: Vec<String> = specifications
                .iter()
                .map(|index| format!("index {collection}.{}", index["name"].as_str().unwrap_or_default()))
                .collect();
            // No documents; the marker tells which operations of a live script have put something aside.
            self.mark(&format!("{}/preserved", self.book.marker(key)), 0, None, true).await?;
            let checksum = sha256(json!(specifications).to_string().as_bytes());
            let preservation = Preservation {
                id: self.book.preservation_id(key),
                store: self.book.store.clone(),
                migration: key.migration.clone(),
                object: names.join(", "),
                keeper: Keeper::Indexes { collection: collection.to_owned(), specifications },
                rows: 0,
                checksum,
            };
            self.book.keep(&preservation).await?;
        }
        self.run_plain(at, key, operation).await
    }

    /// Makes indexes anew that are not there. Why some could not be made.
    pub(super) async fn restore_indexes(
        &self,
        collection: &str,
        specifications: &[Value],
    ) -> Result<Option<Sentence>, StepError> {
        let present = self.target.indexes(collection).await.map_err(Error::from)?;
        let missing: Vec<Value> = specifications
            .iter()
            .filter(|index| !present.iter().any(|other| other["name"] == index["name"]))
            .map(|index| {
                let mut index = index.clone();
                if let Some(fields) = index.as_object_mut() {
                    fields.remove("ns");
                    fields.remove("v");
                }
                index
            })
            .collect();
        if missing.is_empty() {
            return Ok(None);
        }
        self.assert_lock().await?;
        let command = json!({ "createIndexes": collection, "indexes": missing });
        match self.target.run(&command, None, None, super::locked::OPERATION).await {
            Ok(_) => Ok(None),
            Err(error) if error.is_transient() => Err(Error::from(error).into()),
            // Others stand in their way: an index of the same key, or documents that are not unique.
            Err(error) => Ok(Some(error.sentence())),
        }
    }
}
