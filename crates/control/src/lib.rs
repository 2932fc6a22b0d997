//! Use cases: one file a resource or verb, and the worker that ties saga, steps and drivers together.
//! Nothing here knows HTTP.

mod applications;
mod backups;
mod caller;
mod change;
mod data_stores;
mod deployments;
mod environments;
mod error;
mod health;
mod idempotency;
mod jobs;
mod ledgers;
mod losses;
mod maintenance;
mod migrations;
mod preserved;
mod provider;
mod rehearsals;
mod releases;
mod rollbacks;
mod series;
mod tokens;
mod wake;
mod worker;

use std::path::PathBuf;
use std::sync::Arc;

pub use caller::{Caller, permission};
pub use deployments::DeploymentFilter;
pub use error::{Error, Result};
pub use health::Dependency;
pub use idempotency::{IdempotencyKey, Recorded, Reservation};
pub use jobs::JobFilter;
use planner::Targets;
pub use preserved::{Export, ExportFormat};
pub use releases::ReleaseFilter;
use secrecy::SecretString;
use sentence::{Sentence, sentence};
use store::{Cursor, Database, Keyring};
use wake::Wake;
pub use worker::{Worker, WorkerSettings};

/// What the control plane is made of.
pub struct Setup {
    /// The control database, its schema up to date.
    pub database: Database,
    /// Keys that seal and open secrets.
    pub keys: Keyring,
    /// Where backups are written, below `backups`.
    pub data_directory: PathBuf,
    /// Redis that wakes other processes; polling is the truth without it.
    pub wake_url: Option<SecretString>,
}

/// A page that was asked for.
#[derive(Debug, Clone, Default)]
pub struct PageRequest {
    /// How many items, 1 to 200; 50 if absent.
    pub limit: Option<u32>,
    /// Where to go on, from the page before.
    pub cursor: Option<String>,
}

const DEFAULT_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 200;

impl PageRequest {
    fn cursor(&self) -> Result<Cursor> {
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        let invalid = |detail: Sentence| Error::new(domain::problem::ProblemType::InvalidQuery, detail);
        if limit == 0 || limit > MAX_LIMIT {
            return Err(invalid(sentence!("limit must be between 1 and {limit}", limit = MAX_LIMIT)));
        }
        Ok(Cursor::new(self.cursor.as_deref(), limit)?)
    }
}

/// The control plane: every use case is a method. Cheap to clone.
#[derive(Clone)]
pub struct Control {
    parts: Arc<Parts>,
}

struct Parts {
    database: Database,
    keys: Keyring,
    targets: Targets,
    wake: Wake,
}

impl Control {
    /// Puts the parts together, on the runtime that they are to work on.
    pub fn new(setup: Setup) -> Self {
        let wake = Wake::new(setup.wake_url.as_ref());
        let targets = Targets::new(setup.database.clone(), setup.keys.clone(), &setup.data_directory.join("backups"));
        Self { parts: Arc::new(Parts { database: setup.database, keys: setup.keys, targets, wake }) }
    }

    fn database(&self) -> &Database {
        &self.parts.database
    }

    fn keys(&self) -> &Keyring {
        &self.parts.keys
    }

    fn targets(&self) -> &Targets {
        &self.parts.targets
    }

    fn wake(&self) -> &Wake {
        &self.parts.wake
    }
}
