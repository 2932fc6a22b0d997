//! Gives steps their drivers, scripts and opened secrets.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{TimeDelta, Utc};
use data_engine::{BackupReport, DataEngine, Scripts};
use domain::environment::{DataStore, Engine, EnvValue, Host, VerificationProbe};
use domain::ids::{BackupId, JobId, ReleaseId};
use domain::ledger::MigrationRef;
use domain::release::ServiceConfig;
use planner::TargetError;
use saga::{ErrorKind, Held, JournalError, StepError};
use secrecy::SecretString;
use sentence::{Sentence, sentence};
use steps::{OpenService, Provider};
use store::{NewBackup, StoredEnvironment, StoredRelease};

use crate::releases::{config_place, is_config};
use crate::{Control, Error};

pub(crate) struct StoreProvider {
    control: Control,
}

impl StoreProvider {
    pub(crate) fn new(control: Control) -> Arc<Self> {
        Arc::new(Self { control })
    }

    async fn environment_of(&self, job: JobId) -> Result<StoredEnvironment, StepError> {
        self.control.database().environment_of_job(job).await.map_err(from_store)
    }

    async fn host(&self, job: JobId, host: &str) -> Result<Host, StepError> {
        let environment = self.environment_of(job).await?;
        environment.spec.host(host).cloned().ok_or_else(|| gone(&sentence!("host"), host))
    }

    /// What a release pins for a service of an environment, its secrets opened; none where it pins nothing.
    fn opened(
        &self,
        release: &StoredRelease,
        environment: &str,
        service: &str,
    ) -> Result<Option<ServiceConfig>, StepError> {
        let Some(mut config) = release.config.get(environment).and_then(|services| services.get(service)).cloned()
        else {
            return Ok(None);
        };
        for (key, value) in &mut config {
            if let EnvValue::Secret(secret) = value {
                let place = config_place(release.id, environment, service, key);
                *secret = self.control.keys().open(&place, secret).map_err(from_seal)?;
            }
        }
        Ok(Some(config))
    }

    async fn data_store(&self, job: JobId, store: &str) -> Result<(StoredEnvironment, DataStore), StepError> {
        let environment = self.environment_of(job).await?;
        let data_store =
            environment.spec.data_store(store).cloned().ok_or_else(|| gone(&sentence!("data store"), store))?;
        Ok((environment, data_store))
    }
}

#[async_trait]
impl Provider for StoreProvider {
    async fn docker(&self, job: JobId, host: &str) -> Result<driver_docker::Engine, StepError> {
        let host = self.host(job, host).await?;
        self.control.targets().docker(&host).await.map_err(from_target)
    }

    async fn address(&self, job: JobId, host: &str) -> Result<String, StepError> {
        let host = self.host(job, host).await?;
        Ok(address_of(&host.docker))
    }

    async fn data_engine(&self, job: JobId, store: &str) -> Result<DataEngine, StepError> {
        let (environment, store) = self.data_store(job, store).await?;
        let engine = self.control.targets().data_engine(environment.id, &store).await.map_err(from_target)?;
        Ok(engine.with_pace(environment.spec.preserved.rows_per_second))
    }

    async fn cache(&self, job: JobId, store: &str) -> Result<driver_redis::Target, StepError> {
        let (environment, store) = self.data_store(job, store).await?;
        self.control.targets().cache(environment.id, &store).await.map_err(from_target)
    }

    async fn scripts(&self, migrations: &[MigrationRef]) -> Result<Vec<Scripts>, StepError> {
        let mut scripts = Vec::with_capacity(migrations.len());
        for reference in migrations {
            let stored = self.control.database().migration(reference.id).await.map_err(from_store)?;
            // The plan's hashes are the ones that were approved; the stored bytes have to have them still.
            if stored.reference != *reference || !stored.is_intact() {
                return Err(StepError::permanent(sentence!(
                    "the scripts of migration {version} are not the ones that were registered",
                    version = reference.version
                ))
                .with_command("backout doctor"));
            }
            scripts.push(Scripts { reference: stored.reference, up: stored.up, down: stored.down });
        }
        Ok(scripts)
    }

    async fn service(&self, job: JobId, service: &str) -> Result<OpenService, StepError> {
        let environment = self.environment_of(job).await?;
        let service = environment.spec.service(service).cloned().ok_or_else(|| gone(&sentence!("service"), service))?;
        let mut env = BTreeMap::new();
        for (key, value) in &service.env {
            let text = match value {
                EnvValue::Plain(text) => text.clone(),
                EnvValue::Secret(sealed) => {
                    let place = format!("services.{}.env.{key}", service.name);
                    let opened = self.control.targets().open(environment.id, &place, sealed).map_err(from_seal)?;
                    opened.expose().to_owned()
                }
            };
            env.insert(key.clone(), SecretString::from(text));
        }
        Ok(OpenService { service, env })
    }

    async fn config(
        &self,
        job: JobId,
        release: ReleaseId,
        service: &str,
        config_sha256: &str,
    ) -> Result<BTreeMap<String, SecretString>, StepError> {
        let environment = self.environment_of(job).await?;
        let release = self.control.database().release_by_id(release).await.map_err(from_store)?;
        let config = self.opened(&release, &environment.name, service)?;
        let is_planned = match &config {
            None => config_sha256.is_empty(),
            Some(config) => is_config(self.control.keys(), config_sha256, config),
        };
        if !is_planned {
            return Err(StepError::new(
                ErrorKind::WorldChanged,
                sentence!("the configuration that {version} pins for {service} in {environment} is not the one that was registered", version = release.version, service, environment = environment.name),
            )
            .with_command("backout doctor"));
        }
        Ok(config.into_iter().flatten().map(|(key, value)| (key, text_of(value))).collect())
    }

