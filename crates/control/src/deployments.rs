//! Deployments: history, and the way forward.

use domain::plan::Plan;
use domain::view::{DeployRequest, DeploymentView, JobView, Page};

use crate::{Caller, Control, PageRequest, Result};

impl Control {
    /// The plan that a deployment would carry out; blockers stand in its findings.
    pub async fn plan_deployment(
        &self,
        _caller: &Caller,
        _application: &str,
        _environment: &str,
        _request: &DeployRequest,
    ) -> Result<Plan> {
        todo!()
    }

    /// Starts a deployment.
    pub async fn start_deployment(
        &self,
        _caller: &Caller,
        _application: &str,
        _environment: &str,
        _request: DeployRequest,
    ) -> Result<JobView> {
        todo!()
    }

    /// Deployments, newest first.
    pub async fn list_deployments(
        &self,
        _caller: &Caller,
        _application: &str,
        _environment: &str,
        _page: PageRequest,
    ) -> Result<Page<DeploymentView>> {
        todo!()
    }
}
