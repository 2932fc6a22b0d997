//! Releases.

use domain::release::ReleaseSpec;
use domain::view::{Page, ReleaseDetail, ReleaseView};

use crate::{Caller, Control, PageRequest, Result};

/// Which releases.
#[derive(Debug, Clone, Default)]
pub struct ReleaseFilter {
    /// Only of this series, e.g. `v0.8.x`.
    pub series: Option<String>,
    /// Only with this text in version or notes.
    pub search: Option<String>,
}

impl Control {
    /// Registers a release; `true` means that it is new. The same content again changes nothing, other content for the
    /// same version answers `already-exists`.
    pub async fn register_release(
        &self,
        _caller: &Caller,
        _application: &str,
        _spec: ReleaseSpec,
    ) -> Result<(ReleaseDetail, bool)> {
        todo!()
    }

    /// Releases, newest version first.
    pub async fn list_releases(
        &self,
        _caller: &Caller,
        _application: &str,
        _filter: ReleaseFilter,
        _page: PageRequest,
    ) -> Result<Page<ReleaseView>> {
        todo!()
    }

    /// The release of that version.
    pub async fn get_release(&self, _caller: &Caller, _application: &str, _version: &str) -> Result<ReleaseDetail> {
        todo!()
    }
}
