//! Environments.

use domain::environment::EnvironmentSpec;
use domain::view::{EnvironmentView, NewEnvironment, Page};

use crate::call::Call;
use crate::{Client, PageRequest, Result};

impl Client {
    /// Makes an environment.
    pub async fn create_environment(&self, application: &str, new: &NewEnvironment) -> Result<EnvironmentView> {
        self.fetch(Call::post(self.api(&["applications", application, "environments"]), new)?).await
    }

    /// Replaces the settings. `if_match` is the revision that was read; another one answers `precondition-failed`.
    pub async fn replace_environment(
        &self,
        application: &str,
        environment: &str,
        spec: &EnvironmentSpec,
        if_match: Option<u64>,
    ) -> Result<EnvironmentView> {
        let call = Call::put(self.environment(application, environment, &[]), spec)?;
        match if_match {
            // Repeated after a lost answer, it would meet its own revision and be refused.
            Some(revision) => self.fetch(call.header("if-match", format!("\"{revision}\"")).once()).await,
            None => self.fetch(call).await,
        }
    }

    /// Environments of an application by name.
    pub async fn list_environments(&self, application: &str, page: &PageRequest) -> Result<Page<EnvironmentView>> {
        self.fetch_with(self.api(&["applications", application, "environments"]), page).await
    }

    /// The environment of that name.
    pub async fn get_environment(&self, application: &str, environment: &str) -> Result<EnvironmentView> {
        self.fetch(Call::get(self.environment(application, environment, &[]))).await
    }
}
