//! Takes back what a step began on MongoDB.

use domain::ledger::Direction;
use mongo_script::{Effect, Operation};
use saga::{Keeper, Preservation, StepError};
use sentence::sentence;

use super::locked::Run;
use super::operation::unclear;
use super::probe::Found;
use super::run::Plan;
use crate::book::Progress;
use crate::engine::Scripts;
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
        match direction {
            Direction::Up => {
                self.settle_restored(back.script.version()).await?;
                // Before the script fills the fields that are missing, as a down does.
                for one in kept.iter().filter(|one| matches!(one.keeper, Keeper::Fields { .. })) {
                    self.restore(one).await?;
                }
            }
            Direction::Down => {
                // Fields need their collections.
                let (fields, collections): (Vec<_>, Vec<_>) =
                    kept.iter().partition(|one| matches!(one.keeper, Keeper::Fields { .. }));
                for one in collections.into_iter().chain(fields) {
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
            for one in &kept {
                if !self.is_marked(&self.restored_marker(one.id)).await? {
                    self.restore(one).await?;
                }
            }
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

    /// What was put aside goes back where it was; what never left is found there.
    async fn back_in_place(&self, kept: &Preservation) -> Result<(), StepError> {
        let Keeper::Collection { collection, keep_collection } = &kept.keeper else {
            // Values that were written anew meanwhile stand, and the copy of the others stays and is told.
            return self.restore(kept).await;
        };
        let paged = self.paged(&self.restored_marker(kept.id));
        let back = paged.target.restore_collection(keep_collection, collection).await;
        back.map_err(|error| paged.failed(error))?;
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
