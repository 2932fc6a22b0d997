//! The control plane's own MariaDB: the only place with its SQL. Implements the saga's journals.

mod applications;
mod audit;
mod backups;
mod database;
mod deployments;
mod environments;
mod error;
mod facts;
mod idempotency;
mod jobs;
mod journal;
mod keys;
mod leases;
mod migrate;
mod page;
mod queue;
mod releases;
mod rows;
mod statements;
mod tokens;

pub use audit::AuditEntry;
pub use backups::NewBackup;
pub use database::{Database, Settings};
pub use deployments::{Enqueue, NewJob};
pub use environments::StoredEnvironment;
pub use error::{Error, Result};
pub use idempotency::{KeyState, StoredAnswer};
pub use jobs::JobQuery;
pub use keys::{Keyring, SealError};
pub use leases::{Heart, Orphan, WorkerRow};
pub use page::Cursor;
pub use releases::{NewRelease, Registered, ReleaseQuery, StoredMigration, StoredRelease, StoredSchema};
pub use tokens::StoredToken;
