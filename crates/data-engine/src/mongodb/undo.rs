//! Takes back what a step began on MongoDB.

use domain::ledger::Direction;
use mongo_script::{Effect, Operation};
use saga::{Keeper, Preservation, StepError};
use sentence::sentence;
use serde_json::json;

use super::locked::Run;
use super::operation::unclear;
use super::probe::Found;
use super::replace::replaced_marker;
use super::run::Plan;
use crate::book::Progress;
use crate::engine::Scripts;
use crate::examine::is_ledger;
use crate::examine::mongo::{Treatment, treatment};
use crate::script::{Script, opposite};

impl Run {
    /// Takes one migration back that went in `direction`.
    pub(super) async fn undo(&self, scripts: &Scripts, direction: Direction) -> Result<(), StepError> {
        let forth = Plan::of(&self.target, &self.book.cx, Script::of(scripts, direction, false)?)?;
        let back = Plan::of(&self.target, &self.book.cx, Script::of(scripts, opposite(direction), true)?)?;
        let end = back.end();
        if self.book.progress(&end)? == Progress::Done {
            return Ok(());
        }
        if !self.book.is_begun(false, back.script.version(), direction) {
            // What was put aside for an operation that did not begin never left.
            for one in self.own_kept(&forth).await? {
                self.book.restored(one.id).await?;
            }
            return Ok(());
        }
        if back.is_live {
            return Err(StepError::unknown(sentence!(
                "{script} decides by what the server answers, so nothing tells which part of it is needed to undo the \
                 step",
                script = back.script.name()
            )));
        }
        let before = self.schema_before(&back.script).await?;
        let whole = self.book.progress(&forth.end())? != Progress::Untouched;
        let kept = self.own_kept(&forth).await?;
        self.undo_restored(back.script.version()).await?;
        match direction {
            Direction::Up => {
                self.settle_restored(back.script.version()).await?;
                // Before the script fills the fields that are missing, as a down does.
                for one in kept.iter().filter(|one| matches!(one.keeper, Keeper::Fields { .. })) {
                    self.restore(one, None).await?;
                }
                if !whole {
                    self.remove_inserted(&forth).await?;
                }
            }
            Direction::Down => {
                // What else was put aside needs its collection, and documents go back the way they came.
                let (collections, others): (Vec<_>, Vec<_>) =
                    kept.iter().partition(|one| matches!(one.keeper, Keeper::Collection { .. }));
                for one in collections.into_iter().rev() {
                    self.back_in_place(one).await?;
                }
                self.remove_inserted(&forth).await?;
                for one in others.into_iter().rev() {
                    self.back_in_place(one).await?;
                }
            }
        }
        for operation in &back.operations {
            self.go_on()?;
            self.undo_operation(&back, operation, whole).await?;
        }
        if direction == Direction::Up {
            // Collections that the up took away have a place again, and what it wrote into fields that it had taken
            // away has gone.
            let mut left = Vec::new();
            for one in kept.iter().rev() {
                if !self.is_marked(&self.restored_marker(one.id)).await? {
                    left.push(one);
                }
            }
            self.restore_behind(&left, &back).await?;
        }
        self.finish(&back.script, &end, &before, whole).await.map(drop)
    }

    async fn own_kept(&self, forth: &Plan<'_>) -> Result<Vec<Preservation>, StepError> {
        let keys = forth.keeping_keys(&self.target, &self.book).await?;
        let own: Vec<_> = keys.iter().map(|key| self.book.preservation_id(key)).collect();
        let mut kept = self.book.kept(forth.script.version()).await?;
        kept.retain(|one| own.contains(&one.id));
        Ok(kept)
    }

