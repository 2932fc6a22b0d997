//! What stands in for the control plane: settings in memory, and a journal of two facts.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use async_trait::async_trait;
use data_engine::{BackupReport, DataEngine, DataTarget, Scripts};
use domain::environment::{Engine as StoreKind, VerificationProbe};
use domain::ids::{BackupId, JobId, ReleaseId};
use domain::job::{JobEvent, JobState};
use domain::ledger::MigrationRef;
use domain::step::{StepEvent, StepState};
use driver_docker::Engine;
use saga::{ErrorKind, Held, JobNote, JobRecord, Journal, JournalError, StepError, StepNote};
use secrecy::SecretString;
use sentence::Sentence;
use serde_json::Value;
use steps::{OpenService, Provider};
use tempfile::TempDir;
use testkit::shared_mariadb;
use tokio::sync::watch;

use super::{ENVIRONMENT, HOST, Settings};
use crate::ledgers::NoStatements;

pub(crate) struct FakeProvider {
    settings: Arc<Mutex<Settings>>,
}

impl FakeProvider {
    pub(crate) fn new(settings: Arc<Mutex<Settings>>) -> Self {
        Self { settings }
    }
}

fn opened(values: &BTreeMap<String, String>) -> BTreeMap<String, SecretString> {
    values.iter().map(|(key, value)| (key.clone(), SecretString::from(value.as_str()))).collect()
}

#[async_trait]
impl Provider for FakeProvider {
    async fn docker(&self, _: JobId, host: &str) -> Result<Engine, StepError> {
        assert_eq!(host, HOST);
        let address = self.settings.lock().unwrap().docker.clone();
        Engine::connect(&address).await.map_err(|error| steps::docker_error(host, &error))
    }

    async fn address(&self, _: JobId, _: &str) -> Result<String, StepError> {
        Ok("127.0.0.1".to_owned())
    }

    async fn data_engine(&self, _: JobId, store: &str) -> Result<DataEngine, StepError> {
        let url = shared_mariadb().url(&self.settings.lock().unwrap().database);
        let target = driver_mariadb::Target::new(SecretString::from(url)).unwrap();
        Ok(DataEngine::new(store.to_owned(), DataTarget::MariaDb(target), Arc::new(NoStatements)))
    }

    async fn cache(&self, _: JobId, _: &str) -> Result<driver_redis::Target, StepError> {
        let url = SecretString::from(self.settings.lock().unwrap().cache.as_str());
        Ok(driver_redis::Target::connect(&url).await.unwrap())
    }

    async fn scripts(&self, _: &[MigrationRef]) -> Result<Vec<Scripts>, StepError> {
        Ok(self.settings.lock().unwrap().scripts.clone())
    }

    async fn service(&self, _: JobId, _: &str) -> Result<OpenService, StepError> {
        let settings = self.settings.lock().unwrap();
        Ok(OpenService { service: settings.service.clone(), env: opened(&settings.current) })
    }

    async fn config(
        &self,
        _: JobId,
        release: ReleaseId,
        service: &str,
        config_sha256: &str,
    ) -> Result<BTreeMap<String, SecretString>, StepError> {
        let settings = self.settings.lock().unwrap();
        if settings.config_sha256 != config_sha256 {
            let why = format!("the configuration of {service} is not the one that was registered");
            return Err(StepError::new(ErrorKind::WorldChanged, Sentence::verbatim(why)));
        }
        Ok(settings.pinned.get(&release).map(opened).unwrap_or_default())
    }

    async fn secrets(&self, _: JobId, _: &str) -> Result<Vec<SecretString>, StepError> {
        let settings = self.settings.lock().unwrap();
        Ok(settings.secrets.iter().map(|secret| SecretString::from(secret.as_str())).collect())
    }

    async fn fresh_backup(&self, _: JobId, _: &str) -> Result<Option<BackupReport>, StepError> {
        Ok(self.settings.lock().unwrap().fresh.clone())
    }

    async fn probes(&self, _: JobId) -> Result<Vec<VerificationProbe>, StepError> {
        Ok(self.settings.lock().unwrap().probes.clone())
    }

    async fn environment(&self, _: JobId) -> Result<String, StepError> {
        Ok(ENVIRONMENT.to_owned())
    }

    async fn maintenance_reason(&self, _: JobId) -> Result<String, StepError> {
        Ok("Back to v1".to_owned())
    }

    async fn record_backup(
        &self,
        _: &Held,
        _: u32,
        _: BackupId,
        store: &str,
        _: StoreKind,
        report: &BackupReport,
    ) -> Result<(), JournalError> {
        let mut settings = self.settings.lock().unwrap();
        if settings.refusals > 0 {
            settings.refusals -= 1;
            return Err(JournalError::Unavailable(Sentence::verbatim("the connection was lost")));
        }
        settings.backups.push((store.to_owned(), report.clone()));
        Ok(())
    }

    async fn record_restored(&self, _: &Held, _: BackupId) -> Result<(), JournalError> {
        Ok(())
    }

    async fn backup_directory(&self, _: JobId, store: &str) -> Result<PathBuf, StepError> {
        static DIRECTORY: OnceLock<TempDir> = OnceLock::new();
        if let Some(directory) = &self.settings.lock().unwrap().backup_directory {
            return Ok(directory.clone());
        }
        Ok(DIRECTORY.get_or_init(|| tempfile::tempdir().unwrap()).path().join(store))
    }
}

/// A journal that knows whether the claim holds, and the last news.
pub(crate) struct Fence {
    is_held: AtomicBool,
    news: watch::Sender<Value>,
}

impl Fence {
    pub(crate) fn held() -> Self {
        Self { is_held: AtomicBool::new(true), news: watch::Sender::new(Value::Null) }
    }

    /// The first news like this, old or new.
    pub(crate) async fn news(&self, wanted: impl FnMut(&Value) -> bool) -> Value {
        self.news.subscribe().wait_for(wanted).await.unwrap().clone()
    }

    pub(crate) fn lose(&self) {
        self.is_held.store(false, Ordering::SeqCst);
    }
}

#[async_trait]
impl Journal for Fence {
    async fn load(&self, _: &Held) -> Result<JobRecord, JournalError> {
        Err(JournalError::Illegal(Sentence::verbatim("not kept here")))
    }

    async fn step(&self, _: &Held, _: u32, _: StepEvent, _: StepNote) -> Result<StepState, JournalError> {
        Err(JournalError::Illegal(Sentence::verbatim("not kept here")))
    }

    async fn job(&self, _: &Held, _: JobEvent, _: JobNote) -> Result<JobState, JournalError> {
        Err(JournalError::Illegal(Sentence::verbatim("not kept here")))
    }

    async fn progress(&self, _: &Held, _: u32, news: Value) -> Result<(), JournalError> {
        self.news.send_replace(news);
        Ok(())
    }

    async fn assert_held(&self, held: &Held) -> Result<(), JournalError> {
        if self.is_held.load(Ordering::SeqCst) {
            return Ok(());
        }
        Err(JournalError::FenceLost { job: held.job, fence: held.fence })
    }

    async fn cancel_requested(&self, _: &Held) -> Result<bool, JournalError> {
        Ok(false)
    }
}
