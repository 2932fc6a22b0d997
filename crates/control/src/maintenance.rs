//! The maintenance page, switched by a person.

use domain::problem::ProblemType;
use domain::view::{EnvironmentView, MaintenanceRequest};

use crate::{Caller, Control, Error, Result, permission};

impl Control {
    /// Stops the services and shows the page in their place.
    pub async fn maintenance_on(
        &self,
        caller: &Caller,
        application: &str,
        environment: &str,
        _request: MaintenanceRequest,
    ) -> Result<EnvironmentView> {
        caller.require(permission::MAINTENANCE)?;
        self.environment(application, environment).await?;
        Err(Error::new(ProblemType::Internal, "maintenance by hand is not there yet"))
    }

    /// Takes the page away and starts the services again.
    pub async fn maintenance_off(
        &self,
        caller: &Caller,
        application: &str,
        environment: &str,
    ) -> Result<EnvironmentView> {
        caller.require(permission::MAINTENANCE)?;
        self.environment(application, environment).await?;
        Err(Error::new(ProblemType::Internal, "maintenance by hand is not there yet"))
    }
}
