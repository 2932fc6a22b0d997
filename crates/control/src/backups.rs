//! Backups of data stores.

use chrono::{DateTime, Utc};
use data_engine::SCRATCH_PREFIX;
use domain::deployment::DeploymentKind;
use domain::environment::{DataStore, Engine, EnvironmentSpec, FieldError};
use domain::ids::BackupId;
use domain::plan::StepSpec;
use domain::problem::ProblemType;
use domain::view::{BackupRequest, BackupView, BackupsView, JobView, RecoveryPoint, RestoreRequest};
use sentence::sentence;

use crate::change::{Choices, Consent, require_short};
use crate::error::named;
use crate::{Caller, Control, Error, PageRequest, Result, permission};

/// The longest name of a database that both engines take.
const MAX_DATABASE: usize = 63;

impl Control {
    /// Verified backups of an environment, or of one of its data stores, newest first; and how far back each data store
    /// would fall if it were lost now.
    pub async fn list_backups(
        &self,
        caller: &Caller,
        application: &str,
        environment: &str,
        store: Option<&str>,
        page: PageRequest,
    ) -> Result<BackupsView> {
        caller.require(permission::READ)?;
        let cursor = page.cursor()?;
        let stored = self.environment(application, environment).await?;
        let page = self.database().backups(stored.id, store, &cursor).await?;
        let newest = self.database().newest_backups(stored.id).await?;
        let asked = stored.spec.data_stores.iter().filter(|known| store.is_none_or(|name| name == known.name));
        Ok(BackupsView {
            items: page.items,
            next_cursor: page.next_cursor,
            recovery_points: recovery_points(asked, &newest, Utc::now()),
        })
    }

    /// Backs data stores up anew, as a job. It may run while a person keeps the maintenance page on.
    pub async fn start_backup(
        &self,
        caller: &Caller,
        application: &str,
        environment: &str,
        request: BackupRequest,
    ) -> Result<JobView> {
        caller.require(permission::BACKUP_START)?;
        require_short(&request.reason)?;
        let stored = self.environment(application, environment).await?;
        let stores = wanted(&stored.spec, &request.stores)?;
        let Some(current) = self.require_current(&stored, None).await? else {
            let detail =
                sentence!("nothing has been deployed to '{application}/{environment}' yet", application, environment);
            return Err(Error::new(ProblemType::NoRollbackTarget, detail).with_command("backout deploy VERSION"));
        };
        let plan = self.plan_change(&stored, &current, DeploymentKind::Backup, Choices::backing_up(stores)).await?;
        let consent = Consent { reason: &request.reason, confirm: None, plan_digest: None };
        self.accept(caller, &stored, plan, consent).await
    }

    /// Restores a backup into a database of its own, as a job; nothing that runs is touched.
    pub async fn start_restore(
        &self,
        caller: &Caller,
        application: &str,
        environment: &str,
        id: BackupId,
        request: RestoreRequest,
    ) -> Result<JobView> {
        caller.require(permission::BACKUP_RESTORE)?;
        require_short(&request.reason)?;
        let stored = self.environment(application, environment).await?;
        let backup = self.database().backup(stored.id, id).await.map_err(named("backup", &id.to_string()))?;
        let Some(store) = stored.spec.data_store(&backup.store).filter(|store| store.engine == backup.engine) else {
            let detail = sentence!("the environment has no data store '{name}' any more", name = backup.store);
            return Err(Error::new(ProblemType::JobState, detail).with_command("backout env set"));
        };
        let database = match &request.into {
            None => format!("{SCRATCH_PREFIX}{}", id.0.simple()),
            Some(into) => own_name(into, &stored.spec)?,
        };
        let Some(current) = self.require_current(&stored, None).await? else {
            let detail =
                sentence!("nothing has been deployed to '{application}/{environment}' yet", application, environment);
            return Err(Error::new(ProblemType::NoRollbackTarget, detail).with_command("backout deploy VERSION"));
        };
        let spec = StepSpec::Restore {
            store: store.name.clone(),
            engine: store.engine,
            backup: id,
            path: backup.path,
            sha256: backup.sha256,
            database,
            check: request.into.is_none(),
        };
        let plan = self.plan_change(&stored, &current, DeploymentKind::Restore, Choices::restoring(spec)).await?;
        let consent = Consent { reason: &request.reason, confirm: None, plan_digest: None };
        self.accept(caller, &stored, plan, consent).await
    }

    /// A verified backup.
    pub async fn get_backup(
        &self,
        caller: &Caller,
        application: &str,
        environment: &str,
        id: BackupId,
    ) -> Result<BackupView> {
        caller.require(permission::READ)?;
        let stored = self.environment(application, environment).await?;
        self.database().backup(stored.id, id).await.map_err(named("backup", &id.to_string()))
    }
}

/// The data stores that are asked for, each once; all but caches where none is named.
fn wanted(spec: &EnvironmentSpec, asked: &[String]) -> Result<Vec<String>> {
    let can = |store: &&DataStore| store.engine != Engine::Redis;
    if asked.is_empty() {
        return Ok(spec.data_stores.iter().filter(can).map(|store| store.name.clone()).collect());
    }
    let mut errors = Vec::new();
    for (at, name) in asked.iter().enumerate() {
        let message = match spec.data_store(name) {
            Some(store) if can(&store) => continue,
            Some(_) => sentence!("'{name}' is a cache: nothing is kept of it", name),
            None => sentence!("the environment has no data store '{name}'", name),
        };
        errors.push(FieldError { field: format!("stores[{at}]"), message });
    }
    if !errors.is_empty() {
        return Err(Error::invalid_fields(errors));
    }
    let mut names = asked.to_vec();
    names.sort();
    names.dedup();
    Ok(names)
}

/// The name of a database that is none of the environment's.
fn own_name(name: &str, spec: &EnvironmentSpec) -> Result<String> {
    let is_word = !name.is_empty()
        && name.len() <= MAX_DATABASE
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    let message = if !is_word {
        sentence!("must be 1 to {limit} letters, digits, '_' or '-'", limit = MAX_DATABASE)
    } else if name.starts_with("backout_") {
        sentence!("names that begin with backout_ are ours")
    } else if spec.data_stores.iter().any(|store| store.database.as_deref() == Some(name)) {
        sentence!("'{name}' is in use; a backup is restored beside it", name)
    } else {
        return Ok(name.to_owned());
    };
    Err(Error::invalid_fields(vec![FieldError { field: "into".into(), message }]))
}

/// Caches have none: nothing is kept of them.
fn recovery_points<'a>(
    stores: impl Iterator<Item = &'a DataStore>,
    newest: &[BackupView],
    now: DateTime<Utc>,
) -> Vec<RecoveryPoint> {
    stores
        .filter(|store| store.engine != Engine::Redis)
        .map(|store| {
            // One of another kind of server is no way back for this one.
            let backup = newest.iter().find(|backup| backup.store == store.name && backup.engine == store.engine);
            // The clock of the machine that made it may be ahead of this one's.
            let age = |backup: &BackupView| (now - backup.begun_at).num_seconds().try_into().unwrap_or(0);
            RecoveryPoint {
                store: store.name.clone(),
                engine: store.engine,
                backup: backup.map(|backup| backup.id),
                begun_at: backup.map(|backup| backup.begun_at),
                age_seconds: backup.map(age),
            }
        })
        .collect()
}
