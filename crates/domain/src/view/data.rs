//! Data stores with their ledgers, kept data and backups.

use chrono::{DateTime, Utc};
use sentence::Sentence;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::environment::Engine;
use crate::ids::{BackupId, CorrectionId, JobId, PreservationId};
use crate::ledger::{Direction, Drift, LedgerSource, TargetLedger};

/// A data store of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DataStoreView {
    /// Its name.
    pub name: String,
    /// Kind of server.
    pub engine: Engine,
    /// Database on the server.
    pub database: Option<String>,
}

/// The ledger of one data store: ours, beside what the target itself says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LedgerView {
    /// The data store.
    pub store: DataStoreView,
    /// Versions in the target's own ledger, in applied order.
    pub applied: Vec<String>,
    /// Why the target's ledger could not be read, if so.
    #[schema(value_type = Option<String>)]
    pub unreachable: Option<Sentence>,
    /// Our rows, newest first, a page of them. None is ever deleted.
    pub rows: Vec<LedgerRowView>,
    /// Pass it as `cursor` for the next page of rows; absent on the last.
    pub next_cursor: Option<String>,
    /// Data put aside and not yet brought back or dropped.
    pub kept: Vec<KeptView>,
}

/// A row of our ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LedgerRowView {
    /// Version of the migration.
    pub version: String,
    /// Name; empty for a migration that is not registered.
    pub name: String,
    /// Which way it went.
    pub direction: Direction,
    /// Whether a job ran it or a person said so.
    pub source: LedgerSource,
    /// Hash of the script that ran or counts as run; none where there was none.
    pub script_sha256: Option<String>,
    /// The job that ran it.
    pub job: Option<JobId>,
    /// What a person said instead.
    pub correction: Option<CorrectionId>,
    /// Who asked for it.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When it was done.
    pub at: DateTime<Utc>,
}

/// How a data store differs from our ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DriftView {
    /// The data store.
    pub store: DataStoreView,
    /// Why it could not be looked at, if so; then nothing below says anything.
    #[schema(value_type = Option<String>)]
    pub unreachable: Option<Sentence>,
    /// Its own ledgers, whichever tool wrote them.
    pub ledgers: Vec<TargetLedger>,
    /// What differs, and what nobody can tell.
    pub drift: Vec<Drift>,
    /// Fingerprint that the schema had when Backout last changed it or a person accepted it.
    pub left_as: Option<String>,
    /// Fingerprint of the schema as it is.
    pub fingerprint: Option<String>,
    /// What a person last said about this ledger.
    pub correction: Option<CorrectionView>,
}

impl DriftView {
    /// Whether something differs, as opposed to nobody knowing.
    pub fn has_difference(&self) -> bool {
        self.drift.iter().any(Drift::is_difference)
    }
}

/// What a person said about a ledger. Never changed or deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CorrectionView {
    /// Its id.
    pub id: CorrectionId,
    /// The data store.
    pub store: String,
    /// Baseline or repair.
    pub kind: LedgerSource,
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// Fingerprint of the schema that was accepted; none where only migrations were marked.
    pub fingerprint: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}

/// Data put aside before a statement destroyed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeptView {
    /// Its id.
    pub id: PreservationId,
    /// Migration whose script destroyed it.
    pub migration: String,
    /// What it is, e.g. `column users.two_factor_secret`.
    pub object: String,
    /// Where it is now.
    pub place: String,
    /// Which way its migration goes when it comes back.
    pub comes_back_with: Direction,
    /// Rows or documents.
    pub rows: u64,
    /// When it was put aside.
    pub kept_at: DateTime<Utc>,
}

/// Backups of an environment, a page of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackupsView {
    /// The backups, newest first.
    pub items: Vec<BackupView>,
    /// Pass it as `cursor` for the next page; absent on the last.
    pub next_cursor: Option<String>,
    /// How far back each data store would fall, on every page.
    pub recovery_points: Vec<RecoveryPoint>,
}

/// What a data store could be taken back to if it were lost now: its newest verified backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecoveryPoint {
    /// The data store.
    pub store: String,
    /// Kind of the data store.
    pub engine: Engine,
    /// Its newest verified backup; absent where there is none.
    pub backup: Option<BackupId>,
    /// The moment that the backup's contents are of.
    pub begun_at: Option<DateTime<Utc>>,
    /// How long ago that was, seconds: what was written since would be lost.
    pub age_seconds: Option<u64>,
}

/// A backup of a data store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackupView {
    /// Its id.
    pub id: BackupId,
    /// The data store.
    pub store: String,
    /// Kind of the data store.
    pub engine: Engine,
    /// Where it is.
    pub path: String,
    /// Its size, bytes.
    pub bytes: u64,
    /// Hash of the file.
    pub sha256: String,
    /// The job that made it, or that read an earlier one again in place of making one.
    pub job: JobId,
    /// The moment that its contents are of: what was written later need not be in it.
    pub begun_at: DateTime<Utc>,
    /// When it was read back and found whole.
    pub verified_at: DateTime<Utc>,
    /// When it was last restored into a database; none where nobody has tried.
    #[serde(default)]
    pub restored_at: Option<DateTime<Utc>>,
}
