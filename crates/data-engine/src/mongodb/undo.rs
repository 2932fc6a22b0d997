//! Takes back what a step began on MongoDB.

use domain::ledger::Direction;
use mongo_script::{Effect, Operation};
use saga::{Keeper, Preservation, StepError};

use super::locked::Run;
use super::operation::unclear;
use super::probe::Found;
use super::run::Plan;
use crate::book::Progress;
use crate::engine::Scripts;
use crate::error::Error;
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
            return Err(StepError::unknown(format!(
                "{} decides by what the server answers, so nothing tells which part of it is needed to undo the step",
                back.script.name()
            )));
        }
        let before = self.schema_before(&back.script).await?;
        let whole = self.book.progress(&forth.end())? != Progress::Untouched;
        let kept = self.own_kept(&forth).await?;
        if direction == Direction::Down {
            for one in &kept {
                self.back_in_place(one).await?;
            }
        }
        for operation in &back.operations {
            self.undo_operation(&back, operation, whole).await?;
        }
        self.finish(&back.script, &end, &before, whole).await
    }

    async fn own_kept(&self, forth: &Plan<'_>) -> Result<Vec<Preservation>, StepError> {
        let mut kept = self.book.kept(forth.script.version()).await?;
        if !forth.is_live {
            let own: Vec<_> =
                forth.operations.iter().map(|operation| self.book.preservation_id(&forth.key(operation))).collect();
            kept.retain(|one| own.contains(&one.id));
        }
        Ok(kept)
    }

    /// What was put aside goes back where it was; what never left is found there.
    async fn back_in_place(&self, kept: &Preservation) -> Result<(), StepError> {
        self.assert_lock().await?;
        match &kept.keeper {
            Keeper::Collection { collection, keep_collection } => {
                self.target.restore_collection(keep_collection, collection).await.map_err(Error::from)?;
            }
            Keeper::Fields { collection, fields, keep_collection } => {
                self.target.restore_fields(keep_collection, collection, fields).await.map_err(Error::from)?;
            }
            Keeper::Columns { .. } | Keeper::Table { .. } => {
                return Err(StepError::permanent(format!("{} belongs to another kind of data store", kept.object)));
            }
        }
        self.book.restored(kept.id).await
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
        );
        // Documents that a down took away came back from where they were put aside; what an up wrote into
        // them is taken back only where all of it had run.
        if changes_documents && (back.script.direction == Direction::Up || !whole) {
            return Ok(());
        }
        match self.look(operation).await? {
            // Documents of which some were deleted since are left to the application.
            Found::After | Found::Missing(_) => Ok(()),
            Found::Before | Found::Repeatable => self.perform(&name, true, &key, operation).await.map(drop),
            Found::Neither(_) if self.book.progress(&key)? == Progress::Untouched && whole => {
                self.perform(&name, true, &key, operation).await.map(drop)
            }
            Found::Neither(why) => Err(unclear(&name, operation, &why)),
        }
    }
}
