//! Data stores and their ledgers.

use domain::view::{DataStoreView, LedgerView, Page};

use crate::call::Call;
use crate::{Client, PageRequest, Result};

impl Client {
    /// The data stores of an environment.
    pub async fn list_data_stores(&self, application: &str, environment: &str) -> Result<Page<DataStoreView>> {
        self.fetch(Call::get(self.environment(application, environment, &["data-stores"]))).await
    }

    /// Our ledger of a data store, a page of its rows, beside the target's own.
    pub async fn get_ledger(
        &self,
        application: &str,
        environment: &str,
        store: &str,
        page: &PageRequest,
    ) -> Result<LedgerView> {
        self.fetch_with(self.environment(application, environment, &["data-stores", store, "ledger"]), page).await
    }
}
