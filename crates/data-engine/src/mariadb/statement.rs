//! One statement: journalled, probed where it was interrupted, and run.

use driver_mariadb::{Executed, ObjectRef};
use saga::{StatementKey, StepError};
use sentence::{Sentence, sentence};
use serde_json::json;
use sql_script::Effect;

use super::probe::{Found, look};
use super::run::Plan;
use super::session::Run;
use crate::book::Progress;
use crate::error::Error;
use crate::examine::sql::{Treatment, Unit};

/// Deadlocks and lock waits after which a change of rows is given up for now.
const TRANSACTION_TRIES: u32 = 6;
/// The most of a result set that is passed on to those who watch, in bytes.
const SHOWN: usize = 4096;

impl Run {
    /// Brings a statement about: not at all where it is done, by looking first where it was begun.
    pub(crate) async fn statement(&mut self, plan: &Plan<'_>, unit: &Unit) -> Result<(), StepError> {
        let key = plan.key(unit);
        match self.book.progress(&key)? {
            Progress::Done if sets_session(unit) => self.execute(&unit.text).await.map(drop),
            Progress::Done => Ok(()),
            Progress::Begun if self.settle(plan, unit, &key).await? => Ok(()),
            Progress::Begun => self.perform(plan, unit, &key).await,
            Progress::Untouched => {
                self.assert_not_there(plan, unit).await?;
                self.perform(plan, unit, &key).await
            }
        }
    }

    /// Decides about a statement whose intent is in the journal: true where it has run, which is then
    /// journalled.
    pub(crate) async fn settle(&mut self, plan: &Plan<'_>, unit: &Unit, key: &StatementKey) -> Result<bool, StepError> {
        self.assert_lock().await?;
        let (found, rows) =
            if unit.is_dml { self.look_for_marker(unit, key).await? } else { (self.look(unit, key).await?, 0) };
        if unit.is_dml {
            self.settle_rows(plan, unit, key).await?;
        }
        if let Treatment::Convert(conversion) = &unit.treatment {
            self.settle_conversion(plan, key, &conversion.table).await?;
        }
        let puts_aside = matches!(unit.treatment, Treatment::KeepColumns { .. } | Treatment::KeepTable { .. });
        match found {
            // A guarded drop of what is gone could be run again, but what it dropped was put aside and has left.
            Found::Repeatable if !puts_aside => Ok(false),
            Found::After | Found::Repeatable => {
                if let Treatment::KeepTable { table } = &unit.treatment {
                    self.settle_moved(plan, unit, key, table).await?;
                }
                self.book.done(key, rows).await?;
                Ok(true)
            }
            Found::Before => Ok(false),
            Found::Alike => Err(unclear(plan, unit, &sentence!("the schema is the same before and after it"))),
            Found::Neither(why) => Err(unclear(plan, unit, &why)),
        }
    }

    /// Runs a statement that has not taken effect.
    pub(crate) async fn perform(&mut self, plan: &Plan<'_>, unit: &Unit, key: &StatementKey) -> Result<(), StepError> {
        match &unit.treatment {
            Treatment::Refuse { reason, .. } => {
                let place = plan.place(unit);
                Err(StepError::permanent(sentence!("{place}: {error}", place, error = reason)))
            }
            Treatment::KeepColumns { table, columns } => self.drop_columns(plan, unit, key, table, columns).await,
            Treatment::KeepTable { table } => self.drop_table(plan, unit, key, table).await,
            Treatment::Convert(conversion) => self.convert(plan, unit, key, conversion).await,
            Treatment::KeepRows { tables } => self.change_kept_rows(plan, unit, key, tables).await,
            Treatment::Plain | Treatment::Unknown(_) if unit.is_dml => match self.awaited(plan, unit).await? {
                Some(table) => self.change_kept_rows(plan, unit, key, &[table]).await,
                None => self.change_rows(plan, unit, key).await,
            },
            Treatment::Plain | Treatment::Unknown(_) => self.run_plain(plan, unit, key).await,
        }
    }

    /// Journals and runs a statement that needs nothing around it.
    pub(crate) async fn run_plain(
        &mut self,
        plan: &Plan<'_>,
        unit: &Unit,
        key: &StatementKey,
    ) -> Result<(), StepError> {
        self.note_shape(unit, key).await?;
        self.assert_lock().await?;
        self.book.intent(key).await?;
        let executed = self.execute_patiently(&unit.text).await.map_err(|error| refused(plan, unit, &error))?;
        self.show(plan, unit, &executed).await?;
        self.book.done(key, executed.rows_affected).await
    }

    /// Changes rows in one transaction with the marker that tells that it was done.
    async fn change_rows(&mut self, plan: &Plan<'_>, unit: &Unit, key: &StatementKey) -> Result<(), StepError> {
        self.assert_lock().await?;
        self.book.intent(key).await?;
        let marker = self.book.marker(key);
        let work = Work { statements: std::slice::from_ref(&unit.text), ..Work::default() };
        let rows = self.transaction(&work, &marker).await.map_err(|error| at_place(plan, unit, error))?;
        self.book.done(key, rows).await
    }

