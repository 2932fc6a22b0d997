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
    /// The data store that it comes from.
    pub store: String,
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
    /// The job that put it aside.
    pub job: JobId,
    /// What has become of it.
    pub state: KeptState,
    /// When the environment's settings let it go; none where they keep it.
    pub expires_at: Option<DateTime<Utc>>,
    /// Its size on the server, bytes; none where the server was not asked or does not tell.
    pub bytes: Option<u64>,
}

/// What has become of data that was put aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeptState {
    /// It waits to come back.
    Kept,
    /// It came back.
    Restored,
    /// It is being dropped: that was decided, and the worker removes it.
    Dropping,
    /// It is gone.
    Dropped,
}

impl KeptState {
    /// The stable word for this state.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Restored => "restored",
            Self::Dropping => "dropping",
            Self::Dropped => "dropped",
        }
    }

    /// The state of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Kept, Self::Restored, Self::Dropping, Self::Dropped].into_iter().find(|state| state.as_str() == word)
    }
}

/// Something that was put aside, with what became of it and some of its rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct KeptDetail {
    /// What it is.
    pub kept: KeptView,
    /// Checksum of the copy when it was made; `moved` for what was moved and not copied.
    pub checksum: String,
    /// When it came back.
    pub restored_at: Option<DateTime<Utc>>,
    /// Why it is dropped, and by whom.
    pub drop: Option<KeptDrop>,
    /// Its first rows or documents, as many as were asked for; none where none were.
    pub sample: Option<KeptSample>,
}

/// A decision to drop what was put aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeptDrop {
    /// Who; `expiry` for the environment's settings.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When it was decided.
    pub decided_at: DateTime<Utc>,
    /// When it was gone.
    pub dropped_at: Option<DateTime<Utc>>,
}

/// The first rows of what was put aside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct KeptSample {
    /// Names of the columns; `document` alone for documents.
    pub columns: Vec<String>,
    /// The rows, with the values as an export writes them to JSON lines.
    #[schema(value_type = Vec<Vec<Object>>)]
    pub rows: Vec<Vec<serde_json::Value>>,
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
