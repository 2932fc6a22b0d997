//! Data stores and their ledgers.

use domain::view::{DataStoreView, LedgerView, Page};

use crate::call::Call;
use crate::{Client, Result};

impl Client {
    /// The data stores of an environment.
    pub async fn list_data_stores(&self, application: &str, environment: &str) -> Result<Page<DataStoreView>> {
        self.fetch(Call::get(self.environment(application, environment, &["data-stores"]))).await
    }

    /// Our ledger of a data store beside the target's own.
    pub async fn get_ledger(&self, application: &str, environment: &str, store: &str) -> Result<LedgerView> {
        self.fetch(Call::get(self.environment(application, environment, &["data-stores", store, "ledger"]))).await
    }
}
