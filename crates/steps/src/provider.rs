//! Where steps get their drivers and secrets.

use std::collections::BTreeMap;
use std::path::PathBuf;

use async_trait::async_trait;
use domain::environment::{Engine, Service, VerificationProbe};
use domain::ids::{BackupId, JobId, ReleaseId};
use domain::ledger::MigrationRef;
use saga::{Held, JournalError, StepError};
use secrecy::SecretString;

/// A service of an environment with its current settings opened.
#[derive(Debug, Clone)]
pub struct OpenService {
    /// The service as it stands in the environment.
    pub service: Service,
    /// Its current settings, never rolled back.
    pub env: BTreeMap<String, SecretString>,
}

/// Hands out drivers and secrets by name, for the environment of a job. A driver whose server does not
/// answer is a transient error.
#[async_trait]
pub trait Provider: Send + Sync + 'static {
    /// The container engine of a host.
    async fn docker(&self, job: JobId, host: &str) -> Result<driver_docker::Engine, StepError>;

    /// The IP address or name where a host's ports answer; `127.0.0.1` for an engine behind a unix socket.
    async fn address(&self, job: JobId, host: &str) -> Result<String, StepError>;

    /// The migrations and backups of a data store.
    async fn data_engine(&self, job: JobId, store: &str) -> Result<data_engine::DataEngine, StepError>;

    /// A Redis cache.
    async fn cache(&self, job: JobId, store: &str) -> Result<driver_redis::Target, StepError>;

    /// The registered scripts, verified against their hashes, in the order asked for.
    async fn scripts(&self, migrations: &[MigrationRef]) -> Result<Vec<data_engine::Scripts>, StepError>;

    /// A service of the job's environment.
    async fn service(&self, job: JobId, service: &str) -> Result<OpenService, StepError>;

    /// The configuration that a release pins for a service, opened; empty where it pins none. Where its keyed hash is
    /// not the one that was planned with, the error is of the kind `WorldChanged`.
    async fn config(
        &self,
        job: JobId,
        release: ReleaseId,
        service: &str,
        config_sha256: &str,
    ) -> Result<BTreeMap<String, SecretString>, StepError>;

    /// Every secret that a service knows, of whichever release, so that its output can be shown without them.
    async fn secrets(&self, job: JobId, service: &str) -> Result<Vec<SecretString>, StepError>;

    /// The verification probes of the job's environment.
    async fn probes(&self, job: JobId) -> Result<Vec<VerificationProbe>, StepError>;

    /// The job's environment as `application/environment`.
    async fn environment(&self, job: JobId) -> Result<String, StepError>;

    /// What the maintenance page tells its readers.
    async fn maintenance_reason(&self, job: JobId) -> Result<String, StepError>;

    /// Writes a finished backup down. Writing the same one twice counts once.
    async fn record_backup(
        &self,
        held: &Held,
        step: u32,
        id: BackupId,
        store: &str,
        engine: Engine,
        report: &data_engine::BackupReport,
    ) -> Result<(), JournalError>;

    /// Notes that a backup could be restored.
    async fn record_restored(&self, held: &Held, backup: BackupId) -> Result<(), JournalError>;

    /// The directory that a data store's backups go to.
    async fn backup_directory(&self, job: JobId, store: &str) -> Result<PathBuf, StepError>;

    /// A recorded backup of a data store that is young enough, by the environment's settings, to count as made before
    /// this change; none where there is none.
    async fn fresh_backup(&self, job: JobId, store: &str) -> Result<Option<data_engine::BackupReport>, StepError>;
}
