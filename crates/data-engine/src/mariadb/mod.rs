//! Migrations on MariaDB.

mod ahead;
mod alter;
mod capture;
mod convert;
mod copies;
mod follow;
mod landing;
mod ledger;
mod markers;
mod merge;
mod preserve;
mod preserve_columns;
mod probe;
mod restore;
mod rows_back;
mod run;
mod session;
mod statement;
mod undo;

use domain::ledger::{Direction, TargetLedger};
use driver_mariadb::{SessionOptions, Target};
use saga::{Probe, StepContext, StepError};

use crate::engine::{DataEngine, Migrated, Scripts};
use crate::error::Result;
use session::Run;

/// Runs the migrations, or what is left of them.
pub(crate) async fn migrate(
    engine: &DataEngine,
    target: &Target,
    cx: &StepContext,
    direction: Direction,
    migrations: &[Scripts],
) -> Result<Migrated, StepError> {
    let plans = run::plans(migrations, direction)?;
    let mut last = None;
    for plan in &plans {
        // A session for each migration: no setting of one script reaches the next.
        let mut run = Run::open(engine, target, cx).await?;
        let ran = run.migration_counted(plan).await;
        run.close().await;
        last = Some(ran?);
    }
    match last {
        // Taken under the lock behind the last statement.
        Some((Some(fingerprint), counts)) => Ok(report(&plans, fingerprint, counts)),
        _ => migrated(target, cx, &plans).await,
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
    let plans = run::plans(migrations, direction)?;
    if run::all_done(engine, cx, &plans).await? {
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
    let touched = run::touched(engine, cx, direction, migrations).await?;
    for scripts in touched.into_iter().rev() {
        let mut run = Run::open(engine, target, cx).await?;
        let undone = run.undo(scripts, direction).await;
        run.close().await;
        undone?;
    }
    Ok(())
}

/// The target's ledgers, whichever tool wrote them.
pub(crate) async fn ledgers(target: &Target) -> Result<Vec<TargetLedger>> {
    let mut session = target.connect(&SessionOptions::default()).await?;
    let ledgers = driver_mariadb::ledgers(&mut session, target.database()).await?;
    session.close().await;
    Ok(ledgers)
}

/// The fingerprint of the schema as it is now.
pub(crate) async fn fingerprint(target: &Target) -> Result<String> {
    let mut session = target.connect(&SessionOptions::default()).await?;
    let fingerprint = ledger::schema(&mut session, target.database()).await?;
    session.close().await;
    Ok(fingerprint.sha256)
}

async fn migrated(target: &Target, cx: &StepContext, plans: &[run::Plan<'_>]) -> Result<Migrated, StepError> {
    let mut session = target.connect(&SessionOptions::default()).await.map_err(crate::Error::from)?;
    let fingerprint = ledger::schema(&mut session, target.database()).await.map_err(crate::Error::from)?;
    let counts = markers::counts(&mut session, target.database(), cx).await?;
    session.close().await;
    Ok(report(plans, fingerprint.sha256, counts))
}

fn report(plans: &[run::Plan<'_>], fingerprint: String, counts: markers::Counts) -> Migrated {
    Migrated {
        migrations: plans.iter().map(|plan| plan.script.version().to_owned()).collect(),
        statements: plans.iter().map(|plan| crate::script::number(plan.units.len())).sum(),
        rows_preserved: counts.preserved,
        rows_restored: counts.restored,
        fingerprint,
        warnings: counts.warnings,
    }
}
