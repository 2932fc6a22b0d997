//! Puts fields and collections aside before they go, and brings them back.

use std::collections::HashSet;

use domain::ids::PreservationId;
use mongo_script::Operation;
use saga::{Keeper, Preservation, StatementKey, StepError};
use sentence::{Sentence, sentence};
use serde_json::{Value, json};

use super::locked::Run;
use super::operation::nothing;
use super::run::Plan;
use crate::book::early_marker;
use crate::error::Error;
use crate::kept::{Choice, Comes, choose, stays, unreadable_note};

/// How often documents are gone through that the application goes on changing.
pub(super) const PASSES: u32 = 20;
/// Names of collections are limited with their database's; this leaves room for both.
const MAX_NAME: usize = 110;
/// What stands for the checksum of a collection that is renamed and not copied.
pub(super) const MOVED: &str = "moved";

impl Run {
    /// Copies fields, compares, and removes them where they still equal their copy. Can be repeated.
    pub(super) async fn unset(
        &self,
        at: &Sentence,
        key: &StatementKey,
        collection: &str,
        filter: &Value,
        fields: &[String],
    ) -> Result<Value, StepError> {
        let keep = self.keep_name(key, collection);
        let paged = self.paged(&self.book.marker(key));
        let failed = |error: driver_mongodb::Error| {
            let error = paged.failed(error);
            let message = sentence!(
                "{at}: fields of {collection} cannot be put aside: {error}",
                at,
                collection,
                error = error.message
            );
            StepError { message, ..error }
        };
        let kept = paged.target.keep_fields(collection, filter, fields, &keep).await.map_err(failed)?;
        let verified = paged.target.verify_kept(collection, filter, fields, &keep).await.map_err(failed)?;
        if verified.missing > 0 {
            return Err(StepError::transient(sentence!(
                "{at}: {count} values of {collection} have no copy yet, so none is removed",
                at,
                count = verified.missing,
                collection
            )));
        }
        self.mark(&format!("{}/preserved", self.book.marker(key)), kept.documents, None, true).await?;
        let objects: Vec<String> = fields.iter().map(|field| format!("field {collection}.{field}")).collect();
        let preservation = Preservation {
            id: self.book.preservation_id(key),
            store: self.book.store.clone(),
            migration: key.migration.clone(),
            object: objects.join(", "),
            keeper: Keeper::Fields {
                collection: collection.to_owned(),
                fields: fields.to_vec(),
                keep_collection: keep.clone(),
            },
            rows: kept.documents,
            checksum: kept.checksum,
        };
        self.book.keep(&preservation).await?;
        self.book.intent(key).await?;
        paged.target.unset_where_equal(collection, filter, fields, &keep, PASSES).await.map_err(failed)?;
        self.book.done(key, kept.documents).await?;
        let documents = json!({ "$numberLong": kept.documents.to_string() });
        Ok(json!({ "ok": { "$numberDouble": "1.0" }, "n": documents, "nModified": documents }))
    }

    /// Renames a collection in place of dropping it. Views hold nothing and are dropped.
    pub(super) async fn drop_collection(
        &self,
        at: &Sentence,
        undo: bool,
        key: &StatementKey,
        collection: &str,
        operation: &Operation,
    ) -> Result<Value, StepError> {
        let keep = self.keep_name(key, collection);
        let kind = self.kind(collection).await?;
        if kind.is_none() && !self.exists(&keep).await? {
            self.book.intent(key).await?;
            self.book.done(key, 0).await?;
            return Ok(nothing());
        }
        if kind.as_deref() == Some("view") {
            return self.run_plain(at, key, operation).await;
        }
        // Made before older documents came back: it holds what the script wrote.
        let early = undo && self.waits_untouched(key, collection).await?;
        let rows = match kind {
            Some(_) => self.target.count(collection, &json!({})).await.map_err(Error::from)?,
            None => self.target.count(&keep, &json!({})).await.map_err(Error::from)?,
        };
        self.mark(&format!("{}/preserved", self.book.marker(key)), rows, None, true).await?;
        let preservation = Preservation {
            id: self.book.preservation_id(key),
            store: self.book.store.clone(),
            migration: key.migration.clone(),
            object: format!("collection {collection}"),
            keeper: Keeper::Collection { collection: collection.to_owned(), keep_collection: keep.clone() },
            rows,
            checksum: MOVED.to_owned(),
        };
        if early {
            self.mark(&early_marker(preservation.id), 0, None, false).await?;
        }
        self.book.keep(&preservation).await?;
        self.assert_lock().await?;
        self.book.intent(key).await?;
        let paged = self.paged(&self.book.marker(key));
        paged.target.keep_collection(collection, &keep).await.map_err(|error| paged.failed(error))?;
        // Counted where nobody writes any more.
        if early && self.target.count(&keep, &json!({})).await.map_err(Error::from)? == 0 {
            // In this order: a death in between leaves an empty collection, and no record of one that is not there.
            self.book.restored(preservation.id).await?;
            self.assert_lock().await?;
            self.target.drop_kept(&keep).await.map_err(Error::from)?;
        }
        self.book.done(key, rows).await?;
        Ok(nothing())
    }

