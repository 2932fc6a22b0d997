//! Brings back what was put aside.

use domain::ids::PreservationId;
use driver_mongodb::{Overwrite, ScriptWrites};
use mongo_script::Effect;
use saga::{Keeper, Preservation, StepError};
use sentence::sentence;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::locked::{Run, markers};
use super::replace::replaced_marker;
use super::run::Plan;
use crate::error::Error;
use crate::kept::unreadable_note;

/// Documents that came back in a step, and where it is kept what they were just before.
#[derive(Serialize, Deserialize)]
struct Trail {
    id: PreservationId,
    migration: String,
    object: String,
    keeper: Keeper,
    rows: u64,
    checksum: String,
    written: String,
}

impl Run {
    /// Brings back what a script that has just run is to give way to: collections, then their indexes, then the
    /// documents, the last changed first.
    pub(super) async fn restore_behind(&self, kept: &[&Preservation], script: &Plan<'_>) -> Result<(), StepError> {
        let rank = |one: &Preservation| match one.keeper {
            Keeper::Collection { .. } => 0,
            Keeper::Indexes { .. } => 1,
            _ => 2,
        };
        for wanted in 0..=2 {
            for one in kept.iter().filter(|one| rank(one) == wanted) {
                self.restore(one, Some(script)).await?;
            }
        }
        Ok(())
    }

    /// Brings one thing back into a collection that is in use, behind `script` where one has just run. Can be repeated.
    pub(super) async fn restore(&self, kept: &Preservation, script: Option<&Plan<'_>>) -> Result<(), StepError> {
        let marker = self.restored_marker(kept.id);
        let paged = self.paged(&marker);
        let collection = match &kept.keeper {
            Keeper::Fields { collection, keep_collection, .. }
            | Keeper::Collection { collection, keep_collection }
            | Keeper::Documents { collection, keep_collection } => {
                if !self.exists(keep_collection).await? {
                    return self.without_copy(kept, keep_collection).await;
                }
                collection
            }
            Keeper::Indexes { collection, .. } => collection,
            _ => return self.report(kept, &sentence!("it belongs to another kind of data store")).await,
        };
        if let Keeper::Collection { keep_collection, .. } = &kept.keeper
            && (!self.exists(collection).await? || self.is_marked(&replaced_marker(kept)).await?)
        {
            return self.restore_whole(kept, collection, keep_collection).await;
        }
        if !self.exists(collection).await? {
            return self.report(kept, &sentence!("there is no such collection")).await;
        }
        let (rows, conflicts) = match &kept.keeper {
            Keeper::Fields { fields, keep_collection, .. } => {
                let restored = paged.target.restore_fields(keep_collection, collection, fields).await;
                let restored = restored.map_err(|error| paged.failed(error))?;
                (self.target.count(keep_collection, &json!({})).await.map_err(Error::from)?, restored.conflicts)
            }
            Keeper::Documents { keep_collection, .. } => {
                let writes = match script {
                    Some(script) => self.writes_of(script, collection).await?,
                    None => ScriptWrites::default(),
                };
                // While a step is undone nothing is undone behind it.
                let of_this_step = self.book.kept_again(kept.id).0.simple().to_string();
                let trail = script
                    .filter(|script| !script.script.undo)
                    .map(|_| format!("{keep_collection}_{}", &of_this_step[of_this_step.len() - 10..]));
                if let Some(trail) = &trail {
                    self.note_trail(kept, trail).await?;
                }
                let restored =
                    paged.target.restore_images(keep_collection, collection, &writes, trail.as_deref()).await;
                let restored = restored.map_err(|error| paged.failed(error))?;
                (self.target.count(keep_collection, &json!({})).await.map_err(Error::from)?, restored.conflicts)
            }
            Keeper::Collection { keep_collection, .. } => {
                // What the script itself puts into the new collection gives way to what was there.
                let restored = paged.target.restore_documents(keep_collection, collection, Overwrite::Always).await;
                restored.map_err(|error| paged.failed(error))?;
                (self.target.count(keep_collection, &json!({})).await.map_err(Error::from)?, 0)
            }
            Keeper::Indexes { specifications, .. } => {
                if let Some(why) = self.restore_indexes(collection, specifications).await? {
                    return self.report(kept, &why).await;
                }
                (0, 0)
            }
            _ => (0, 0),
        };
        if conflicts > 0 {
            // What came back came back; the copy stays for the others.
            self.mark(&format!("{marker}/part"), rows.saturating_sub(conflicts), None, true).await?;
            let why = sentence!(
                "{conflicts} values were written anew meanwhile and stand; the copy is {copy}",
                conflicts,
                copy = kept.keeper.place()
            );
            return self.report(kept, &why).await;
        }
        self.mark(&marker, rows, None, true).await?;
        self.book.restored(kept.id).await
    }

    /// Notes that documents are about to come back, for the undo of this step.
    async fn note_trail(&self, kept: &Preservation, trail: &str) -> Result<(), StepError> {
        let note = Trail {
            id: kept.id,
            migration: kept.migration.clone(),
            object: kept.object.clone(),
            keeper: kept.keeper.clone(),
            rows: kept.rows,
            checksum: kept.checksum.clone(),
            written: trail.to_owned(),
        };
        self.mark(&format!("{}{}", self.trail_prefix(), kept.id), 0, Some(&json!(note).to_string()), false).await
    }

