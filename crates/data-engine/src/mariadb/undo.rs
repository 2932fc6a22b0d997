//! Takes back what a step began: its effects are settled first, then the opposite script brings about what
//! is missing, and data that was put aside comes back.

use sentence::{Sentence, sentence};
use std::collections::HashSet;

use domain::ids::PreservationId;
use domain::ledger::Direction;
use driver_mariadb::ObjectRef;
use saga::{Keeper, Preservation, StepError};
use serde_json::json;
use sql_script::{AlterAction, Effect};

use super::alter::reduced;
use super::copies::Captured;
use super::landing::Landing;
use super::merge::Way;
use super::preserve::foreign_keys_marker;
use super::probe::{Found, look};
use super::restore::Stays;
use super::rows_back::changed_since;
use super::run::Plan;
use super::session::{Run, quoted};
use super::statement::{sets_session, unclear};
use crate::book::Progress;
use crate::engine::Scripts;
use crate::error::Error;
use crate::examine::sql::{Treatment, Unit};
use crate::script::{Script, opposite};

impl Run {
    /// Takes one migration back that went in `direction`.
    pub(crate) async fn undo(&mut self, scripts: &Scripts, direction: Direction) -> Result<(), StepError> {
        let forth = Plan::of(Script::of(scripts, direction, false)?)?;
        let back = Plan::of(Script::of(scripts, opposite(direction), true)?)?;
        let end = back.end();
        if self.book.progress(&end)? == Progress::Done {
            return Ok(());
        }
        let whole = self.settle_all(&forth).await?;
        if !self.book.is_begun(false, back.script.version(), direction) {
            return Ok(());
        }
        let before = self.schema_before(&back.script).await?;
        self.take_returns_back(&forth).await?;
        let kept = self.own_kept(&forth).await?;
        match direction {
            Direction::Up => self.settle_restored(back.script.version()).await?,
            Direction::Down => self.tables_back(&forth, &kept).await?,
        }
        for unit in &back.units {
            self.book.go_on()?;
            self.undo_statement(&back, unit, whole).await?;
        }
        let landing = Landing::of(&back);
        // The last gone first: what a later statement did was done to what an earlier one had left.
        for unit in forth.units.iter().rev() {
            let ids = self.ids_of(&forth, unit);
            for one in &kept {
                if !ids.contains(&one.id) {
                    continue;
                }
                match (direction, &one.keeper) {
                    // Moved back whole, before the first statement, or below.
                    (Direction::Down, Keeper::Table { .. }) | (_, Keeper::Rows { .. }) => {}
                    (Direction::Down, _) => self.back_in_place(one, &landing).await?,
                    // What an up took away comes back as far as its down has made room for it.
                    (Direction::Up, _) => self.restore_or_report(one, None, &landing).await?,
                }
            }
            self.undo_rows(&forth, &back, unit, &kept).await?;
        }
        self.settle_superseded(&back).await?;
        let recorded = self.book.progress(&forth.end())? != Progress::Untouched;
        self.finish(&back.script, &end, &before, recorded).await?;
        self.compare_with_before(&forth).await
    }

    /// Decides about every statement that was begun, so that from here on each is either done or not. What
    /// was put aside for a statement that did not run never left its place. True where all have run.
    async fn settle_all(&mut self, forth: &Plan<'_>) -> Result<bool, StepError> {
        let mut whole = true;
        let mut never_left = HashSet::new();
        for unit in &forth.units {
            let key = forth.key(unit);
            let done = match self.book.progress(&key)? {
                Progress::Done => true,
                Progress::Begun => self.settle(forth, unit, &key).await?,
                Progress::Untouched => false,
            };
            if !done {
                never_left.extend(self.ids_of(forth, unit));
                if matches!(unit.treatment, Treatment::KeepTable { .. }) {
                    // It is still there, perhaps without its triggers, which go first.
                    self.triggers_back(&key).await?;
                }
            }
            whole &= done;
        }
        for kept in self.book.kept(forth.script.version()).await? {
            if never_left.contains(&kept.id) {
                self.book.restored(kept.id).await?;
            }
        }
        Ok(whole)
    }

    /// What a script put aside in this step and has not brought back, in the order of its going.
    async fn own_kept(&mut self, plan: &Plan<'_>) -> Result<Vec<Preservation>, StepError> {
        let own: Vec<PreservationId> = plan.units.iter().flat_map(|unit| self.ids_of(plan, unit)).collect();
        let mut kept = self.book.kept(plan.script.version()).await?;
        kept.retain(|one| own.contains(&one.id));
        Ok(kept)
    }

