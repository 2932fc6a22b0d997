//! Runs migrations of one data store, up or down: the steps `migrate_up` and `migrate_down`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use data_engine::{DataEngine, Migrated, Scripts};
use domain::ledger::{Direction, MigrationRef};
use saga::{ErrorKind, Probe, Step, StepContext, StepError};
use serde_json::json;

use crate::provider::Provider;

/// A rebuild of a large table takes its time, and breaking it off would throw that time away: several statements, each
/// of them as long as the data engine lets it run.
const DEADLINE: Duration = Duration::from_hours(24);
/// A server that is away for longer needs a person.
const PATIENCE: Duration = Duration::from_mins(30);

pub(crate) struct Migrate {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) store: String,
    pub(crate) direction: Direction,
    /// In the order in which they run.
    pub(crate) migrations: Vec<MigrationRef>,
}

impl Migrate {
    async fn open(&self, cx: &StepContext) -> Result<(DataEngine, Vec<Scripts>), StepError> {
        let scripts = self.provider.scripts(&self.migrations).await?;
        Ok((self.engine(cx).await?, scripts))
    }

    async fn engine(&self, cx: &StepContext) -> Result<DataEngine, StepError> {
        self.provider.data_engine(cx.held().job, &self.store).await
    }
}

#[async_trait]
impl Step for Migrate {
    type Output = Migrated;

    async fn run(&self, cx: &StepContext) -> Result<Migrated, StepError> {
        let (engine, scripts) = self.open(cx).await?;
        engine.migrate(cx, self.direction, &scripts).await
    }

    async fn probe(&self, cx: &StepContext) -> Result<Probe<Migrated>, StepError> {
        let (engine, scripts) = self.open(cx).await?;
        engine.probe(cx, self.direction, &scripts).await
    }

    async fn undo(&self, cx: &StepContext, _output: Option<Migrated>) -> Result<(), StepError> {
        let (engine, scripts) = match self.open(cx).await {
            // Scripts that were refused have not run either, and what has not begun needs none to be taken back.
            Err(error) if error.kind == ErrorKind::Permanent && self.engine(cx).await?.is_untouched(cx).await? => {
                return Ok(());
            }
            opened => opened?,
        };
        engine.undo(cx, self.direction, &scripts).await?;
        if engine.is_untouched(cx).await? {
            return Ok(());
        }
        // A migration that was broken off has no ledger row; this tells the next plan what we left.
        let fingerprint = engine.fingerprint().await?;
        cx.record(json!({ "taken_back": { "store": self.store, "fingerprint": fingerprint } })).await
    }

    fn deadline(&self) -> Duration {
        DEADLINE
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }
}
