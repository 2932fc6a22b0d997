//! Deployments: history, and the way forward.

use domain::deployment::{DeploymentKind, DeploymentResult};
use domain::plan::Plan;
use domain::view::{DeployRequest, DeploymentView, JobView, Page};
use store::{DeploymentQuery, StoredEnvironment};

use crate::change::{Choices, Consent};
use crate::{Caller, Control, PageRequest, Result, permission};

/// Which deployments.
#[derive(Debug, Clone, Default)]
pub struct DeploymentFilter {
    /// Only of this kind.
    pub kind: Option<DeploymentKind>,
    /// Only with this result.
    pub result: Option<DeploymentResult>,
}

impl Control {
    /// The plan that a deployment would carry out; blockers stand in its findings.
    pub async fn plan_deployment(
        &self,
        caller: &Caller,
        application: &str,
        environment: &str,
        request: &DeployRequest,
    ) -> Result<Plan> {
        caller.require(permission::READ)?;
        Ok(self.deployment_plan(application, environment, request).await?.1)
    }

    /// Starts a deployment.
    pub async fn start_deployment(
        &self,
        caller: &Caller,
        application: &str,
        environment: &str,
        request: DeployRequest,
    ) -> Result<JobView> {
        caller.require(permission::DEPLOYMENT_START)?;
        let (stored, plan) = self.deployment_plan(application, environment, &request).await?;
        let consent = Consent {
            reason: &request.reason,
            confirm: request.confirm.as_deref(),
            plan_digest: request.plan_digest.as_deref(),
        };
        self.start_change(caller, &stored, plan, consent).await
    }

    /// Deployments, newest first.
    pub async fn list_deployments(
        &self,
        caller: &Caller,
        application: &str,
        environment: &str,
        filter: DeploymentFilter,
        page: PageRequest,
    ) -> Result<Page<DeploymentView>> {
        caller.require(permission::READ)?;
        let stored = self.environment(application, environment).await?;
        let query = DeploymentQuery { kind: filter.kind, result: filter.result };
        Ok(self.database().deployments(stored.id, &query, &page.cursor()?).await?)
    }

    async fn deployment_plan(
        &self,
        application: &str,
        environment: &str,
        request: &DeployRequest,
    ) -> Result<(StoredEnvironment, Plan)> {
        let stored = self.environment(application, environment).await?;
        let target = self.release(stored.application_id, application, &request.version).await?;
        self.require_current(&stored, request.expected_current.as_deref()).await?;
        let choices = Choices::new(request.schema, &request.accept)?;
        let plan = self.plan_change(&stored, &target, DeploymentKind::Deploy, choices).await?;
        Ok((stored, plan))
    }
}
