//! Rehearsals.

use domain::ids::RehearsalId;
use domain::view::{Page, RehearsalRequest, RehearsalView};
use serde::Serialize;

use crate::call::Call;
use crate::{Client, PageRequest, Result};

#[derive(Serialize)]
struct Query<'a> {
    release: Option<&'a str>,
    #[serde(flatten)]
    page: &'a PageRequest,
}

impl Client {
    /// Rehearsals of an environment, or of one release there, newest first.
    pub async fn list_rehearsals(
        &self,
        application: &str,
        environment: &str,
        release: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<RehearsalView>> {
        self.fetch_with(self.environment(application, environment, &["rehearsals"]), &Query { release, page }).await
    }

    /// A rehearsal.
    pub async fn get_rehearsal(&self, application: &str, environment: &str, id: RehearsalId) -> Result<RehearsalView> {
        let id = id.to_string();
        self.fetch(Call::get(self.environment(application, environment, &["rehearsals", &id]))).await
    }

    /// Has a release's migrations tried on a scratch database.
    pub async fn request_rehearsal(
        &self,
        application: &str,
        environment: &str,
        request: &RehearsalRequest,
    ) -> Result<RehearsalView> {
        let route = self.environment(application, environment, &["rehearsals"]);
        self.fetch(Call::post(route, request)?).await
    }
}
