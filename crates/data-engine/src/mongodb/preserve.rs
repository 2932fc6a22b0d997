//! Puts fields and collections aside before they go, and brings them back.

use driver_mongodb::Overwrite;
use mongo_script::Operation;
use saga::{Keeper, Preservation, StatementKey, StepError};
use serde_json::{Value, json};

use super::locked::Run;
use super::operation::nothing;
use crate::error::Error;

/// How often documents are gone through that the application goes on changing.
const PASSES: u32 = 20;
/// Names of collections are limited with their database's; this leaves room for both.
const MAX_NAME: usize = 110;
/// What stands for the checksum of a collection that is renamed and not copied.
const MOVED: &str = "moved";

impl Run {
    /// Copies fields, compares, and removes them where they still equal their copy. Can be repeated.
    pub(super) async fn unset(
        &self,
        at: &str,
        key: &StatementKey,
        collection: &str,
        filter: &Value,
        fields: &[String],
    ) -> Result<Value, StepError> {
        let failed = |error: driver_mongodb::Error| {
            let message = format!("{at}: fields of {collection} cannot be put aside: {error}");
            if error.is_transient() { StepError::transient(message) } else { StepError::permanent(message) }
        };
        let keep = self.keep_name(key, collection);
        self.assert_lock().await?;
        let kept = self.target.keep_fields(collection, filter, fields, &keep).await.map_err(failed)?;
        let verified = self.target.verify_kept(collection, filter, fields, &keep).await.map_err(failed)?;
        if verified.missing > 0 {
            return Err(StepError::transient(format!(
                "{at}: {} values of {collection} have no copy yet, so none is removed",
                verified.missing
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
        self.assert_lock().await?;
        self.target.unset_where_equal(collection, filter, fields, &keep, PASSES).await.map_err(failed)?;
        self.book.done(key, kept.documents).await?;
        let documents = json!({ "$numberLong": kept.documents.to_string() });
        Ok(json!({ "ok": { "$numberDouble": "1.0" }, "n": documents, "nModified": documents }))
    }

    /// Renames a collection in place of dropping it. Views hold nothing and are dropped.
    pub(super) async fn drop_collection(
        &self,
        at: &str,
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
        let is_view = kind.as_deref() == Some("view");
        if is_view || (undo && self.is_pending(key, collection).await?) {
            return self.run_plain(at, key, operation).await;
        }
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
        self.book.keep(&preservation).await?;
        self.assert_lock().await?;
        self.book.intent(key).await?;
        self.target.keep_collection(collection, &keep).await.map_err(Error::from)?;
        self.book.done(key, rows).await?;
        Ok(nothing())
    }

    /// Brings one thing back into a collection that is in use. Can be repeated.
    pub(super) async fn restore(&self, kept: &Preservation) -> Result<(), StepError> {
        let rows = match &kept.keeper {
            Keeper::Fields { collection, fields, keep_collection } => {
                if !self.exists(collection).await? {
                    return self.report(kept, "there is no such collection").await;
                }
                self.assert_lock().await?;
                let restored =
                    self.target.restore_fields(keep_collection, collection, fields).await.map_err(Error::from)?;
                if restored.conflicts > 0 {
                    let why = format!("{} values were written anew meanwhile and stay", restored.conflicts);
                    self.report(kept, &why).await?;
                }
                self.target.kept(keep_collection).await.map_err(Error::from)?.documents
            }
            Keeper::Collection { collection, keep_collection } => {
                if !self.exists(collection).await? {
                    return self.report(kept, "there is no such collection").await;
                }
                self.assert_lock().await?;
                // What the script itself puts into the new collection gives way to what was there.
                self.target
                    .restore_documents(keep_collection, collection, Overwrite::Always)
                    .await
                    .map_err(Error::from)?;
                self.target.count(keep_collection, &json!({})).await.map_err(Error::from)?
            }
            Keeper::Columns { .. } | Keeper::Table { .. } => {
                return self.report(kept, "it belongs to another kind of data store").await;
            }
        };
        let marker = format!("{}restored/{}", self.book.marker_prefix(), kept.id);
        self.mark(&marker, rows, None, true).await?;
        self.book.restored(kept.id).await
    }

    async fn report(&self, kept: &Preservation, why: &str) -> Result<(), StepError> {
        tracing::warn!(store = %self.book.store, object = %kept.object, why, "kept data");
        self.book.cx.progress(json!({ "stays_put_aside": kept.object, "reason": why })).await
    }

    /// Whether, while a migration is taken back, earlier documents of the collection still wait to come back.
    async fn is_pending(&self, key: &StatementKey, collection: &str) -> Result<bool, StepError> {
        let own = self.book.preservation_id(key);
        let kept = self.book.kept(&key.migration).await?;
        Ok(kept.iter().any(|one| {
            one.id != own && matches!(&one.keeper, Keeper::Collection { collection: of, .. } if of == collection)
        }))
    }

    fn keep_name(&self, key: &StatementKey, collection: &str) -> String {
        let version: String = key.migration.chars().take(24).collect();
        let name = format!("backout_keep_{collection}");
        let name: String = name.chars().take(MAX_NAME - version.len() - 16).collect();
        format!("{name}__{version}__{}", self.book.short_id(key))
    }
}
