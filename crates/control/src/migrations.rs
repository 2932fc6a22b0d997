//! Migrations that are applied ahead of their release, while the version that runs goes on.

use domain::deployment::{DeploymentKind, SchemaMode};
use domain::plan::Plan;
use domain::view::{JobView, MigrateRequest};
use store::StoredEnvironment;

use crate::change::{Choices, Consent};
use crate::{Caller, Control, Result, permission};

impl Control {
    /// The plan by which a release's migrations would be applied; blockers stand in its findings.
    pub async fn plan_migrations(
        &self,
        caller: &Caller,
        application: &str,
        environment: &str,
        request: &MigrateRequest,
    ) -> Result<Plan> {
        caller.require(permission::READ)?;
        Ok(self.migration_plan(application, environment, request).await?.1)
    }

    /// Applies a release's migrations.
    pub async fn start_migrations(
        &self,
        caller: &Caller,
        application: &str,
        environment: &str,
        request: MigrateRequest,
    ) -> Result<JobView> {
        caller.require(permission::DEPLOYMENT_START)?;
        let (stored, plan) = self.migration_plan(application, environment, &request).await?;
        let consent = Consent {
            reason: &request.reason,
            confirm: request.confirm.as_deref(),
            plan_digest: request.plan_digest.as_deref(),
        };
        self.start_change(caller, &stored, plan, consent).await
    }

    async fn migration_plan(
        &self,
        application: &str,
        environment: &str,
        request: &MigrateRequest,
    ) -> Result<(StoredEnvironment, Plan)> {
        let stored = self.environment(application, environment).await?;
        let target = self.release(stored.application_id, application, &request.release).await?;
        let choices = Choices::new(SchemaMode::Keep, &request.accept)?.through(request.through.clone());
        let plan = self.plan_change(&stored, &target, DeploymentKind::Migrate, choices).await?;
        Ok((stored, plan))
    }
}
