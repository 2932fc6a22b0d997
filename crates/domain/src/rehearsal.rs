//! Rehearsals: a release's migrations, tried on a scratch database before they are needed.

use sentence::Sentence;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::deployment::words;
use crate::environment::Engine;
use crate::ids::MigrationId;
use crate::ledger::Direction;

/// Where a rehearsal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RehearsalState {
    /// It waits for a worker.
    Queued,
    /// A worker is at it.
    Running,
    /// Up, down and up again gave the schemas that they should.
    Passed,
    /// A script failed, or left another schema than it should.
    Failed,
    /// It could not be tried: nothing is known.
    Skipped,
}

words!(RehearsalState {
    Queued = "queued",
    Running = "running",
    Passed = "passed",
    Failed = "failed",
    Skipped = "skipped",
});

/// Which of its three ways a migration was on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Applied for the first time.
    Up,
    /// Taken back.
    Down,
    /// Applied again.
    UpAgain,
}

impl Phase {
    /// Which of the scripts runs.
    pub fn direction(self) -> Direction {
        match self {
            Self::Up | Self::UpAgain => Direction::Up,
            Self::Down => Direction::Down,
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// Up, down and up again gave the schemas that they should.
    Passed,
    /// A script failed, or left another schema than it should.
    Failed {
        /// On which way.
        phase: Phase,
        /// Why.
        #[schema(value_type = String)]
        reason: Sentence,
    },
    /// It could not be tried.
    Skipped {
        /// Why.
        #[schema(value_type = String)]
        reason: Sentence,
    },
}

impl Verdict {
    /// The state of a rehearsal that came to this.
    pub fn state(&self) -> RehearsalState {
        match self {
            Self::Passed => RehearsalState::Passed,
            Self::Failed { .. } => RehearsalState::Failed,
            Self::Skipped { .. } => RehearsalState::Skipped,
        }
    }

    /// Why, unless it passed.
    pub fn reason(&self) -> Option<&Sentence> {
        match self {
            Self::Passed => None,
            Self::Failed { reason, .. } | Self::Skipped { reason } => Some(reason),
        }
    }
}

/// How much a change of a definition has to do, as the server itself says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StatementClass {
    /// Only the definition changes, however large the table is.
    Instant,
    /// The table is not copied; an index may be built.
    NoCopy,
    /// The table is rebuilt while it can be written.
    InPlace,
    /// The table is copied, and not written meanwhile.
    Copy,
}

words!(StatementClass { Instant = "instant", NoCopy = "no_copy", InPlace = "in_place", Copy = "copy" });

/// A statement as it was rehearsed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RehearsedStatement {
    /// Which of the scripts it is in.
    pub direction: Direction,
    /// Its number within the script, from 0.
    pub index: u32,
    /// How much it has to do, where the server tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<StatementClass>,
    /// How long it took, with what is put aside before it, milliseconds.
    pub ms: u64,
    /// How long it may take on the whole table, milliseconds: more where it goes over the rows and these were sampled.
    pub expected_ms: u64,
}

/// A migration as it was rehearsed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RehearsedMigration {
    /// Which registered migration.
    pub id: MigrationId,
    /// Its version.
    pub version: String,
    /// What came of it.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The statements of both scripts, as far as they ran.
    pub statements: Vec<RehearsedStatement>,
}

impl RehearsedMigration {
    /// How long the script of that direction may take, milliseconds; none where it did not run.
    pub fn expected_ms(&self, direction: Direction) -> Option<u64> {
        let times: Vec<u64> =
            self.statements.iter().filter(|one| one.direction == direction).map(|one| one.expected_ms).collect();
        (!times.is_empty()).then(|| times.iter().sum())
    }
}

/// What came of the migrations of one data store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoreRehearsal {
    /// Data store.
    pub store: String,
    /// Kind of the data store.
    pub engine: Engine,
    /// What came of it.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Rows or documents of the data store that the scratch database was given.
    pub rows: u64,
    /// The migrations, oldest first; those that were not reached are left out.
    pub migrations: Vec<RehearsedMigration>,
}
