//! Series of releases.

use domain::series::SeriesRules;
use domain::view::{Page, SeriesView};

use crate::call::Call;
use crate::{Client, Result};

impl Client {
    /// What holds for each series, newest first.
    pub async fn list_series(&self, application: &str) -> Result<Page<SeriesView>> {
        self.fetch(Call::get(self.api(&["applications", application, "series"]))).await
    }

    /// Says what holds for a series, in place of what held before.
    pub async fn replace_series(&self, application: &str, series: &str, rules: &SeriesRules) -> Result<SeriesView> {
        self.fetch(Call::put(self.api(&["applications", application, "series", series]), rules)?).await
    }
}