    /// Removes what the script inserted and nobody has changed.
    async fn remove_inserted(&self, forth: &Plan<'_>) -> Result<(), StepError> {
        for operation in forth.operations.iter().rev() {
            let Effect::Insert { collection, .. } = operation.effect() else {
                continue;
            };
            if is_ledger(&collection) || self.book.progress(&forth.key(operation))? == Progress::Untouched {
                continue;
            }
            let documents = operation.command["documents"].as_array().cloned().unwrap_or_default();
            let paged = self.paged(&self.book.marker(&forth.key(operation)));
            let removed = paged.target.remove_unchanged(&collection, &documents).await;
            let changed = removed.map_err(|error| paged.failed(error))?;
            if changed > 0 {
                tracing::warn!(store = %self.book.store, collection, changed, "inserted documents were changed and stay");
                let stay = json!({ "inserted_and_changed": collection, "documents": changed });
                self.book.cx.progress(stay).await?;
            }
        }
        Ok(())
    }

    /// What was put aside goes back where it was; what never left is found there.
    async fn back_in_place(&self, kept: &Preservation) -> Result<(), StepError> {
        let Keeper::Collection { collection, keep_collection } = &kept.keeper else {
            // Values that were written anew meanwhile stand, and the copy of the others stays and is told.
            return self.restore(kept, None).await;
        };
        if self.exists(keep_collection).await? && self.exists(collection).await? {
            return self.undo_replacement(kept, collection, keep_collection).await;
        }
        if self.is_marked(&replaced_marker(kept)).await? && self.is_marked(&self.restored_marker(kept.id)).await? {
            return self.book.restored(kept.id).await;
        }
        let paged = self.paged(&self.restored_marker(kept.id));
        let back = paged.target.restore_collection(keep_collection, collection).await;
        back.map_err(|error| paged.failed(error))?;
        self.book.restored(kept.id).await
    }

    /// A collection that another one replaced: that one goes where it came from.
    async fn undo_replacement(&self, kept: &Preservation, collection: &str, keep: &str) -> Result<(), StepError> {
        let from = self.note(&replaced_marker(kept)).await?;
        match from.filter(|from| !from.starts_with(driver_mongodb::OWN_PREFIX)) {
            Some(from) if !self.exists(&from).await? => {
                let paged = self.paged(&self.restored_marker(kept.id));
                paged.target.restore_collection(collection, &from).await.map_err(|error| paged.failed(error))?;
                paged.target.restore_collection(keep, collection).await.map_err(|error| paged.failed(error))?;
                self.book.restored(kept.id).await
            }
            _ => self.restore(kept, None).await,
        }
    }

    async fn undo_operation(&self, back: &Plan<'_>, operation: &Operation, whole: bool) -> Result<(), StepError> {
        let key = back.key(operation);
        let name = back.script.name();
        let effect = operation.effect();
        if self.book.progress(&key)? == Progress::Done || effect == Effect::Read {
            return Ok(());
        }
        let changes_documents = matches!(
            effect,
            Effect::Insert { .. } | Effect::Update { .. } | Effect::Delete { .. } | Effect::RenameFields { .. }
        ) || matches!(treatment(operation), Treatment::KeepDocuments { .. });
        // Documents that a down took away came back from where they were put aside; what an up wrote into
        // them is taken back only where all of it had run.
        if changes_documents && (back.script.direction == Direction::Up || !whole) {
            return Ok(());
        }
        let is_renamed_back =
            back.script.direction == Direction::Up && matches!(effect, Effect::RenameCollection { .. });
        match self.look(operation).await? {
            // Documents of which some were deleted since are left to the application.
            Found::After | Found::Missing(_) => Ok(()),
            Found::Before | Found::Repeatable => self.perform(&name, true, &key, operation).await.map(drop),
            Found::Neither(_) if self.book.progress(&key)? == Progress::Untouched && whole && !is_renamed_back => {
                self.perform(&name, true, &key, operation).await.map(drop)
            }
            // The down put one in the place of the other, and that has been taken back.
            Found::Neither(_) if is_renamed_back => Ok(()),
            Found::Neither(why) => Err(unclear(&name, operation, &why)),
        }
    }
}
