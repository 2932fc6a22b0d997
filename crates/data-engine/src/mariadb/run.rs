//! A migration from its first statement to its ledger entry.

use domain::ledger::Direction;
use saga::{StatementKey, StepContext, StepError};
use sentence::{Sentence, sentence};

use super::markers::{Counts, counts};
use super::session::Run;
use crate::book::{Book, Progress};
use crate::engine::{DataEngine, Scripts};
use crate::examine::sql::{Treatment, Unit, units};
use crate::script::{Script, number};

/// A script with its statements.
pub(crate) struct Plan<'a> {
    pub(crate) script: Script<'a>,
    pub(crate) units: Vec<Unit>,
}

impl<'a> Plan<'a> {
    pub(crate) fn of(script: Script<'a>) -> Result<Self, StepError> {
        let units = units(script.text).map_err(|error| {
            StepError::permanent(sentence!(
                "{script} cannot be split: {error}",
                script = script.name(),
                error = error.sentence()
            ))
        })?;
        Ok(Self { script, units })
    }

    pub(crate) fn key(&self, unit: &Unit) -> StatementKey {
        self.script.key(unit.index, &unit.sha256)
    }

    pub(crate) fn end(&self) -> StatementKey {
        self.script.end(self.units.len())
    }

    /// For messages: `migration 20250110001 (down), statement 2 at line 3`.
    pub(crate) fn place(&self, unit: &Unit) -> Sentence {
        sentence!(
            "{script}, statement {number} at line {line}",
            script = self.script.name(),
            number = unit.index + 1,
            line = unit.line
        )
    }

    /// Fails where a statement cannot be run safely.
    fn assert_runnable(&self) -> Result<(), StepError> {
        for unit in &self.units {
            if let Treatment::Refuse { reason, .. } = &unit.treatment {
                return Err(StepError::permanent(sentence!(
                    "{place}: {error}",
                    place = self.place(unit),
                    error = reason
                )));
            }
        }
        Ok(())
    }
}

/// The scripts to run; an error where one of them cannot be run safely, so that none is begun.
pub(crate) fn plans(migrations: &[Scripts], direction: Direction) -> Result<Vec<Plan<'_>>, StepError> {
    let plans: Vec<Plan<'_>> =
        migrations.iter().map(|scripts| Plan::of(Script::of(scripts, direction, false)?)).collect::<Result<_, _>>()?;
    plans.iter().try_for_each(Plan::assert_runnable)?;
    Ok(plans)
}

/// Whether the journal has all of them as done.
pub(crate) async fn all_done(engine: &DataEngine, cx: &StepContext, plans: &[Plan<'_>]) -> Result<bool, StepError> {
    let book = Book::open(engine, cx).await?;
    for plan in plans {
        if book.progress(&plan.end())? != Progress::Done {
            return Ok(false);
        }
    }
    Ok(true)
}

/// See [`Book::touched`].
pub(crate) async fn touched<'a>(
    engine: &DataEngine,
    cx: &StepContext,
    direction: Direction,
    migrations: &'a [Scripts],
) -> Result<Vec<&'a Scripts>, StepError> {
    let keys = |scripts: &Scripts| {
        let plan = Plan::of(Script::of(scripts, direction, false)?)?;
        Ok(plan.units.iter().map(|unit| plan.key(unit)).collect())
    };
    Book::open(engine, cx).await?.touched(direction, migrations, keys).await
}

impl Run {
    /// [`Run::migration`], and what the step has put aside and brought back so far.
    pub(crate) async fn migration_counted(&mut self, plan: &Plan<'_>) -> Result<(Option<String>, Counts), StepError> {
        let fingerprint = self.migration(plan).await?;
        let counts = counts(&mut self.session, &self.database, &self.book.cx).await?;
        Ok((fingerprint, counts))
    }

    /// Runs what is left of a migration. The fingerprint afterwards, unless nothing was left.
    async fn migration(&mut self, plan: &Plan<'_>) -> Result<Option<String>, StepError> {
        let end = plan.end();
        if self.book.progress(&end)? == Progress::Done {
            return Ok(None);
        }
        self.assert_ledger().await?;
        if plan.script.direction == Direction::Down {
            self.book.assert_belongs_to_up(&plan.script).await?;
        }
        self.assert_rows_can_be_kept(plan).await?;
        let before = self.schema_before(&plan.script).await?;
        for unit in &plan.units {
            self.book.go_on()?;
            let (done, total) = (u64::from(unit.index), u64::from(number(plan.units.len())));
            self.book.cx.progress_of(&plan.script.name().to_string(), done, total).await?;
            self.statement(plan, unit).await?;
        }
        self.restore_kept(plan).await?;
        self.finish(&plan.script, &end, &before, true).await.map(Some)
    }

    /// Fails before anything has happened where rows could not be put aside that the script changes, as far as that can be
    /// told beforehand: behind the first change of a definition it may be another story.
    async fn assert_rows_can_be_kept(&mut self, plan: &Plan<'_>) -> Result<(), StepError> {
        for unit in &plan.units {
            if unit.is_ddl || self.book.progress(&plan.key(unit))? != Progress::Untouched {
                return Ok(());
            }
            if let Treatment::KeepRows { tables } = &unit.treatment {
                self.copies_for(plan, unit, &plan.key(unit), tables).await?;
            }
        }
        Ok(())
    }
}
