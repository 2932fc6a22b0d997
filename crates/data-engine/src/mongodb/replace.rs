//! Statements that put one collection in the place of another (`renameCollection` with `dropTarget`, `$out`). The
//! one that goes is renamed, which loses no write, so for a moment there is no collection of that name. Where the
//! application makes one in that moment, the step stops rather than lose it.

use mongo_script::Operation;
use saga::{Keeper, Preservation, StatementKey, StepError};
use sentence::{Sentence, sentence};
use serde_json::{Value, json};

use super::locked::{OPERATION, Run};
use super::operation::nothing;
use super::preserve::MOVED;
use crate::book::Progress;
use crate::error::Error;

impl Run {
    /// Gives collection `from` the name `to`, and puts aside what has that name. Can be repeated.
    pub(super) async fn replace(
        &self,
        at: &Sentence,
        key: &StatementKey,
        (from, to): (&str, &str),
        operation: &Operation,
    ) -> Result<Value, StepError> {
        let keep = self.keep_name(key, to);
        let is_there = self.exists(from).await?;
        let replaces = self.exists(&keep).await? || (is_there && self.exists(to).await?);
        if !replaces {
            if !is_there && self.book.progress(key)? == Progress::Begun {
                self.book.done(key, 0).await?;
                return Ok(nothing());
            }
            return self.run_plain(at, key, operation).await;
        }
        self.swap_in(at, key, from, to, &keep).await
    }

    /// Runs an aggregation that writes a collection anew, and puts aside what it was. Can be repeated.
    pub(super) async fn output(
        &self,
        at: &Sentence,
        key: &StatementKey,
        collection: &str,
        operation: &Operation,
    ) -> Result<Value, StepError> {
        let keep = self.keep_name(key, collection);
        let made = format!("{keep}_new");
        let marker = format!("{}/output", self.book.marker(key));
        if !self.exists(&keep).await? && !self.exists(collection).await? {
            return self.run_plain(at, key, operation).await;
        }
        if !self.is_marked(&marker).await? {
            self.assert_lock().await?;
            self.target.drop_kept(&made).await.map_err(Error::from)?;
            self.target.create_like(collection, &made).await.map_err(Error::from)?;
            let mut command = operation.command.clone();
            if let Some(last) = command["pipeline"].as_array_mut().and_then(|stages| stages.last_mut()) {
                *last = json!({ "$out": made });
            }
            let comment = self.book.marker(key);
            let ran = self.target.run(&command, operation.database.as_deref(), Some(&comment), OPERATION).await;
            ran.map_err(|error| {
                let told: StepError = Error::from(error).into();
                StepError { message: sentence!("{place}: {error}", place = at, error = told.message), ..told }
            })?;
            self.mark(&marker, 0, None, true).await?;
        }
        self.swap_in(at, key, &made, collection, &keep).await
    }

    /// Renames `to` to `keep` and `from` to `to`, each where that has not been done.
    async fn swap_in(
        &self,
        at: &Sentence,
        key: &StatementKey,
        from: &str,
        to: &str,
        keep: &str,
    ) -> Result<Value, StepError> {
        let is_kept = self.exists(keep).await?;
        let rows = self.target.count(if is_kept { keep } else { to }, &json!({})).await.map_err(Error::from)?;
        self.mark(&format!("{}/preserved", self.book.marker(key)), rows, None, true).await?;
        let preservation = Preservation {
            id: self.book.preservation_id(key),
            store: self.book.store.clone(),
            migration: key.migration.clone(),
            object: format!("collection {to}"),
            keeper: Keeper::Collection { collection: to.to_owned(), keep_collection: keep.to_owned() },
            rows,
            checksum: MOVED.to_owned(),
        };
        self.mark(&replaced_marker(&preservation), 0, Some(from), false).await?;
        self.book.keep(&preservation).await?;
        self.assert_lock().await?;
        self.book.intent(key).await?;
        let paged = self.paged(&self.book.marker(key));
        if !is_kept {
            paged.target.keep_collection(to, keep).await.map_err(|error| paged.failed(error))?;
        }
        match (self.exists(from).await?, self.exists(to).await?) {
            (true, true) => {
                return Err(StepError::permanent(sentence!(
                    "{at}: the application has made collection {collection} anew, and it would be lost; stop what \
                     writes to it, move its documents to {from}, drop it and retry",
                    at,
                    collection = to,
                    from
                )));
            }
            (true, false) => {
                paged.target.restore_collection(from, to).await.map_err(|error| paged.failed(error))?;
            }
            (false, _) => {}
        }
        self.book.done(key, rows).await?;
        Ok(nothing())
    }
}

/// The marker of a collection that was put aside because another one took its place.
pub(super) fn replaced_marker(kept: &Preservation) -> String {
    format!("replaced/{}", kept.id)
}
