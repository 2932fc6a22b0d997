//! Migration ledgers: what was applied to a data store, and by whom it was taken back.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::deployment::words;
use crate::ids::{JobId, MigrationId};

/// Which way a migration went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Applied.
    Up,
    /// Taken back.
    Down,
}

words!(Direction { Up = "up", Down = "down" });

/// A row of our own ledger. Rows are never deleted: an undone migration is a new row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LedgerEntry {
    /// Version of the migration.
    pub version: String,
    /// Name of the migration.
    pub name: String,
    /// Which way it went.
    pub direction: Direction,
    /// Hash of the script that ran.
    pub script_sha256: String,
    /// The job that ran it.
    pub job: JobId,
    /// When it was done.
    pub at: DateTime<Utc>,
    /// Fingerprint of the schema before it.
    pub fingerprint_before: String,
    /// Fingerprint of the schema after it.
    pub fingerprint_after: String,
}

/// A migration as a plan or job names it: its bytes are in the store under its id and hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MigrationRef {
    /// Id of the registered script pair.
    pub id: MigrationId,
    /// Version as the ledger knows it.
    pub version: String,
    /// Name.
    pub name: String,
    /// Hash of the up script.
    pub up_sha256: String,
    /// Hash of the down script, if there is one.
    pub down_sha256: Option<String>,
}
