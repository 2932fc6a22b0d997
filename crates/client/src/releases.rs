//! Releases.

use domain::release::ReleaseSpec;
use domain::view::{Page, ReleaseDetail, ReleaseView};
use serde::Serialize;

use crate::call::Call;
use crate::{Client, PageRequest, Result};

/// Which releases.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ReleaseFilter {
    /// Only of this series, e.g. `v0.8.x`.
    pub series: Option<String>,
    /// Only with this text in version or notes.
    pub search: Option<String>,
}

#[derive(Serialize)]
struct Query<'a> {
    #[serde(flatten)]
    filter: &'a ReleaseFilter,
    #[serde(flatten)]
    page: &'a PageRequest,
}

const CREATED: u16 = 201;

impl Client {
    /// Registers a release; `true` means that it is new, `false` that it was registered before with the same content.
    pub async fn register_release(&self, application: &str, spec: &ReleaseSpec) -> Result<(ReleaseDetail, bool)> {
        let raw = self.send(&Call::post(self.api(&["applications", application, "releases"]), spec)?).await?;
        let is_new = raw.status == CREATED;
        Ok((raw.data()?, is_new))
    }

    /// Releases, newest version first.
    pub async fn list_releases(
        &self,
        application: &str,
        filter: &ReleaseFilter,
        page: &PageRequest,
    ) -> Result<Page<ReleaseView>> {
        self.fetch_with(self.api(&["applications", application, "releases"]), &Query { filter, page }).await
    }

    /// The release of that version.
    pub async fn get_release(&self, application: &str, version: &str) -> Result<ReleaseDetail> {
        self.fetch(Call::get(self.api(&["applications", application, "releases", version]))).await
    }
}
