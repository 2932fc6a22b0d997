//! Environments.

use std::collections::HashMap;

use domain::Secret;
use domain::environment::{Engine, EnvironmentSpec, FieldError, is_name, name_rule};
use domain::ids::EnvironmentId;
use domain::problem::ProblemType;
use domain::view::{CurrentView, EnvironmentView, NewEnvironment, Page};
use sentence::sentence;
use store::StoredEnvironment;

use crate::error::named;
use crate::{Caller, Control, Error, PageRequest, Result, permission};

impl Control {
    /// Makes an environment.
    pub async fn create_environment(
        &self,
        caller: &Caller,
        application: &str,
        new: NewEnvironment,
    ) -> Result<EnvironmentView> {
        caller.require(permission::ENVIRONMENT_EDIT)?;
        let owner = self.application(application).await?;
        let mut errors = new.spec.validate();
        if !is_name(&new.name) {
            let message = name_rule();
            errors.insert(0, FieldError { field: "name".into(), message });
        }
        let id = EnvironmentId::generate();
        let spec = self.seal(id, new.spec, None, errors)?;
        let made = self.database().insert_environment(&caller.actor, owner.id, id, &new.name, &spec).await;
        made.map_err(|error| taken(error, application, &new.name))?;
        self.environment_view(self.environment(application, &new.name).await?).await
    }

    /// Replaces the settings. `if_match` is the revision that the caller read; another one answers `precondition-failed`.
    pub async fn replace_environment(
        &self,
        caller: &Caller,
        application: &str,
        environment: &str,
        spec: EnvironmentSpec,
        if_match: Option<u64>,
    ) -> Result<EnvironmentView> {
        caller.require(permission::ENVIRONMENT_EDIT)?;
        let stored = self.environment(application, environment).await?;
        if let Some(job) = stored.active_job {
            return Err(locked(job));
        }
        let revision = if_match.unwrap_or(stored.revision);
        let errors = spec.validate();
        let spec = self.seal(stored.id, spec, Some(&stored.spec), errors)?;
        let updated = self.database().update_environment(&caller.actor, &stored, &spec, revision).await;
        updated.map_err(|error| match error {
            store::Error::Conflict(why) => Error::new(ProblemType::PreconditionFailed, why).with_command(format!(
                "GET /api/v1/applications/{application}/environments/{environment}, then PUT with its ETag"
            )),
            other => taken(other, application, environment),
        })?;
        self.environment_view(self.environment(application, environment).await?).await
    }

    /// Environments of an application by name.
    pub async fn list_environments(
        &self,
        caller: &Caller,
        application: &str,
        page: PageRequest,
    ) -> Result<Page<EnvironmentView>> {
        caller.require(permission::READ)?;
        let owner = self.application(application).await?;
        let stored = self.database().environments(owner.id, &page.cursor()?).await?;
        let mut items = Vec::with_capacity(stored.items.len());
        for environment in stored.items {
            items.push(self.environment_view(environment).await?);
        }
        Ok(Page { items, next_cursor: stored.next_cursor })
    }

    /// The environment of that name.
    pub async fn get_environment(
        &self,
        caller: &Caller,
        application: &str,
        environment: &str,
    ) -> Result<EnvironmentView> {
        caller.require(permission::READ)?;
        self.environment_view(self.environment(application, environment).await?).await
    }

    pub(crate) async fn environment(&self, application: &str, environment: &str) -> Result<StoredEnvironment> {
        self.database()
            .environment(application, environment)
            .await
            .map_err(named("environment", &format!("{application}/{environment}")))
    }

    pub(crate) async fn environment_view(&self, stored: StoredEnvironment) -> Result<EnvironmentView> {
        let current = match stored.current {
            None => None,
            Some(deployment) => {
                let (release, kind, since) = self.database().deployment_release(deployment).await?;
                let release = self.database().release_by_id(release).await?;
                Some(CurrentView {
                    deployment,
                    version: release.version,
                    images: release.images,
                    git: release.git,
                    since,
                    kind,
                })
            }
        };
        Ok(EnvironmentView {
            id: stored.id,
            application: stored.application,
            name: stored.name,
            spec: stored.spec.masked(),
            revision: stored.revision,
            current,
            active_job: stored.active_job,
            maintenance: stored.maintenance,
            updated_at: stored.updated_at,
        })
    }

    /// Seals what came in the clear; a mask stands for what is stored already.
    fn seal(
        &self,
        id: EnvironmentId,
        mut spec: EnvironmentSpec,
        stored: Option<&EnvironmentSpec>,
        mut errors: Vec<FieldError>,
    ) -> Result<EnvironmentSpec> {
        let mut stored = stored.cloned().unwrap_or_default();
        let known: HashMap<String, Secret> =
            stored.secrets_mut().map(|(place, secret)| (place, secret.clone())).collect();
        for (place, secret) in spec.secrets_mut() {
            if secret.is_mask() {
                match known.get(&place) {
                    Some(sealed) => *secret = sealed.clone(),
                    None => errors.push(FieldError { field: place, message: sentence!("is the mask; send the value") }),
                }
            } else if secret.is_sealed() {
                errors.push(FieldError { field: place, message: sentence!("must not begin like a sealed value") });
            } else {
                *secret = self.keys().seal(&format!("{id}/{place}"), secret)?;
            }
        }
        if errors.is_empty() {
            errors = self.unusable_stores(id, &spec);
        }
        if errors.is_empty() { Ok(spec) } else { Err(Error::invalid_fields(errors)) }
    }

    /// Data stores whose connection string, sent now or stored before, is none or names another database than the
    /// settings.
    fn unusable_stores(&self, id: EnvironmentId, spec: &EnvironmentSpec) -> Vec<FieldError> {
        let mut errors = Vec::new();
        for (index, store) in spec.data_stores.iter().enumerate() {
            // A MongoDB connection string names the database of its user.
            if store.engine != Engine::MariaDb {
                continue;
            }
            // One that cannot be opened any more is told when it is used; here it would keep it from being replaced.
            let Ok(url) = self.targets().open(id, &format!("data_stores.{}.url", store.name), &store.url) else {
                continue;
            };
            if let Some((field, message)) = planner::mistake(&url, store.database.as_deref().unwrap_or_default()) {
                errors.push(FieldError { field: format!("data_stores[{index}].{field}"), message });
            }
        }
        errors
    }
}

fn taken(error: store::Error, application: &str, environment: &str) -> Error {
    match error {
        store::Error::Reserved { .. } => Error::from(error).with_command("backout status"),
        store::Error::Taken(_) => Error::new(
            ProblemType::AlreadyExists,
            sentence!("there is an environment '{application}/{environment}' already", application, environment),
        )
        .with_command(format!("backout env set {environment} --app {application} -f FILE")),
        other => other.into(),
    }
}

pub(crate) fn locked(job: domain::ids::JobId) -> Error {
    let error = Error::new(ProblemType::EnvironmentLocked, sentence!("job {job} holds the environment", job));
    Error { lock_holder: Some(job), retry_after: Some(5), ..error.with_command(format!("backout job watch {job}")) }
}
