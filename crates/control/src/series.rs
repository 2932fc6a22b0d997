//! Series of releases: what all of one can run on.

use domain::series::SeriesRules;
use domain::view::SeriesView;

use crate::{Caller, Control, Error, Result, permission};

impl Control {
    /// What holds for each series of which anything was said, newest first.
    pub async fn list_series(&self, caller: &Caller, application: &str) -> Result<Vec<SeriesView>> {
        caller.require(permission::READ)?;
        let owner = self.application(application).await?;
        let mut all: Vec<SeriesView> = self
            .database()
            .series(owner.id)
            .await?
            .into_iter()
            .map(|(series, rules)| SeriesView { series, rules })
            .collect();
        all.sort_by_key(|view| std::cmp::Reverse(domain::version::series_key(&view.series)));
        Ok(all)
    }

    /// Says what holds for a series, in place of what held before.
    pub async fn replace_series(
        &self,
        caller: &Caller,
        application: &str,
        series: &str,
        rules: SeriesRules,
    ) -> Result<SeriesView> {
        caller.require(permission::RELEASE_REGISTER)?;
        let owner = self.application(application).await?;
        let errors = rules.validate(series);
        if !errors.is_empty() {
            return Err(Error::invalid_fields(errors));
        }
        self.database().set_series(&caller.actor, (owner.id, application), series, &rules).await?;
        Ok(SeriesView { series: series.to_owned(), rules })
    }
}
