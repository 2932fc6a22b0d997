//! Applications.

use domain::view::{ApplicationView, NewApplication, Page};

use crate::call::Call;
use crate::{Client, PageRequest, Result};

impl Client {
    /// Makes an application known.
    pub async fn create_application(&self, new: &NewApplication) -> Result<ApplicationView> {
        self.fetch(Call::post(self.api(&["applications"]), new)?).await
    }

    /// Applications by name.
    pub async fn list_applications(&self, page: &PageRequest) -> Result<Page<ApplicationView>> {
        self.fetch_with(self.api(&["applications"]), page).await
    }

    /// The application of that name.
    pub async fn get_application(&self, name: &str) -> Result<ApplicationView> {
        self.fetch(Call::get(self.api(&["applications", name]))).await
    }
}
