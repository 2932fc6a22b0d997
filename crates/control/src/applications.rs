//! Applications.

use domain::view::{ApplicationView, NewApplication, Page};

use crate::{Caller, Control, PageRequest, Result};

impl Control {
    /// Makes an application known. The same name again answers `already-exists`.
    pub async fn create_application(&self, _caller: &Caller, _new: NewApplication) -> Result<ApplicationView> {
        todo!()
    }

    /// Applications by name.
    pub async fn list_applications(&self, _caller: &Caller, _page: PageRequest) -> Result<Page<ApplicationView>> {
        todo!()
    }

    /// The application of that name.
    pub async fn get_application(&self, _caller: &Caller, _name: &str) -> Result<ApplicationView> {
        todo!()
    }
}
