//! Rollbacks: the way back.

use domain::deployment::DeploymentKind;
use domain::environment::FieldError;
use domain::plan::Plan;
use domain::problem::ProblemType;
use domain::view::{JobView, RollbackRequest};
use sentence::sentence;
use store::{StoredEnvironment, StoredRelease};

use crate::change::{Choices, Consent};
use crate::{Caller, Control, Error, Result, permission};

impl Control {
    /// The plan that a rollback would carry out; blockers stand in its findings.
    pub async fn plan_rollback(
        &self,
        caller: &Caller,
        application: &str,
        environment: &str,
        request: &RollbackRequest,
    ) -> Result<Plan> {
        caller.require(permission::READ)?;
        Ok(self.rollback_plan(application, environment, request).await?.1)
    }

    /// Starts a rollback.
    pub async fn start_rollback(
        &self,
        caller: &Caller,
        application: &str,
        environment: &str,
        request: RollbackRequest,
    ) -> Result<JobView> {
        caller.require(permission::ROLLBACK_REQUEST)?;
        if request.target.is_none() && request.expected_current.is_none() {
            return Err(Error {
                fields: Box::new([FieldError {
                    field: "expected_current".into(),
                    message: sentence!("is needed where no target is named, so that the second of two people does not go one release further back"),
                }]),
                ..Error::new(ProblemType::InvalidField, sentence!("expected_current is needed where no target is named"))
            }
            .with_command(format!("backout status --app {application}")));
        }
        let (stored, plan) = self.rollback_plan(application, environment, &request).await?;
        let consent = Consent {
            reason: &request.reason,
            confirm: request.confirm.as_deref(),
            plan_digest: request.plan_digest.as_deref(),
        };
        self.start_change(caller, &stored, plan, consent).await
    }

    pub(crate) async fn rollback_plan(
        &self,
        application: &str,
        environment: &str,
        request: &RollbackRequest,
    ) -> Result<(StoredEnvironment, Plan)> {
        let stored = self.environment(application, environment).await?;
        let current = self.require_current(&stored, request.expected_current.as_deref()).await?;
        let Some(current) = current else {
            return Err(Error::new(
                ProblemType::NoRollbackTarget,
                sentence!("nothing has been deployed to '{application}/{environment}' yet", application, environment),
            )
            .with_command("backout deploy VERSION"));
        };
        let target = self.rollback_target(&stored, &current, request.target.as_deref()).await?;
        if target.version > current.version {
            return Err(Error::new(
                ProblemType::InvalidField,
                sentence!(
                    "{target} is newer than {current}, which runs: that is not a rollback",
                    target = target.version,
                    current = current.version
                ),
            )
            .with_command(format!("backout deploy {}", target.version)));
        }
        let choices = Choices::new(request.schema, &request.accept)?;
        let plan = self.plan_change(&stored, &target, DeploymentKind::Rollback, choices).await?;
        Ok((stored, plan))
    }

    async fn rollback_target(
        &self,
        environment: &StoredEnvironment,
        current: &StoredRelease,
        named: Option<&str>,
    ) -> Result<StoredRelease> {
        if let Some(version) = named {
            return self.release(environment.application_id, &environment.application, version).await;
        }
        match self.database().last_known_good(environment.id, current.id).await? {
            Some(release) => Ok(self.database().release_by_id(release).await?),
            None => Err(Error::new(
                ProblemType::NoRollbackTarget,
                sentence!("no release older than {version} is known to have run well here", version = current.version),
            )
            .with_command(format!(
                "backout releases --app {}, then backout rollback VERSION",
                environment.application
            ))),
        }
    }
}