    /// What was put aside for this migration by earlier steps, in the order in which it is treated, with how much of
    /// it comes back. Decided once, since what has come back before an interruption counts for it too.
    pub(super) async fn earlier_kept(&self, plan: &Plan<'_>) -> Result<Vec<(Preservation, Comes)>, StepError> {
        let version = plan.script.version();
        let keys = plan.keeping_keys(&self.target, &self.book).await?;
        let own: HashSet<_> = keys.iter().map(|key| self.book.preservation_id(key)).collect();
        let mut kept = self.book.kept(version).await?;
        kept.retain(|one| !own.contains(&one.id));
        if kept.is_empty() {
            return Ok(Vec::new());
        }
        let marker = self.book.choices_marker(version);
        let choices = if let Some(noted) = self.note(&marker).await? {
            serde_json::from_str(&noted).map_err(|error| unreadable_note(&marker, &error))?
        } else {
            let mut early = HashSet::new();
            for one in &kept {
                if self.is_marked(&early_marker(one.id)).await? {
                    early.insert(one.id);
                }
            }
            let choices = choose(&kept, &early);
            self.mark(&marker, 0, Some(&json!(choices).to_string()), false).await?;
            choices
        };
        let found = |choice: Choice| Some((kept.iter().find(|one| one.id == choice.id)?.clone(), choice.comes));
        Ok(choices.into_iter().filter_map(found).collect())
    }

    /// Notes in the journal what came back before an interruption kept it from being noted.
    pub(super) async fn settle_restored(&self, version: &str) -> Result<(), StepError> {
        for one in self.book.kept(version).await? {
            if self.is_marked(&self.restored_marker(one.id)).await? {
                self.book.restored(one.id).await?;
            }
        }
        Ok(())
    }

    /// What says that a copy has come back.
    pub(super) fn restored_marker(&self, id: PreservationId) -> String {
        format!("{}restored/{id}", self.book.marker_prefix())
    }

    /// Tells that something stays put aside: to those who watch, and in the step's output.
    pub(super) async fn report(&self, kept: &Preservation, why: &Sentence) -> Result<(), StepError> {
        tracing::warn!(store = %self.book.store, object = %kept.object, %why, "kept data stays put aside");
        let note = json!(stays(kept, why)).to_string();
        self.mark(&self.book.warning_marker(kept.id), 0, Some(&note), true).await?;
        self.book.cx.progress(json!({ "stays_put_aside": kept.object, "reason": why })).await
    }

    /// Whether, while a migration is taken back, earlier documents of the collection wait that nobody has tried to
    /// put back to the end.
    async fn waits_untouched(&self, key: &StatementKey, collection: &str) -> Result<bool, StepError> {
        let own = self.book.preservation_id(key);
        let kept = self.book.kept(&key.migration).await?;
        let mut waits = false;
        for one in kept.iter().filter(|one| {
            one.id != own && matches!(&one.keeper, Keeper::Collection { collection: of, .. } if of == collection)
        }) {
            if self.is_marked(&self.book.warning_marker(one.id)).await? {
                return Ok(false);
            }
            waits = true;
        }
        Ok(waits)
    }

    pub(super) fn keep_name(&self, key: &StatementKey, collection: &str) -> String {
        let version: String = key.migration.chars().take(24).collect();
        let name = format!("backout_keep_{collection}");
        let name: String = name.chars().take(MAX_NAME - version.len() - 16).collect();
        format!("{name}__{version}__{}", self.book.short_id(key))
    }
}
