//! Migration ledgers: what was applied to a data store, and by whom it was taken back.

mod applied;
mod drift;
mod target;

pub use applied::{LedgerSource, OurLedger, Standing, Unadopted};
pub use drift::{Drift, DriftFacts, DriftKind, drift};
pub use target::{EntryState, LedgerLock, LedgerTool, TargetEntry, TargetLedger};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::deployment::words;
use crate::ids::MigrationId;

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
