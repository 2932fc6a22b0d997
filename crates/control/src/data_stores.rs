//! Data stores and their ledgers.

use domain::environment::{DataStore, Engine};
use domain::view::{DataStoreView, LedgerView};
use sentence::Sentence;

use crate::{Caller, Control, Error, PageRequest, Result, permission};

impl Control {
    /// The data stores of an environment.
    pub async fn list_data_stores(
        &self,
        caller: &Caller,
        application: &str,
        environment: &str,
    ) -> Result<Vec<DataStoreView>> {
        caller.require(permission::READ)?;
        let stored = self.environment(application, environment).await?;
        Ok(stored.spec.data_stores.iter().map(view).collect())
    }

    /// Our ledger of a data store, a page of its rows, beside the target's own.
    pub async fn get_ledger(
        &self,
        caller: &Caller,
        application: &str,
        environment: &str,
        store: &str,
        page: PageRequest,
    ) -> Result<LedgerView> {
        caller.require(permission::READ)?;
        let cursor = page.cursor()?;
        let stored = self.environment(application, environment).await?;
        let data_store = data_store(&stored, store)?;
        let rows = self.database().ledger(stored.id, store, &cursor).await?;
        let (applied, unreachable) = match data_store.engine {
            Engine::Redis => (Vec::new(), None),
            Engine::MariaDb | Engine::MongoDb => match self.applied(&stored, data_store).await {
                Ok(applied) => (applied, None),
                Err(reason) => (Vec::new(), Some(reason)),
            },
        };
        Ok(LedgerView {
            store: view(data_store),
            applied,
            unreachable,
            rows: rows.items,
            next_cursor: rows.next_cursor,
            kept: self.kept_views(&stored, store).await?,
        })
    }

    async fn applied(
        &self,
        environment: &store::StoredEnvironment,
        store: &DataStore,
    ) -> std::result::Result<Vec<String>, Sentence> {
        let engine = self.targets().data_engine(environment.id, store).await.map_err(|error| error.sentence())?;
        engine.applied().await.map_err(|error| error.sentence())
    }
}

/// The data store of that name.
pub(crate) fn data_store<'a>(environment: &'a store::StoredEnvironment, name: &str) -> Result<&'a DataStore> {
    environment.spec.data_store(name).ok_or_else(|| Error::not_found("data store", name))
}

pub(crate) fn view(store: &DataStore) -> DataStoreView {
    DataStoreView { name: store.name.clone(), engine: store.engine, database: store.database.clone() }
}
