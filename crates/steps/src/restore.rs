//! Restores a backup into a database of its own; where that was only to see that it can be restored, removes it again.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use data_engine::{Restoration, RestoreReport};
use domain::ids::BackupId;
use saga::{Probe, Step, StepContext, StepError};
use sentence::sentence;

use crate::provider::Provider;

/// As long as the data engine lets it run, and a second try.
const DEADLINE: Duration = Duration::from_hours(14);
/// Nothing waits for it but whoever asked.
const PATIENCE: Duration = Duration::from_mins(10);

pub(crate) struct Restore {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) store: String,
    pub(crate) backup: BackupId,
    pub(crate) path: PathBuf,
    pub(crate) sha256: String,
    pub(crate) database: String,
    /// Whether the database goes again once it was seen to be whole.
    pub(crate) is_check: bool,
}

#[async_trait]
impl Step for Restore {
    type Output = RestoreReport;

    async fn run(&self, cx: &StepContext) -> Result<RestoreReport, StepError> {
        let engine = self.provider.data_engine(cx.held().job, &self.store).await?;
        let owner = cx.label();
        cx.assert_held().await?;
        let restoration =
            Restoration { path: &self.path, sha256: &self.sha256, database: &self.database, owner: &owner };
        let restoring = engine.restore_beside(&restoration);
        let report = tokio::select! {
            report = restoring => report?,
            () = cx.stop().cancelled() => {
                return Err(StepError::transient(sentence!("the restore was broken off")));
            }
        };
        cx.write_down(|| self.provider.record_restored(cx.held(), self.backup)).await?;
        if self.is_check {
            cx.assert_held().await?;
            engine.drop_restored(&self.database, &owner).await?;
        }
        Ok(report)
    }

    /// Run again, it finds by the database's marker whether it has ended, and begins anew where it has not.
    async fn probe(&self, _cx: &StepContext) -> Result<Probe<RestoreReport>, StepError> {
        Ok(Probe::NotDone)
    }

    async fn undo(&self, cx: &StepContext, _output: Option<RestoreReport>) -> Result<(), StepError> {
        let engine = self.provider.data_engine(cx.held().job, &self.store).await?;
        cx.assert_held().await?;
        Ok(engine.drop_restored(&self.database, &cx.label()).await?)
    }

    fn deadline(&self) -> Duration {
        DEADLINE
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }
}
