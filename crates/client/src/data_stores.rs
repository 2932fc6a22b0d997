//! Data stores and their ledgers.

use domain::view::{BaselineRequest, DataStoreView, DriftView, LedgerView, Page, RepairRequest};

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

    /// How a data store differs from our ledger.
    pub async fn get_drift(&self, application: &str, environment: &str, store: &str) -> Result<DriftView> {
        self.fetch(Call::get(self.environment(application, environment, &["data-stores", store, "drift"]))).await
    }

    /// Adopts a data store that was there before.
    pub async fn record_baseline(
        &self,
        application: &str,
        environment: &str,
        store: &str,
        request: &BaselineRequest,
    ) -> Result<DriftView> {
        let url = self.environment(application, environment, &["data-stores", store, "baseline"]);
        self.fetch(Call::post(url, request)?).await
    }

    /// Says what holds for a data store in spite of its ledgers.
    pub async fn repair_ledger(
        &self,
        application: &str,
        environment: &str,
        store: &str,
        request: &RepairRequest,
    ) -> Result<DriftView> {
        let url = self.environment(application, environment, &["data-stores", store, "repair"]);
        self.fetch(Call::post(url, request)?).await
    }
}