    /// Does the work and writes the marker with the number of rows changed, all or nothing; a deadlock or lock wait
    /// begins anew.
    pub(crate) async fn transaction(&mut self, work: &Work<'_>, marker: &str) -> Result<u64, StepError> {
        let mut tries = 1;
        loop {
            let error = match self.attempt(work, marker).await {
                Ok(rows) => {
                    // A lost connection leaves it open whether this took effect; the marker tells.
                    self.session.commit().await.map_err(Error::from)?;
                    return Ok(rows);
                }
                Err(error) => error,
            };
            // Where the connection is lost, the server rolls back by itself.
            let _ = self.session.rollback().await;
            let is_lock = matches!(&error, Attempt::Failed(error) if matches!(error.code(), Some(1205 | 1213)));
            if !is_lock || tries >= TRANSACTION_TRIES || self.book.go_on().is_err() {
                return Err(error.into());
            }
            tries += 1;
        }
    }

    async fn attempt(&mut self, work: &Work<'_>, marker: &str) -> Result<u64, Attempt> {
        self.session.begin().await.map_err(Attempt::Failed)?;
        for statement in work.prepare {
            self.session.execute(statement).await.map_err(Attempt::Failed)?;
        }
        let mut rows = 0;
        for statement in work.statements {
            rows += self.session.execute(statement).await.map_err(Attempt::Failed)?.rows_affected;
        }
        if work.counted {
            let seen = self.count("SELECT CAST(@backout_seen AS UNSIGNED) AS n").await?;
            if seen != rows {
                return Err(Attempt::Uncounted { seen, rows });
            }
        }
        for statement in work.afterwards {
            self.session.execute(statement).await.map_err(Attempt::Failed)?;
        }
        if let Some(check) = work.check {
            let wrong = self.count(check).await?;
            if wrong != 0 {
                return Err(Attempt::Wrong(wrong));
            }
        }
        self.mark(marker, rows, None).await.map_err(Attempt::Step)?;
        Ok(rows)
    }

    /// The number `n` that a query returns.
    async fn count(&mut self, sql: &str) -> Result<u64, Attempt> {
        let answer = self.session.query_json(sql, &[]).await.map_err(Attempt::Failed)?;
        let number = answer.first().and_then(|row| row.get("n")).and_then(serde_json::Value::as_u64);
        number.ok_or_else(|| Attempt::Step(StepError::permanent(sentence!("the server counted nothing"))))
    }

    /// What is in the target of a statement that changes definitions.
    pub(crate) async fn look(&mut self, unit: &Unit, key: &StatementKey) -> Result<Found, StepError> {
        let database = self.database.clone();
        match look(&mut self.session, &database, &unit.effect).await? {
            Found::Alike => self.compare_shape(unit, key).await,
            found => Ok(found),
        }
    }

    async fn look_for_marker(&mut self, unit: &Unit, key: &StatementKey) -> Result<(Found, u64), StepError> {
        if let Some(rows) = self.marked(&self.book.marker(key)).await? {
            return Ok((Found::After, rows));
        }
        let tables = match &unit.effect {
            Effect::Insert { table, .. } | Effect::Replace { table } => std::slice::from_ref(table),
            Effect::Update { tables, .. } | Effect::Delete { tables } => &tables[..],
            _ => &[],
        };
        for table in tables {
            let home = table.database.clone().unwrap_or_else(|| self.database.clone());
            let engine = self.engine_of(ObjectRef::new(&home, &table.name)).await?;
            if engine.is_some_and(|engine| engine != "InnoDB") {
                return Ok((
                    Found::Neither(sentence!("table {table} knows no transactions", table = table.to_string())),
                    0,
                ));
            }
        }
        // The connection that ran it is gone, and its transaction with it.
        Ok((Found::Before, 0))
    }

    /// A statement that is about to run for the first time must find the world from before it: else what is
    /// found after a crash would tell nothing.
    async fn assert_not_there(&mut self, plan: &Plan<'_>, unit: &Unit) -> Result<(), StepError> {
        if !unit.is_ddl {
            return Ok(());
        }
        let database = self.database.clone();
        if look(&mut self.session, &database, &unit.effect).await? == Found::After {
            return Err(StepError::permanent(sentence!(
                "{place}: its effect is there already, so the schema is not the one that the script was written for: \
                 {statement}",
                place = plan.place(unit),
                statement = &unit.text
            )));
        }
        Ok(())
    }

    /// Notes what a table is like where the names of its parts will not tell whether the statement has run.
    pub(super) async fn note_shape(&mut self, unit: &Unit, key: &StatementKey) -> Result<(), StepError> {
        if let Some(shape) = self.shape(unit).await? {
            let marker = shape_marker(&self.book.marker(key));
            self.mark_anew(&marker, 0, Some(&shape)).await?;
        }
        Ok(())
    }

