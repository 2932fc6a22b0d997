//! The maintenance page, switched by a person. A job like any other: it survives the death of its worker.

use domain::deployment::DeploymentKind;
use domain::problem::ProblemType;
use domain::view::{JobView, MaintenanceRequest};
use sentence::sentence;

use crate::change::{Choices, Consent, require_consent, require_short};
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
        let consent = Consent { reason: &request.reason, confirm: request.confirm.as_deref(), plan_digest: None };
        self.switch(caller, application, environment, DeploymentKind::MaintenanceOn, consent).await
    }

    /// Takes the page away and starts the services again, as they were.
    pub async fn maintenance_off(&self, caller: &Caller, application: &str, environment: &str) -> Result<JobView> {
        let consent = Consent { reason: "", confirm: None, plan_digest: None };
        self.switch(caller, application, environment, DeploymentKind::MaintenanceOff, consent).await
    }

    async fn switch(
        &self,
        caller: &Caller,
        application: &str,
        environment: &str,
        kind: DeploymentKind,
        consent: Consent<'_>,
    ) -> Result<JobView> {
        caller.require(permission::MAINTENANCE)?;
        require_short(consent.reason)?;
        let stored = self.environment(application, environment).await?;
        let Some(current) = self.require_current(&stored, None).await? else {
            let detail =
                sentence!("nothing has been deployed to '{application}/{environment}' yet", application, environment);
            return Err(Error::new(ProblemType::NoRollbackTarget, detail).with_command("backout deploy VERSION"));
        };
        // What brings an application back is its own confirmation.
        if kind == DeploymentKind::MaintenanceOn {
            require_consent(&stored, &consent)?;
        }
        let plan = self.plan_change(&stored, &current, kind, Choices::keep()).await?;
        self.accept(caller, &stored, plan, consent).await
    }
}
