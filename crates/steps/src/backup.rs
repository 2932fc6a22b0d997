//! Writes and verifies a backup of one data store.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use data_engine::BackupReport;
use domain::environment::Engine;
use saga::{Probe, Step, StepContext, StepError};

use crate::provider::Provider;

/// Some hundred gigabytes at the speed of a dump; the old version serves meanwhile.
const DEADLINE: Duration = Duration::from_hours(2);

pub(crate) struct Backup {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) store: String,
    pub(crate) engine: Engine,
}

#[async_trait]
impl Step for Backup {
    type Output = BackupReport;

    async fn run(&self, cx: &StepContext) -> Result<BackupReport, StepError> {
        let job = cx.held().job;
        let directory = self.provider.backup_directory(job, &self.store).await?;
        tokio::fs::create_dir_all(&directory)
            .await
            .map_err(|error| StepError::permanent(format!("{} cannot be made: {error}", directory.display())))?;
        let engine = self.provider.data_engine(job, &self.store).await?;
        let report = engine.backup(&directory).await?;
        self.provider.record_backup(cx.held(), cx.step(), &self.store, self.engine, &report).await?;
        Ok(report)
    }

    /// A repeat writes another file: cheaper than to prove that a found one is whole and was recorded.
    async fn probe(&self, _cx: &StepContext) -> Result<Probe<BackupReport>, StepError> {
        Ok(Probe::NotDone)
    }

    async fn undo(&self, _cx: &StepContext, _output: Option<BackupReport>) -> Result<(), StepError> {
        Ok(())
    }

    fn deadline(&self) -> Duration {
        DEADLINE
    }

    fn has_effect(&self) -> bool {
        false
    }
}