    async fn secrets(&self, job: JobId, service: &str) -> Result<Vec<SecretString>, StepError> {
        let mut environment = self.environment_of(job).await?;
        let targets = self.control.targets();
        let mut secrets = Vec::new();
        let other = format!("services.{service}.");
        for (place, sealed) in environment.spec.secrets_mut() {
            // A service prints its own settings and what it connects to.
            if place.starts_with("services.") && !place.starts_with(&other) {
                continue;
            }
            let opened = targets.open(environment.id, &place, sealed).map_err(from_seal)?;
            secrets.push(SecretString::from(opened.expose()));
        }
        let plan = self.control.database().job_view(job).await.map_err(from_store)?.plan;
        for planned in plan.into_iter().flat_map(|plan| plan.from.into_iter().chain([plan.to])) {
            let release = self.control.database().release_by_id(planned.id).await.map_err(from_store)?;
            let config = self.opened(&release, &environment.name, service)?;
            let values = config.into_iter().flatten().filter(|(_, value)| matches!(value, EnvValue::Secret(_)));
            secrets.extend(values.map(|(_, value)| text_of(value)));
        }
        Ok(secrets)
    }

    async fn probes(&self, job: JobId) -> Result<Vec<VerificationProbe>, StepError> {
        Ok(self.environment_of(job).await?.spec.probes)
    }

    async fn environment(&self, job: JobId) -> Result<String, StepError> {
        let environment = self.environment_of(job).await?;
        Ok(format!("{}/{}", environment.application, environment.name))
    }

    async fn maintenance_reason(&self, job: JobId) -> Result<String, StepError> {
        Ok(self.control.database().job_view(job).await.map_err(from_store)?.reason)
    }

    async fn record_backup(
        &self,
        held: &Held,
        step: u32,
        id: BackupId,
        store: &str,
        engine: Engine,
        report: &BackupReport,
    ) -> Result<(), JournalError> {
        let new = NewBackup {
            id,
            store: store.to_owned(),
            engine,
            path: report.path.display().to_string(),
            bytes: report.bytes,
            sha256: report.sha256.clone(),
            begun_at: report.begun_at,
        };
        self.control.database().record_backup(held, step, &new).await
    }

    async fn record_restored(&self, held: &Held, backup: BackupId) -> Result<(), JournalError> {
        self.control.database().record_restored(held, backup).await
    }

    async fn backup_directory(&self, job: JobId, store: &str) -> Result<PathBuf, StepError> {
        let environment = self.environment_of(job).await?;
        let place = [environment.application.as_str(), environment.name.as_str(), store];
        Ok(place.iter().fold(self.control.targets().backups().to_owned(), |path, part| path.join(part)))
    }

    async fn fresh_backup(&self, job: JobId, store: &str) -> Result<Option<BackupReport>, StepError> {
        let environment = self.environment_of(job).await?;
        let max_age = TimeDelta::seconds(environment.spec.backup_max_age_seconds.into());
        if max_age.is_zero() {
            return Ok(None);
        }
        let since = Utc::now() - max_age;
        let found = self.control.database().backup_since(environment.id, store, since).await.map_err(from_store)?;
        Ok(found.map(|NewBackup { path, bytes, sha256, begun_at, .. }| BackupReport {
            path: path.into(),
            bytes,
            sha256,
            begun_at,
        }))
    }
}

fn text_of(value: EnvValue) -> SecretString {
    match value {
        EnvValue::Plain(text) => text.into(),
        EnvValue::Secret(secret) => secret.expose().into(),
    }
}

/// Where the ports of an engine's host answer.
fn address_of(docker: &str) -> String {
    let host_and_port = docker.strip_prefix("tcp://").unwrap_or("127.0.0.1");
    host_and_port.rsplit_once(':').map_or(host_and_port, |(host, _)| host).to_owned()
}

fn gone(what: &Sentence, name: &str) -> StepError {
    StepError::permanent(sentence!("{what} '{name}' is no longer among the environment's settings", what, name))
        .with_command("backout env set, with what the plan needs")
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err takes")]
fn from_store(error: store::Error) -> StepError {
    if error.is_unavailable() { StepError::transient(error.sentence()) } else { StepError::permanent(error.sentence()) }
}

fn from_target(error: TargetError) -> StepError {
    match error {
        TargetError::Unreachable(why) => StepError::transient(why),
        TargetError::Unusable(why) => StepError::permanent(why),
        TargetError::Store(error) => from_store(error),
        TargetError::Sealed(error) => from_seal(error),
    }
}

fn from_seal(error: store::SealError) -> StepError {
    StepError::permanent(*Error::from(error).detail).with_command("backout doctor")
}

#[cfg(test)]
mod tests {
    use super::address_of;

    #[test]
    fn ports_answer_where_the_engine_is() {
        assert_eq!(address_of("unix:///run/docker.sock"), "127.0.0.1");
        assert_eq!(address_of("tcp://10.0.0.7:2376"), "10.0.0.7");
    }
}
