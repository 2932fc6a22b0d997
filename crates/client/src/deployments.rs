//! Deployments: history, and the way forward.

use domain::deployment::{DeploymentKind, DeploymentResult};
use domain::plan::Plan;
use domain::view::{DeployRequest, DeploymentView, JobView, Page};
use serde::Serialize;

use crate::call::Call;
use crate::{Client, PageRequest, Result};

/// Which deployments.
#[derive(Debug, Clone, Default, Serialize)]
pub struct DeploymentFilter {
    /// Only of this kind.
    pub kind: Option<DeploymentKind>,
    /// Only with this result.
    pub result: Option<DeploymentResult>,
}

#[derive(Serialize)]
struct Query<'a> {
    #[serde(flatten)]
    filter: &'a DeploymentFilter,
    #[serde(flatten)]
    page: &'a PageRequest,
}

impl Client {
    /// The plan that a deployment would carry out; blockers stand in its findings.
    pub async fn plan_deployment(&self, application: &str, environment: &str, request: &DeployRequest) -> Result<Plan> {
        let dry = DeployRequest { dry_run: true, ..request.clone() };
        self.fetch(Call::post(self.environment(application, environment, &["deployments"]), &dry)?).await
    }

    /// Starts a deployment.
    pub async fn start_deployment(
        &self,
        application: &str,
        environment: &str,
        request: &DeployRequest,
    ) -> Result<JobView> {
        let wet = DeployRequest { dry_run: false, ..request.clone() };
        self.fetch(Call::post(self.environment(application, environment, &["deployments"]), &wet)?).await
    }

    /// Deployments, newest first.
    pub async fn list_deployments(
        &self,
        application: &str,
        environment: &str,
        filter: &DeploymentFilter,
        page: &PageRequest,
    ) -> Result<Page<DeploymentView>> {
        self.fetch_with(self.environment(application, environment, &["deployments"]), &Query { filter, page }).await
    }
}