    /// Moves tables back, the last one gone first, then gives them their foreign keys again.
    async fn tables_back(&mut self, forth: &Plan<'_>, kept: &[Preservation]) -> Result<(), StepError> {
        let moved: Vec<_> = kept
            .iter()
            .filter_map(|one| match &one.keeper {
                Keeper::Table { table, keep_database, keep_table } => Some((one, table, keep_database, keep_table)),
                _ => None,
            })
            .collect();
        let database = self.database.clone();
        for (_, table, keep_database, keep_table) in moved.iter().rev() {
            let (own, keep) = (ObjectRef::new(&database, table), ObjectRef::new(keep_database, keep_table));
            let there = self.session.table_exists(own).await.map_err(Error::from)?;
            match (self.session.table_exists(keep).await.map_err(Error::from)?, there) {
                (true, false) => {
                    self.assert_lock().await?;
                    let rename = format!("RENAME TABLE {} TO {}", quoted(keep_database, keep_table), own.quoted());
                    self.execute_patiently(&rename).await.map_err(Error::from)?;
                }
                (false, true) => {}
                (true, true) => {
                    return Err(StepError::unknown(sentence!(
                        "table {table} was put aside as {keep}, and there is another one in its place",
                        table = *table,
                        keep = keep.to_string()
                    )));
                }
                (false, false) => {
                    return Err(StepError::unknown(sentence!(
                        "table {table} was put aside as {keep}, and is in neither place",
                        table = *table,
                        keep = keep.to_string()
                    )));
                }
            }
        }
        for (one, table, ..) in moved.iter().rev() {
            let unit = forth.units.iter().find(|unit| self.book.preservation_id(&forth.key(unit)) == one.id);
            if let Some(unit) = unit {
                let key = forth.key(unit);
                self.foreign_keys_back(table, &foreign_keys_marker(&self.book.marker(&key))).await?;
                self.triggers_back(&key).await?;
            }
            self.book.restored(one.id).await?;
        }
        Ok(())
    }

    async fn foreign_keys_back(&mut self, table: &str, marker: &str) -> Result<(), StepError> {
        let noted: Vec<String> =
            self.note(marker).await?.and_then(|note| serde_json::from_str(&note).ok()).unwrap_or_default();
        let database = self.database.clone();
        let own = ObjectRef::new(&database, table);
        let present = self.session.foreign_keys(own).await.map_err(Error::from)?;
        for clause in noted {
            let is_it =
                |name: &str| clause.starts_with(&format!("CONSTRAINT {} ", driver_mariadb::quote_identifier(name)));
            if !present.iter().any(|key| is_it(&key.name)) {
                let sql = format!("ALTER TABLE {} ADD {clause}", own.quoted());
                self.execute_patiently(&sql).await.map_err(Error::from)?;
            }
        }
        Ok(())
    }

    /// Takes back what a statement did to rows that it copied. Rows that others changed since stay as they are, and that
    /// is told.
    async fn undo_rows(
        &mut self,
        forth: &Plan<'_>,
        back: &Plan<'_>,
        unit: &Unit,
        kept: &[Preservation],
    ) -> Result<(), StepError> {
        if !unit.is_dml && !matches!(unit.treatment, Treatment::Convert(_)) {
            return Ok(());
        }
        let key = forth.key(unit);
        for (number, copies) in self.captured(&key).await?.iter().enumerate() {
            if !self.session.table_exists(copies.copy()).await.map_err(Error::from)? {
                continue;
            }
            let id = self.book.part_id(&key, number);
            let through = self.captured_by(back, &copies.table).await?;
            let marker = self.rows_back_marker(id);
            let listed = kept.iter().find(|one| one.id == id);
            match (self.rows_back(copies, &through, Way::Undo, &marker).await, listed) {
                (Ok(0), Some(one)) => self.book.restored(one.id).await?,
                // What is not there any more is gone with the migration that is taken back.
                (Ok(0) | Err(Stays::NoPlace(_)), None) => {}
                (Ok(changed), Some(one)) => self.report(one, &changed_since(changed, copies)).await?,
                (Ok(changed), None) => {
                    let news = json!({ "stays": changed_since(changed, copies) });
                    self.book.cx.progress(news).await?;
                }
                (Err(Stays::Failed(error)), _) => return Err(error),
                (Err(Stays::NoPlace(why) | Stays::Conflict(why)), Some(one)) => self.report(one, &why).await?,
                (Err(Stays::Conflict(why)), None) => return Err(StepError::permanent(why)),
            }
        }
        Ok(())
    }

    /// Notes which copies of rows, made while this was taken back, are used up: the rows are as before all of it.
    async fn settle_superseded(&mut self, back: &Plan<'_>) -> Result<(), StepError> {
        for one in self.own_kept(back).await? {
            if let Some(copies) = Captured::of(&one.keeper)
                && self.is_used_up(&copies).await?
            {
                self.book.restored(one.id).await?;
            }
        }
        Ok(())
    }

