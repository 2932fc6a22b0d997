//! Data stores and their ledgers.

use domain::view::{DataStoreView, LedgerView};

use crate::{Caller, Control, Result};

impl Control {
    /// The data stores of an environment.
    pub async fn list_data_stores(
        &self,
        _caller: &Caller,
        _application: &str,
        _environment: &str,
    ) -> Result<Vec<DataStoreView>> {
        todo!()
    }

    /// Our ledger of a data store beside the target's own.
    pub async fn get_ledger(
        &self,
        _caller: &Caller,
        _application: &str,
        _environment: &str,
        _store: &str,
    ) -> Result<LedgerView> {
        todo!()
    }
}
