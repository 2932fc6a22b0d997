//! Migrations on MongoDB.

mod documents;
mod indexes;
mod live;
mod locked;
mod operation;
mod paged;
mod preserve;
mod probe;
mod replace;
mod restore;
mod run;
mod undo;

use domain::ledger::Direction;
use driver_mongodb::Target;
use saga::{Probe, StepContext, StepError};

use crate::engine::{DataEngine, Migrated, Scripts};
use crate::error::{Error, Result};
use crate::script::number;
use locked::Run;

/// The application's ledger.
pub(crate) const LEDGER: &str = "migrations";

/// Runs the migrations, or what is left of them.
pub(crate) async fn migrate(
    engine: &DataEngine,
    target: &Target,
    cx: &StepContext,
    direction: Direction,
    migrations: &[Scripts],
) -> Result<Migrated, StepError> {
    let plans = run::plans(target, cx, migrations, direction)?;
    let run = Run::open(engine, target, cx).await?;
    let mut outcome = Ok(None);
    for plan in &plans {
        outcome = run.migration(plan).await;
        if outcome.is_err() {
            break;
        }
    }
    run.close().await;
    // Taken under the lock behind the last operation.
    match outcome? {
        Some(fingerprint) => report(target, cx, &plans, fingerprint).await,
        None => migrated(target, cx, &plans).await,
    }
}

/// Whether the journal has every migration as done.
pub(crate) async fn probe(
    engine: &DataEngine,
    target: &Target,
    cx: &StepContext,
    direction: Direction,
    migrations: &[Scripts],
) -> Result<Probe<Migrated>, StepError> {
    let plans = run::plans(target, cx, migrations, direction)?;
    if run::all_done(engine, cx, &plans).await? {
        Run::close_for_the_dead(target, cx).await?;
        Ok(Probe::Done(migrated(target, cx, &plans).await?))
    } else {
        Ok(Probe::NotDone)
    }
}

/// Takes back what was begun, the last begun first.
pub(crate) async fn undo(
    engine: &DataEngine,
    target: &Target,
    cx: &StepContext,
    direction: Direction,
    migrations: &[Scripts],
) -> Result<(), StepError> {
    let touched = run::touched(engine, target, cx, direction, migrations).await?;
    if touched.is_empty() {
        return Run::close_for_the_dead(target, cx).await;
    }
    let run = Run::open(engine, target, cx).await?;
    let mut outcome = Ok(());
    for scripts in touched.into_iter().rev() {
        outcome = run.undo(scripts, direction).await;
        if outcome.is_err() {
            break;
        }
    }
    run.close().await;
    outcome
}

async fn migrated(target: &Target, cx: &StepContext, plans: &[run::Plan<'_>]) -> Result<Migrated, StepError> {
    let fingerprint = target.fingerprint(&[LEDGER]).await.map_err(Error::from)?;
    report(target, cx, plans, fingerprint.sha256).await
}

async fn report(
    target: &Target,
    cx: &StepContext,
    plans: &[run::Plan<'_>],
    fingerprint: String,
) -> Result<Migrated, StepError> {
    let counts = locked::counts(target, cx).await?;
    Ok(Migrated {
        migrations: plans.iter().map(|plan| plan.script.version().to_owned()).collect(),
        statements: plans.iter().map(|plan| number(plan.operations.len())).sum(),
        rows_preserved: counts.preserved,
        rows_restored: counts.restored,
        fingerprint,
        warnings: counts.warnings,
    })
}