    async fn back_in_place(&mut self, one: &Preservation, landing: &Landing) -> Result<(), StepError> {
        match self.restore(one, landing).await {
            Ok(()) => Ok(()),
            Err(Stays::Failed(error)) => Err(error),
            Err(Stays::NoPlace(why) | Stays::Conflict(why)) => Err(StepError::permanent(sentence!(
                "{object} cannot be brought back: {why}",
                object = &one.object,
                why
            ))),
        }
    }

    /// Brings a statement of the opposite script about, as far as its effect is missing.
    async fn undo_statement(&mut self, back: &Plan<'_>, unit: &Unit, whole: bool) -> Result<(), StepError> {
        let key = back.key(unit);
        let progress = self.book.progress(&key)?;
        if sets_session(unit) {
            return self.execute(&unit.text).await.map(drop);
        }
        if progress == Progress::Done || matches!(unit.effect, Effect::Select | Effect::Show) {
            return Ok(());
        }
        if unit.is_dml {
            // Rows that a down took away came back from where they were put aside; rows that an up added are
            // taken back only where all of it had run.
            let skipped = back.script.direction == Direction::Up || !whole;
            if skipped || (progress == Progress::Begun && self.settle(back, unit, &key).await?) {
                return Ok(());
            }
            return self.perform(back, unit, &key).await;
        }
        if matches!(unit.treatment, Treatment::Unknown(_)) {
            return Err(unclear(back, unit, &sentence!("it is not understood, so nothing tells whether it is needed")));
        }
        match self.look(unit, &key).await? {
            Found::After => {
                if progress == Progress::Begun {
                    self.settle(back, unit, &key).await?;
                }
                Ok(())
            }
            Found::Before | Found::Repeatable | Found::Alike => self.perform(back, unit, &key).await,
            Found::Neither(why) => self.undo_in_part(back, unit, why).await,
        }
    }

    /// An `ALTER` of several actions of which some are needed and others are not.
    async fn undo_in_part(&mut self, back: &Plan<'_>, unit: &Unit, why: Sentence) -> Result<(), StepError> {
        let Effect::AlterTable { table, actions } = &unit.effect else {
            return Err(unclear(back, unit, &why));
        };
        let home = table.database.clone().unwrap_or_else(|| self.database.clone());
        let exists = self.session.table_exists(ObjectRef::new(&home, &table.name)).await.map_err(Error::from)?;
        if !exists && back.script.direction == Direction::Down {
            // The up never got as far as its table.
            return Ok(());
        }
        let database = self.database.clone();
        let mut missing = Vec::with_capacity(actions.len());
        for action in actions {
            let alone = Effect::AlterTable { table: table.clone(), actions: vec![action.clone()] };
            match look(&mut self.session, &database, &alone).await? {
                Found::After => missing.push(false),
                Found::Before | Found::Repeatable | Found::Alike => missing.push(true),
                Found::Neither(why) => return Err(unclear(back, unit, &why)),
            }
        }
        let (text, left) = reduced(&unit.text, table, actions, &missing).ok_or_else(|| unclear(back, unit, &why))?;
        let part = Unit {
            text,
            treatment: treatment_of_part(&unit.treatment, &left),
            effect: Effect::AlterTable { table: table.clone(), actions: left },
            ..unit.clone()
        };
        self.perform(back, &part, &back.key(unit)).await
    }

    /// Says where the schema is not the one from before the step: order of columns, or a script that does
    /// not take back all that the other does.
    async fn compare_with_before(&mut self, forth: &Plan<'_>) -> Result<(), StepError> {
        let before = self.schema_before(&forth.script).await?;
        let now = self.schema().await?;
        if before == now.sha256 {
            return Ok(());
        }
        let objects = self.remembered_schema(&before).await?.unwrap_or_default();
        let differences = driver_mariadb::Fingerprint::of(objects).diff(&now);
        let names: Vec<&str> = differences.iter().map(|one| one.object.as_str()).take(20).collect();
        let (schema, migration) = (sentence!("differs from before the step"), forth.script.version());
        let news = json!({ "schema": schema, "migration": migration, "objects": names });
        self.book.cx.progress(news).await
    }
}

/// The columns that a part drops, out of those that the whole drops.
fn treatment_of_part(whole: &Treatment, left: &[AlterAction]) -> Treatment {
    let Treatment::KeepColumns { table, .. } = whole else {
        return whole.clone();
    };
    let columns: Vec<String> = left
        .iter()
        .filter_map(|action| match action {
            AlterAction::DropColumn { column, .. } => Some(column.clone()),
            _ => None,
        })
        .collect();
    if columns.is_empty() { Treatment::Plain } else { Treatment::KeepColumns { table: table.clone(), columns } }
}
