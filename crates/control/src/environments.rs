//! Environments.

use domain::environment::EnvironmentSpec;
use domain::view::{EnvironmentView, NewEnvironment, Page};

use crate::{Caller, Control, PageRequest, Result};

impl Control {
    /// Makes an environment.
    pub async fn create_environment(
        &self,
        _caller: &Caller,
        _application: &str,
        _new: NewEnvironment,
    ) -> Result<EnvironmentView> {
        todo!()
    }

    /// Replaces the settings. `if_match` is the revision that the caller read; another one answers `precondition-failed`.
    pub async fn replace_environment(
        &self,
        _caller: &Caller,
        _application: &str,
        _environment: &str,
        _spec: EnvironmentSpec,
        _if_match: Option<u64>,
    ) -> Result<EnvironmentView> {
        todo!()
    }

    /// Environments of an application by name.
    pub async fn list_environments(
        &self,
        _caller: &Caller,
        _application: &str,
        _page: PageRequest,
    ) -> Result<Page<EnvironmentView>> {
        todo!()
    }

    /// The environment of that name.
    pub async fn get_environment(
        &self,
        _caller: &Caller,
        _application: &str,
        _environment: &str,
    ) -> Result<EnvironmentView> {
        todo!()
    }
}
