//! The maintenance page, switched by a person.

use domain::view::{EnvironmentView, MaintenanceRequest};

use crate::{Caller, Control, Result};

impl Control {
    /// Stops the services and shows the page in their place.
    pub async fn maintenance_on(
        &self,
        _caller: &Caller,
        _application: &str,
        _environment: &str,
        _request: MaintenanceRequest,
    ) -> Result<EnvironmentView> {
        todo!()
    }

    /// Takes the page away and starts the services again.
    pub async fn maintenance_off(
        &self,
        _caller: &Caller,
        _application: &str,
        _environment: &str,
    ) -> Result<EnvironmentView> {
        todo!()
    }
}
