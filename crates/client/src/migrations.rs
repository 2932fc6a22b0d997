//! Migrations that are applied ahead of their release.

use domain::plan::Plan;
use domain::view::{JobView, MigrateRequest};

use crate::call::Call;
use crate::{Client, Result};

impl Client {
    /// The plan by which a release's migrations would be applied; blockers stand in its findings.
    pub async fn plan_migrations(
        &self,
        application: &str,
        environment: &str,
        request: &MigrateRequest,
    ) -> Result<Plan> {
        let dry = MigrateRequest { dry_run: true, ..request.clone() };
        self.fetch(Call::post(self.environment(application, environment, &["migrations"]), &dry)?).await
    }

    /// Applies a release's migrations.
    pub async fn start_migrations(
        &self,
        application: &str,
        environment: &str,
        request: &MigrateRequest,
    ) -> Result<JobView> {
        let wet = MigrateRequest { dry_run: false, ..request.clone() };
        self.fetch(Call::post(self.environment(application, environment, &["migrations"]), &wet)?).await
    }
}
