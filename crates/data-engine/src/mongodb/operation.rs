//! One operation: journalled, probed where it was interrupted, and run.

use mongo_script::Operation;
use saga::{ErrorKind, StatementKey, StepError};
use sentence::{Sentence, sentence};
use serde_json::{Value, json};

use super::locked::{OPERATION, Run, long};
use super::probe::Found;
use super::run::place;
use crate::book::Progress;
use crate::examine::mongo::{Treatment, treatment};

impl Run {
    /// Brings an operation about: not at all where it is done, by looking first where it was begun. The
    /// reply is the server's, or one like it.
    pub(super) async fn operation(
        &self,
        script: &Sentence,
        undo: bool,
        key: &StatementKey,
        operation: &Operation,
    ) -> Result<Value, StepError> {
        match self.book.progress(key)? {
            Progress::Done => Ok(nothing()),
            Progress::Untouched => self.perform(script, undo, key, operation).await,
            Progress::Begun => match self.look(operation).await? {
                Found::After => {
                    self.book.done(key, 0).await?;
                    Ok(nothing())
                }
                Found::Before | Found::Repeatable => self.perform(script, undo, key, operation).await,
                Found::Missing(documents) => {
                    let mut rest = operation.clone();
                    rest.command["documents"] = Value::Array(documents);
                    self.perform(script, undo, key, &rest).await
                }
                Found::Neither(why) => Err(unclear(script, operation, &why)),
            },
        }
    }

    /// Runs an operation that has not taken effect, or can be repeated.
    pub(super) async fn perform(
        &self,
        script: &Sentence,
        undo: bool,
        key: &StatementKey,
        operation: &Operation,
    ) -> Result<Value, StepError> {
        let at = place(script, operation);
        match treatment(operation) {
            Treatment::Refuse { reason, .. } => {
                Err(StepError::permanent(sentence!("{place}: {error}", place = at, error = reason)))
            }
            Treatment::KeepFields { collection, filter, fields } => {
                self.unset(&at, key, &collection, &filter, &fields).await
            }
            Treatment::KeepCollection { collection } => {
                self.drop_collection(&at, undo, key, &collection, operation).await
            }
            Treatment::KeepDocuments { collection } => self.change_documents(&at, key, &collection, operation).await,
            Treatment::KeepIndexes { collection, indexes } => {
                self.drop_indexes(&at, key, &collection, &indexes, operation).await
            }
            Treatment::KeepReplaced { from, to } => self.replace(&at, key, (&from, &to), operation).await,
            Treatment::KeepOutput { collection } => self.output(&at, key, &collection, operation).await,
            Treatment::Plain | Treatment::Unknown => self.run_plain(&at, key, operation).await,
        }
    }

    pub(super) async fn run_plain(
        &self,
        at: &Sentence,
        key: &StatementKey,
        operation: &Operation,
    ) -> Result<Value, StepError> {
        let repeated = self.book.progress(key)? == Progress::Begun;
        self.assert_lock().await?;
        self.book.intent(key).await?;
        let comment = self.book.marker(key);
        let ran = self.target.run(&operation.command, operation.database.as_deref(), Some(&comment), OPERATION).await;
        let reply = match ran {
            // What was to go is gone: an earlier run of this very operation took it.
            Err(error) if repeated && matches!(error.code(), Some(26 | 27)) => nothing(),
            Err(error) => {
                let told = sentence!("{place}: {error}", place = at, error = error.sentence());
                let kind = if error.is_transient() { ErrorKind::Transient } else { ErrorKind::Permanent };
                return Err(StepError::new(kind, told));
            }
            Ok(reply) => reply,
        };
        let rows = long(&reply["n"]).unwrap_or_default();
        self.book.done(key, rows).await?;
        Ok(reply)
    }

    /// Runs an operation that only reads; it is not journalled.
    pub(super) async fn read(&self, operation: &Operation) -> Result<Value, driver_mongodb::Error> {
        self.target.run(&operation.command, operation.database.as_deref(), None, OPERATION).await
    }
}

/// The error of an operation of which nobody can tell whether it has run.
pub(super) fn unclear(script: &Sentence, operation: &Operation, why: &Sentence) -> StepError {
    StepError::unknown(sentence!(
        "{place} was interrupted and is found neither done nor undone ({why}): {statement}",
        place = place(script, operation),
        why,
        statement = operation.command.to_string()
    ))
    .with_hint(sentence!(
        "look at the documents, then choose: retry the operation, mark it as done, or restore the backup"
    ))
}

/// A reply that says that nothing was left to do.
pub(super) fn nothing() -> Value {
    json!({ "ok": { "$numberDouble": "1.0" }, "n": { "$numberInt": "0" }, "nModified": { "$numberInt": "0" } })
}