    fn trail_prefix(&self) -> String {
        format!("{}trail/", self.book.marker_prefix())
    }

    /// Takes back that documents came back in this step, and lets them come back another time.
    pub(super) async fn undo_restored(&self, migration: &str) -> Result<(), StepError> {
        let prefix = self.trail_prefix();
        let pattern = json!({ "$regularExpression": { "pattern": format!("^{prefix}"), "options": "" } });
        // Sorted by id: the last that came back first.
        for marker in markers(&self.target, &json!({ "_id": pattern })).await? {
            let name = marker["_id"].as_str().unwrap_or_default();
            let note = marker["note"].as_str().unwrap_or_default();
            let trail: Trail = serde_json::from_str(note).map_err(|error| unreadable_note(name, &error))?;
            let Keeper::Documents { collection, keep_collection } = &trail.keeper else {
                continue;
            };
            if trail.migration != migration {
                continue;
            }
            let paged = self.paged(name);
            let back = paged.target.restore_images(&trail.written, collection, &ScriptWrites::default(), None).await;
            back.map_err(|error| paged.failed(error))?;
            self.assert_lock().await?;
            self.target.reopen_images(keep_collection).await.map_err(Error::from)?;
            if self.is_marked(&self.restored_marker(trail.id)).await? {
                let id = self.book.kept_again(trail.id);
                let Trail { migration, object, keeper, rows, checksum, .. } = trail;
                let store = self.book.store.clone();
                self.book.keep(&Preservation { id, store, migration, object, keeper, rows, checksum }).await?;
            }
        }
        Ok(())
    }

    /// Gives a collection its name again. What has the name now is put beside it.
    async fn restore_whole(&self, kept: &Preservation, collection: &str, keep: &str) -> Result<(), StepError> {
        let marker = self.restored_marker(kept.id);
        let paged = self.paged(&marker);
        let rows = self.target.count(keep, &json!({})).await.map_err(Error::from)?;
        self.mark(&way_marker(&marker), rows, None, true).await?;
        if self.exists(collection).await? {
            let beside = format!("{keep}_out");
            paged.target.keep_collection(collection, &beside).await.map_err(|error| paged.failed(error))?;
            // Told although it came back: what is beside it can hold what the application wrote.
            let told =
                sentence!("{object} is back; what stood in its place is {copy}", object = &kept.object, copy = beside);
            let warning = format!("{}-out", self.book.warning_marker(kept.id));
            self.mark(&warning, 0, Some(&json!(told).to_string()), true).await?;
        }
        paged.target.restore_collection(keep, collection).await.map_err(|error| paged.failed(error))?;
        self.mark(&marker, rows, None, true).await?;
        self.book.restored(kept.id).await
    }

    /// Brings fields back into the documents that are there, and leaves the copy for others.
    pub(super) async fn restore_present(&self, kept: &Preservation) -> Result<(), StepError> {
        let Keeper::Fields { collection, fields, keep_collection } = &kept.keeper else {
            return Ok(());
        };
        if self.exists(collection).await? && self.exists(keep_collection).await? {
            let paged = self.paged(&self.restored_marker(kept.id));
            let restored = paged.target.restore_fields(keep_collection, collection, fields).await;
            restored.map_err(|error| paged.failed(error))?;
        }
        Ok(())
    }

    /// What becomes of something whose copy is not there.
    async fn without_copy(&self, kept: &Preservation, keep: &str) -> Result<(), StepError> {
        let is_empty = kept.rows == 0 && !matches!(kept.keeper, Keeper::Collection { .. });
        if is_empty || self.is_marked(&way_marker(&self.restored_marker(kept.id))).await? {
            // A copy is made with its first document, and one that was a collection has its name again.
            return self.book.restored(kept.id).await;
        }
        self.report(kept, &sentence!("the copy {copy} is missing", copy = keep)).await
    }

    /// What a script that has run has written into a collection.
    async fn writes_of(&self, script: &Plan<'_>, collection: &str) -> Result<ScriptWrites, StepError> {
        let keys = script.keeping_keys(&self.target, &self.book).await?;
        Ok(ScriptWrites {
            keeps: keys.iter().map(|key| self.keep_name(key, collection)).collect(),
            inserted: inserted_into(script, collection),
        })
    }
}

/// Documents that a script inserts, as far as it tells beforehand.
pub(super) fn inserted_into(script: &Plan<'_>, wanted: &str) -> Vec<serde_json::Value> {
    let inserts = script
        .operations
        .iter()
        .filter(|operation| matches!(operation.effect(), Effect::Insert { collection, .. } if collection == wanted));
    inserts.flat_map(|operation| operation.command["documents"].as_array().cloned().unwrap_or_default()).collect()
}

/// The marker of a collection that is about to have its name again.
fn way_marker(restored: &str) -> String {
    restored.replacen("restored/", "way/", 1)
}
