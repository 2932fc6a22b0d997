//! Which migrations count as applied: what the target says, and what a person said in spite of it.

use sentence::{Sentence, sentence};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Direction;
use super::target::{LedgerTool, TargetLedger};
use crate::deployment::words;

/// Where a row of our ledger comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LedgerSource {
    /// A job ran the script.
    Job,
    /// A person adopted a database that was there before.
    Baseline,
    /// A person said so later.
    Repair,
}

words!(LedgerSource { Job = "job", Baseline = "baseline", Repair = "repair" });

/// The newest row of a version in our ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The version.
    pub version: String,
    /// Which way it went.
    pub direction: Direction,
    /// Who says so.
    pub source: LedgerSource,
    /// Hash of the script that ran or counts as run; none where there was none.
    pub script_sha256: Option<String>,
}

/// What our ledger says of a data store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OurLedger {
    /// Whether a baseline was recorded.
    pub is_adopted: bool,
    /// Where each version stands, the row written last at the end.
    pub standings: Vec<Standing>,
}

/// The target's ledger is another tool's, and nobody has said which registered migrations count as applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unadopted {
    /// Whose it is.
    pub tool: LedgerTool,
    /// Its table or collection.
    pub place: String,
}

impl Unadopted {
    /// What people are told.
    pub fn sentence(&self) -> Sentence {
        sentence!(
            "{place} is the ledger of {tool}, which is only read, and no baseline says which registered migrations \
             count as applied (backout baseline)",
            place = self.place,
            tool = self.tool.name()
        )
    }
}

impl OurLedger {
    /// The versions that count as applied, in applied order where that is known.
    ///
    /// The target's own list of versions decides; where it has none but another tool's ledger, ours does, once it has
    /// been adopted. What a person said in a baseline or repair stands above both, until a job runs that migration.
    ///
    /// # Errors
    /// Where only another tool's ledger could tell, and no baseline was recorded.
    pub fn applied(&self, targets: &[TargetLedger]) -> Result<Vec<String>, Unadopted> {
        let list = targets.iter().find(|ledger| ledger.tool == LedgerTool::Versions);
        let mut applied: Vec<String> = match (list, targets.first()) {
            (Some(list), _) => list.entries.iter().map(|entry| entry.version.clone()).collect(),
            (None, Some(other)) if !self.is_adopted => {
                return Err(Unadopted { tool: other.tool, place: other.place.clone() });
            }
            (None, Some(_)) => self.ups().map(|standing| standing.version.clone()).collect(),
            (None, None) => Vec::new(),
        };
        for said in self.standings.iter().filter(|standing| standing.source != LedgerSource::Job) {
            let at = applied.iter().position(|version| *version == said.version);
            match (said.direction, at) {
                (Direction::Down, Some(at)) => {
                    applied.remove(at);
                }
                // When it was applied is not known: as early as its version allows.
                (Direction::Up, None) => {
                    let at = applied.iter().position(|version| *version > said.version).unwrap_or(applied.len());
                    applied.insert(at, said.version.clone());
                }
                (Direction::Down, None) | (Direction::Up, Some(_)) => {}
            }
        }
        Ok(applied)
    }

    /// Whether a job that runs a migration adds it to the target's own list; another tool's ledger gets no second one
    /// beside it.
    pub fn writes_to(targets: &[TargetLedger]) -> bool {
        targets.is_empty() || targets.iter().any(|ledger| ledger.tool == LedgerTool::Versions)
    }

    /// Where a version stands.
    pub(super) fn standing(&self, version: &str) -> Option<&Standing> {
        self.standings.iter().find(|standing| standing.version == version)
    }

    /// The versions that stand as applied.
    pub(super) fn ups(&self) -> impl Iterator<Item = &Standing> {
        self.standings.iter().filter(|standing| standing.direction == Direction::Up)
    }
}
