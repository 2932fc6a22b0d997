//! Looks whether an interrupted operation has taken effect.

use mongo_script::{Effect, IndexReference, Operation};
use saga::StepError;
use sentence::{Sentence, sentence};
use serde_json::{Value, json};

use super::locked::{Run, long};
use crate::error::Error;
use crate::examine::mongo::{Treatment, treatment};

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    Before,
    After,
    /// A second run changes nothing that the first did not.
    Repeatable,
    /// Only these of the documents to insert are missing.
    Missing(Vec<Value>),
    Neither(Sentence),
}

impl Run {
    pub(super) async fn look(&self, operation: &Operation) -> Result<Found, StepError> {
        let carries_on = matches!(
            treatment(operation),
            Treatment::KeepDocuments { .. } | Treatment::KeepReplaced { .. } | Treatment::KeepOutput { .. }
        );
        if carries_on {
            // What is kept tells how far it is.
            return Ok(Found::Repeatable);
        }
        let effect = operation.effect();
        match &effect {
            Effect::CreateCollection { collection } => {
                Ok(if self.exists(collection).await? { Found::After } else { Found::Before })
            }
            Effect::DropCollection { collection } => {
                Ok(if self.exists(collection).await? { Found::Before } else { Found::After })
            }
            Effect::RenameCollection { from, to, .. } => {
                let name = |namespace: &str| namespace.split_once('.').map_or(namespace, |(_, name)| name).to_owned();
                match (self.exists(&name(from)).await?, self.exists(&name(to)).await?) {
                    (true, false) => Ok(Found::Before),
                    (false, true) => Ok(Found::After),
                    _ => Ok(Found::Neither(sentence!("{from} and {to} are both there, or neither is", from, to))),
                }
            }
            Effect::DropIndex { collection, indexes } => {
                let present = self.target.indexes(collection).await.map_err(Error::from)?;
                let is_there = |wanted: &IndexReference| match wanted {
                    IndexReference::Name(name) => present.iter().any(|index| index["name"] == *name),
                    IndexReference::Key(key) => present.iter().any(|index| index["key"] == *key),
                    IndexReference::All => present.len() > 1,
                };
                let there = indexes.iter().filter(|index| is_there(index)).count();
                Ok(if there == 0 {
                    Found::After
                } else if there == indexes.len() {
                    Found::Before
                } else {
                    Found::Repeatable
                })
            }
            Effect::Insert { collection, .. } => self.look_for_documents(collection, operation).await,
            // A `$merge` that leaves alone what is there.
            Effect::WriteInto { .. } => Ok(Found::Repeatable),
            effect if effect.is_repeatable() => Ok(Found::Repeatable),
            _ => Ok(Found::Neither(sentence!(
                "{method} cannot be repeated, and nothing tells whether it has run",
                method = &operation.method
            ))),
        }
    }

    /// Documents carry their ids, made when the script was compiled.
    async fn look_for_documents(&self, collection: &str, operation: &Operation) -> Result<Found, StepError> {
        let documents = operation.command["documents"].as_array().cloned().unwrap_or_default();
        if documents.iter().any(|document| document.get("_id").is_none()) {
            return Ok(Found::Neither(sentence!("the documents have no ids to look for")));
        }
        let mut missing = Vec::new();
        for document in &documents {
            let command = json!({ "count": collection, "query": { "_id": { "$eq": document["_id"] } } });
            let reply = self.command(&command).await?;
            if long(&reply["n"]).unwrap_or_default() == 0 {
                missing.push(document.clone());
            }
        }
        Ok(match missing.len() {
            0 => Found::After,
            all if all == documents.len() => Found::Before,
            _ => Found::Missing(missing),
        })
    }
}
