//! Rollbacks: the way back.

use domain::plan::Plan;
use domain::view::{JobView, LossView, RollbackRequest};

use crate::call::Call;
use crate::{Client, Result};

impl Client {
    /// The plan that a rollback would carry out; blockers stand in its findings.
    pub async fn plan_rollback(&self, application: &str, environment: &str, request: &RollbackRequest) -> Result<Plan> {
        let dry = RollbackRequest { dry_run: true, ..request.clone() };
        self.fetch(Call::post(self.environment(application, environment, &["rollbacks"]), &dry)?).await
    }

    /// What a rollback would take away, with samples.
    pub async fn sample_losses(
        &self,
        application: &str,
        environment: &str,
        request: &RollbackRequest,
    ) -> Result<Vec<LossView>> {
        self.fetch(Call::post(self.environment(application, environment, &["rollbacks", "losses"]), request)?).await
    }

    /// Starts a rollback.
    pub async fn start_rollback(
        &self,
        application: &str,
        environment: &str,
        request: &RollbackRequest,
    ) -> Result<JobView> {
        let wet = RollbackRequest { dry_run: false, ..request.clone() };
        self.fetch(Call::post(self.environment(application, environment, &["rollbacks"]), &wet)?).await
    }
}
