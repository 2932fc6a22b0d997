//! Connections to what an environment is made of, with its secrets opened.

use std::path::Path;
use std::sync::Arc;

use data_engine::{DataEngine, DataTarget};
use domain::Secret;
use domain::environment::{DataStore, Engine, Host};
use domain::ids::EnvironmentId;
use secrecy::SecretString;
use sentence::{Sentence, sentence};
use store::{Database, Keyring, SealError};

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.sentence())]
pub enum TargetError {
    /// The stored connection string cannot be opened.
    Sealed(#[from] SealError),
    /// What our ledger says of it cannot be read.
    Store(store::Error),
    /// It does not answer; trying again may help.
    Unreachable(Sentence),
    /// It is not usable as it is set up.
    Unusable(Sentence),
}

impl TargetError {
    /// What people are told.
    pub fn sentence(&self) -> Sentence {
        match self {
            Self::Sealed(error) => error.sentence(),
            Self::Store(error) => error.sentence(),
            Self::Unreachable(why) | Self::Unusable(why) => why.clone(),
        }
    }
}

/// Opens connections. Cheap to clone.
#[derive(Clone)]
pub struct Targets {
    database: Database,
    keys: Keyring,
    backups: Arc<Path>,
}

impl Targets {
    /// Connections whose secrets these keys open; backups go below `backups`.
    pub fn new(database: Database, keys: Keyring, backups: &Path) -> Self {
        Self { database, keys, backups: backups.into() }
    }

    /// Where backups go, below a directory for each environment.
    pub fn backups(&self) -> &Path {
        &self.backups
    }

    /// The keys.
    pub fn keys(&self) -> &Keyring {
        &self.keys
    }

    /// Opens a secret of an environment; `place` is its field, as [`domain::environment::EnvironmentSpec::secrets_mut`] names it.
    pub fn open(&self, environment: EnvironmentId, place: &str, sealed: &Secret) -> Result<Secret, SealError> {
        self.keys.open(&format!("{environment}/{place}"), sealed)
    }

    /// The container engine of a host.
    pub async fn docker(&self, host: &Host) -> Result<driver_docker::Engine, TargetError> {
        driver_docker::Engine::connect(&host.docker)
            .await
            .map_err(|error| classify(error.is_transient(), error.sentence()))
    }

    /// The engine that runs migrations and backups of a data store.
    pub async fn data_engine(&self, environment: EnvironmentId, store: &DataStore) -> Result<DataEngine, TargetError> {
        let url = self.url(environment, store)?;
        let database = store.database.clone().unwrap_or_default();
        let target = match store.engine {
            Engine::MariaDb => {
                let target = driver_mariadb::Target::new(url)
                    .map_err(|error| classify(error.is_transient(), error.sentence()))?;
                // Settings from before this was refused may still say so.
                if let Some(why) = other_database(&target, &database) {
                    return Err(TargetError::Unusable(sentence!("'{store}': {why}", store = store.name, why)));
                }
                DataTarget::MariaDb(target)
            }
            Engine::MongoDb => DataTarget::MongoDb(
                driver_mongodb::Target::connect(&url, &database)
                    .await
                    .map_err(|error| classify(error.is_transient(), error.sentence()))?,
            ),
            Engine::Redis => {
                return Err(TargetError::Unusable(sentence!(
                    "'{store}' is a cache, it has no schema",
                    store = store.name
                )));
            }
        };
        let ours = self.database.our_ledger(environment, &store.name).await.map_err(TargetError::Store)?;
        Ok(DataEngine::new(store.name.clone(), target, Arc::new(self.database.clone())).with_ledger(ours))
    }

    /// The cache of that name.
    pub async fn cache(
        &self,
        environment: EnvironmentId,
        store: &DataStore,
    ) -> Result<driver_redis::Target, TargetError> {
        let url = self.url(environment, store)?;
        driver_redis::Target::connect(&url).await.map_err(|error| classify(error.is_transient(), error.sentence()))
    }

    fn url(&self, environment: EnvironmentId, store: &DataStore) -> Result<SecretString, SealError> {
        let place = format!("data_stores.{}.url", store.name);
        Ok(self.open(environment, &place, &store.url)?.expose().to_owned().into())
    }
}

/// What is wrong with the settings of a MariaDB data store: which field, and why. The dump, the migrations and what people
/// are shown have to be about the same database, so the connection string has to name it, as the settings do.
pub fn mistake(url: &Secret, database: &str) -> Option<(&'static str, Sentence)> {
    match driver_mariadb::Target::new(url.expose().to_owned().into()) {
        Err(error) => Some(("url", error.sentence())),
        Ok(target) => other_database(&target, database).map(|why| ("database", why)),
    }
}

fn other_database(target: &driver_mariadb::Target, database: &str) -> Option<Sentence> {
    let named = target.database();
    (named != database).then(|| {
        sentence!("the connection string names database '{named}', the settings '{database}'", named, database)
    })
}

fn classify(transient: bool, why: Sentence) -> TargetError {
    if transient { TargetError::Unreachable(why) } else { TargetError::Unusable(why) }
}
