//! Writes and verifies a backup of one data store, or reads one again that the settings count as young enough.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use data_engine::{BackupReport, DataEngine};
use domain::environment::Engine;
use domain::ids::BackupId;
use saga::{Probe, Step, StepContext, StepError};
use sentence::sentence;
use serde_json::json;
use tokio::time::Instant;

use crate::provider::Provider;

/// A dump as long as the data engine lets it run, read again, and a second try; the old version serves meanwhile.
const DEADLINE: Duration = Duration::from_hours(14);
/// Nothing has been changed yet: better to end than to wait for long.
const PATIENCE: Duration = Duration::from_mins(10);
/// How often those who watch are told how far it is.
const NEWS: Duration = Duration::from_secs(5);

pub(crate) struct Backup {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) store: String,
    pub(crate) engine: Engine,
    /// Whether a young enough one does not do.
    pub(crate) anew: bool,
}

impl Backup {
    /// A backup that is young enough, read again. One that another worker wrote on its own machine is no use here.
    async fn fresh(&self, cx: &StepContext, engine: &DataEngine) -> Result<Option<BackupReport>, StepError> {
        let Some(report) = self.provider.fresh_backup(cx.held().job, &self.store).await? else { return Ok(None) };
        if let Err(error) = engine.verify_backup(&report).await {
            let news = json!({ "backup": "not reused", "path": report.path, "reason": error.sentence() });
            cx.progress(news).await?;
            return Ok(None);
        }
        cx.progress(json!({ "backup": "reused", "path": report.path, "begun_at": report.begun_at })).await?;
        Ok(Some(report))
    }

    async fn make(&self, cx: &StepContext, engine: &DataEngine, directory: &Path) -> Result<BackupReport, StepError> {
        let read = Arc::new(AtomicU64::new(0));
        let mut making = std::pin::pin!(engine.backup(directory, &read));
        let mut news = tokio::time::interval_at(Instant::now() + NEWS, NEWS);
        loop {
            tokio::select! {
                report = &mut making => return Ok(report?),
                // It changes nothing and can take hours: whoever calls the job off need not wait for its end.
                () = cx.stop().cancelled() => return Err(StepError::transient(sentence!("the backup was broken off"))),
                _ = news.tick() => cx.progress(json!({ "read_bytes": read.load(Ordering::Relaxed) })).await?,
            }
        }
    }
}

#[async_trait]
impl Step for Backup {
    type Output = BackupReport;

    async fn run(&self, cx: &StepContext) -> Result<BackupReport, StepError> {
        let job = cx.held().job;
        let directory = self.provider.backup_directory(job, &self.store).await?;
        tokio::fs::create_dir_all(&directory).await.map_err(|error| {
            StepError::permanent(sentence!("{directory} cannot be made: {error}", directory, error))
        })?;
        let engine = self.provider.data_engine(job, &self.store).await?;
        let young = if self.anew { None } else { self.fresh(cx, &engine).await? };
        let report = match young {
            Some(report) => report,
            None => self.make(cx, &engine, &directory).await?,
        };
        // A large backup is not made again because the control database was away when it was finished.
        let (id, provider) = (BackupId::generate(), &self.provider);
        cx.write_down(|| provider.record_backup(cx.held(), cx.step(), id, &self.store, self.engine, &report)).await?;
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

    fn patience(&self) -> Duration {
        PATIENCE
    }

    fn has_effect(&self) -> bool {
        false
    }
}
