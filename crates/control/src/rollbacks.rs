//! Rollbacks: the way back.

use domain::plan::Plan;
use domain::view::{JobView, RollbackRequest};

use crate::{Caller, Control, Result};

impl Control {
    /// The plan that a rollback would carry out; blockers stand in its findings.
    pub async fn plan_rollback(
        &self,
        _caller: &Caller,
        _application: &str,
        _environment: &str,
        _request: &RollbackRequest,
    ) -> Result<Plan> {
        todo!()
    }

    /// Starts a rollback.
    pub async fn start_rollback(
        &self,
        _caller: &Caller,
        _application: &str,
        _environment: &str,
        _request: RollbackRequest,
    ) -> Result<JobView> {
        todo!()
    }
}