    async fn compare_shape(&mut self, unit: &Unit, key: &StatementKey) -> Result<Found, StepError> {
        let noted = self.note(&shape_marker(&self.book.marker(key))).await?;
        Ok(match (noted, self.shape(unit).await?) {
            (Some(noted), Some(now)) if noted == now => Found::Before,
            (Some(_), Some(_)) => Found::After,
            _ => Found::Alike,
        })
    }

    async fn shape(&mut self, unit: &Unit) -> Result<Option<String>, StepError> {
        let Effect::AlterTable { table, .. } = &unit.effect else {
            return Ok(None);
        };
        let home = table.database.clone().unwrap_or_else(|| self.database.clone());
        let reference = ObjectRef::new(&home, &table.name);
        if !self.session.table_exists(reference).await.map_err(Error::from)? {
            return Ok(None);
        }
        let shown = self.session.show_create_table(reference).await.map_err(Error::from)?;
        Ok(Some(without_counter(&shown)))
    }

    /// Passes on what a statement returned.
    async fn show(&mut self, plan: &Plan<'_>, unit: &Unit, executed: &Executed) -> Result<(), StepError> {
        if executed.result_sets.is_empty() {
            return Ok(());
        }
        let rows: usize = executed.result_sets.iter().map(|set| set.rows.len()).sum();
        let mut news = json!({ "statement": plan.place(unit), "rows": rows });
        let sets = json!(executed.result_sets);
        if sets.to_string().len() <= SHOWN {
            news["results"] = sets;
        }
        self.book.cx.progress(news).await
    }
}

/// What is done in one transaction.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Work<'a> {
    /// What comes first and whose rows do not count.
    pub(crate) prepare: &'a [String],
    /// What changes rows.
    pub(crate) statements: &'a [String],
    /// What follows and whose rows do not count.
    pub(crate) afterwards: &'a [String],
    /// Counts, as `n`, what is wrong afterwards, before anything is final.
    pub(crate) check: Option<&'a str>,
    /// Whether our triggers have to have seen as many rows as were changed.
    pub(crate) counted: bool,
}

/// Why a transaction did not come about.
enum Attempt {
    Failed(driver_mariadb::Error),
    Wrong(u64),
    Uncounted { seen: u64, rows: u64 },
    Step(StepError),
}

impl From<Attempt> for StepError {
    fn from(attempt: Attempt) -> Self {
        match attempt {
            Attempt::Failed(error) => Error::from(error).into(),
            Attempt::Wrong(rows) => {
                Self::permanent(sentence!("{rows} rows are not what they should be afterwards", rows))
            }
            Attempt::Uncounted { seen, rows } => Self::permanent(sentence!(
                "{rows} rows were to be changed, and {seen} of them copied; nothing was changed",
                rows,
                seen
            )),
            Attempt::Step(error) => error,
        }
    }
}

/// The error of a statement that the server refused.
pub(crate) fn refused(plan: &Plan<'_>, unit: &Unit, error: &driver_mariadb::Error) -> StepError {
    let message = sentence!("{place}: {error}", place = plan.place(unit), error = error.sentence());
    if error.is_transient() { StepError::transient(message) } else { StepError::permanent(message) }
}

/// The same error, with the place where it happened.
pub(super) fn at_place(plan: &Plan<'_>, unit: &Unit, error: StepError) -> StepError {
    StepError { message: sentence!("{place}: {error}", place = plan.place(unit), error = error.message), ..error }
}

/// The error of a statement of which nobody can tell whether it has run.
pub(crate) fn unclear(plan: &Plan<'_>, unit: &Unit, why: &Sentence) -> StepError {
    StepError::unknown(sentence!(
        "{place} was interrupted and is found neither done nor undone ({why}): {statement}",
        place = plan.place(unit),
        why,
        statement = &unit.text
    ))
    .with_hint(sentence!(
        "look at the object, then choose: retry the statement, mark it as done, or restore the backup"
    ))
}

/// Whether a statement leaves something in the session that a new connection does not have.
pub(crate) fn sets_session(unit: &Unit) -> bool {
    matches!(unit.effect, Effect::Set) || (matches!(unit.effect, Effect::Select) && unit.text.contains('@'))
}

fn shape_marker(marker: &str) -> String {
    format!("{marker}/shape")
}

/// A definition without the counter that grows as the application works.
fn without_counter(shown: &str) -> String {
    const OPTION: &str = " AUTO_INCREMENT=";
    let Some(at) = shown.rfind(OPTION) else {
        return shown.to_owned();
    };
    let rest = shown[at + OPTION.len()..].trim_start_matches(|letter: char| letter.is_ascii_digit());
    format!("{}{rest}", &shown[..at])
}
