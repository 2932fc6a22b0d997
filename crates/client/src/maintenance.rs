//! The maintenance page, switched by a person.

use domain::view::{JobView, MaintenanceRequest};

use crate::call::Call;
use crate::{Client, Result};

impl Client {
    /// Starts the job that stops the services and shows the page in their place.
    pub async fn maintenance_on(
        &self,
        application: &str,
        environment: &str,
        request: &MaintenanceRequest,
    ) -> Result<JobView> {
        // A job comes of it: asked twice, the second is refused because of the first.
        self.fetch(Call::put(self.environment(application, environment, &["maintenance"]), request)?.once()).await
    }

    /// Starts the job that takes the page away and starts the services again.
    pub async fn maintenance_off(&self, application: &str, environment: &str) -> Result<JobView> {
        self.fetch(Call::delete(self.environment(application, environment, &["maintenance"])).once()).await
    }
}
