//! The maintenance page, switched by a person. A job like any other: it survives the death of its worker.

use domain::deployment::{DeploymentKind, SchemaMode};
use domain::problem::ProblemType;
use domain::view::{JobView, MaintenanceRequest};
use sentence::sentence;

use crate::change::{Consent, require_short};
use crate::{Caller, Control, Error, Result, permission};

impl Control {
    /// Stops the services and shows the page in their place, until a person takes it away.
    pub async fn maintenance_on(
        &self,
        caller: &Caller,
        application: &str,
        environment: &str,
        request: MaintenanceRequest,
    ) -> Result<JobView> {
        self.switch(caller, application, environment, DeploymentKind::MaintenanceOn, &request.reason).await
    }

    /// Takes the page away and starts the services again, as they were.
    pub async fn maintenance_off(&self, caller: &Caller, application: &str, environment: &str) -> Result<JobView> {
        self.switch(caller, application, environment, DeploymentKind::MaintenanceOff, "").await
    }

    async fn switch(
        &self,
        caller: &Caller,
        application: &str,
        environment: &str,
        kind: DeploymentKind,
        reason: &str,
    ) -> Result<JobView> {
        caller.require(permission::MAINTENANCE)?;
        require_short(reason)?;
        let stored = self.environment(application, environment).await?;
        let Some(current) = self.require_current(&stored, None).await? else {
            let detail =
                sentence!("nothing has been deployed to '{application}/{environment}' yet", application, environment);
            return Err(Error::new(ProblemType::NoRollbackTarget, detail).with_command("backout deploy VERSION"));
        };
        let plan = self.plan_change(&stored, &current, kind, SchemaMode::Keep).await?;
        // Showing a page is its own confirmation: it loses nothing and is undone by one command.
        let consent = Consent { reason, confirm: Some(&stored.name), plan_digest: None };
        self.accept(caller, &stored, plan, consent).await
    }
}
