//! The journal of single statements, with the ledgers and kept data that belong to them.

use async_trait::async_trait;
use domain::ids::{JobId, MigrationId, PreservationId};
use domain::ledger::Direction;
use serde::{Deserialize, Serialize};

use crate::error::JournalError;
use crate::journal::Held;

/// Which statement of a step: unique within the step.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StatementKey {
    /// Whether the step runs (`false`) or is being undone (`true`).
    pub undo: bool,
    /// Version of the migration.
    pub migration: String,
    /// Which of its scripts.
    pub direction: Direction,
    /// Number within the script, from 0.
    pub index: u32,
    /// SHA-256 of the statement.
    pub sha256: String,
}

/// A statement as the journal has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementEntry {
    /// Which statement.
    pub key: StatementKey,
    /// Whether it is known to be done; otherwise only its intent was written.
    pub done: bool,
}

/// A change of a data store's ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerRecord {
    /// Data store.
    pub store: String,
    /// Which registered migration.
    pub migration: MigrationId,
    /// Version.
    pub version: String,
    /// Name.
    pub name: String,
    /// Which way it went.
    pub direction: Direction,
    /// Hash of the script that ran.
    pub script_sha256: String,
    /// Fingerprint of the schema before.
    pub fingerprint_before: String,
    /// Fingerprint of the schema after.
    pub fingerprint_after: String,
}

/// What our ledger has of a migration's last up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedUp {
    /// The registered migration that ran, or counts as run: other scripts under the same version are another one.
    pub migration: MigrationId,
    /// Hash of the script that ran.
    pub script_sha256: String,
    /// Fingerprint of the schema before it; none where no job ran it.
    pub fingerprint_before: Option<String>,
    /// Fingerprint of the schema after it; none where no job ran it.
    pub fingerprint_after: Option<String>,
}

/// Data put aside before a statement destroyed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preservation {
    /// Its id.
    pub id: PreservationId,
    /// Data store.
    pub store: String,
    /// Migration whose script destroyed the data.
    pub migration: String,
    /// What was put aside, e.g. `column users.two_factor_secret`.
    pub object: String,
    /// Where it is and what brings it back.
    pub keeper: Keeper,
    /// Rows or documents.
    pub rows: u64,
    /// Checksum of what was put aside, verified against the original.
    pub checksum: String,
}

/// Where kept data is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Keeper {
    /// Columns, copied with the primary key.
    Columns {
        /// Table that they were in.
        table: String,
        /// The columns.
        columns: Vec<String>,
        /// Primary key of the table.
        key: Vec<String>,
        /// Database of ours.
        keep_database: String,
        /// Table in it.
        keep_table: String,
    },
    /// A table, moved away whole.
    Table {
        /// Table that it was.
        table: String,
        /// Database of ours.
        keep_database: String,
        /// Table in it.
        keep_table: String,
    },
    /// Rows that a statement changed or removed, as they were before and after it.
    Rows {
        /// Table that they were in.
        table: String,
        /// Primary key of the table.
        key: Vec<String>,
        /// The other columns, in the order of their copies.
        columns: Vec<String>,
        /// Which way the script went: they come back when its migration goes the other way.
        direction: Direction,
        /// Database of ours.
        keep_database: String,
        /// Table in it.
        keep_table: String,
    },
    /// Fields of documents, copied with `_id`.
    Fields {
        /// Collection that they were in.
        collection: String,
        /// Dotted paths.
        fields: Vec<String>,
        /// Collection of ours.
        keep_collection: String,
    },
    /// A collection, renamed away.
    Collection {
        /// Collection that it was.
        collection: String,
        /// Name that it has now.
        keep_collection: String,
    },
    /// Documents, whole, as they were before a statement changed or removed them and as it left them.
    Documents {
        /// Collection that they are in.
        collection: String,
        /// Collection of ours.
        keep_collection: String,
    },
    /// Indexes: what makes them anew.
    Indexes {
        /// Collection that they were on.
        collection: String,
        /// Their specifications in canonical extended JSON.
        specifications: Vec<serde_json::Value>,
    },
}

impl Keeper {
    /// Where the data is: its table with the database, or its collection.
    pub fn place(&self) -> String {
        match self {
            Self::Columns { keep_database, keep_table, .. }
            | Self::Table { keep_database, keep_table, .. }
            | Self::Rows { keep_database, keep_table, .. } => format!("{keep_database}.{keep_table}"),
            Self::Fields { keep_collection, .. }
            | Self::Collection { keep_collection, .. }
            | Self::Documents { keep_collection, .. } => keep_collection.clone(),
            Self::Indexes { collection, .. } => collection.clone(),
        }
    }

    /// Which way a migration goes when the data comes back: rows that an up changed with its down, the rest with an up.
    pub fn comes_back_with(&self) -> Direction {
        match self {
            Self::Rows { direction: Direction::Up, .. } => Direction::Down,
            _ => Direction::Up,
        }
    }
}

/// Where statements, ledgers and kept data are written down; guarded by the fence like [`crate::Journal`].
#[async_trait]
pub trait StatementJournal: Send + Sync {
    /// The statements of a step that were begun, in the order of their beginning.
    async fn entries(&self, held: &Held, step: u32) -> Result<Vec<StatementEntry>, JournalError>;

    /// Writes down the target's connection that is about to run statements, so that whoever takes over can end it.
    async fn note_connection(&self, held: &Held, step: u32, connection: u64) -> Result<(), JournalError>;

    /// The connection noted last, by whichever worker.
    async fn last_connection(&self, held: &Held, step: u32) -> Result<Option<u64>, JournalError>;

    /// A statement is about to run.
    async fn intent(&self, held: &Held, step: u32, key: &StatementKey) -> Result<(), JournalError>;

    /// The statement is done.
    async fn done(&self, held: &Held, step: u32, key: &StatementKey, rows: u64) -> Result<(), JournalError>;

    /// A migration was applied or taken back as a whole. Writing the same record twice for one step counts once.
    async fn record_ledger(&self, held: &Held, step: u32, record: &LedgerRecord) -> Result<(), JournalError>;

    /// The last up of this migration that our ledger has, by whichever job.
    async fn applied_up(&self, held: &Held, store: &str, version: &str) -> Result<Option<AppliedUp>, JournalError>;

    /// Data was put aside and verified. Called before the statement that destroys it.
    async fn keep(&self, held: &Held, step: u32, preservation: &Preservation) -> Result<(), JournalError>;

    /// Data put aside for a migration and not yet brought back, oldest first.
    async fn kept(&self, held: &Held, store: &str, migration: &str) -> Result<Vec<Preservation>, JournalError>;

    /// The data is back where it was.
    async fn restored(&self, held: &Held, id: PreservationId) -> Result<(), JournalError>;

    /// The data that this job had brought back is put aside again.
    async fn kept_again(&self, held: &Held, id: PreservationId) -> Result<(), JournalError>;
}

impl StatementKey {
    /// A short text that finds the statement's marker in the target.
    pub fn marker(&self, job: JobId, step: u32) -> String {
        let undo = if self.undo { "u" } else { "r" };
        format!("{job}/{step}/{undo}/{}/{}/{}", self.migration, self.direction.as_str(), self.index)
    }
}
