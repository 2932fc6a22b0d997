//! Ledgers that a data store has of its own, whichever tool writes them. They are read as they are; only the plain list of
//! versions is ever written.

use chrono::{DateTime, Utc};
use sentence::Sentence;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::deployment::words;

/// Whose ledger it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LedgerTool {
    /// One row or document a version: dbmate's, and the one that Backout keeps for the application.
    Versions,
    /// golang-migrate.
    GolangMigrate,
    /// Flyway.
    Flyway,
    /// Alembic.
    Alembic,
    /// Liquibase.
    Liquibase,
    /// Atlas.
    Atlas,
    /// sqlx.
    Sqlx,
    /// migrate-mongo.
    MigrateMongo,
}

words!(LedgerTool {
    Versions = "versions",
    GolangMigrate = "golang_migrate",
    Flyway = "flyway",
    Alembic = "alembic",
    Liquibase = "liquibase",
    Atlas = "atlas",
    Sqlx = "sqlx",
    MigrateMongo = "migrate_mongo",
});

impl LedgerTool {
    /// The tool's name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Versions => "versions",
            Self::GolangMigrate => "golang-migrate",
            Self::Flyway => "Flyway",
            Self::Alembic => "Alembic",
            Self::Liquibase => "Liquibase",
            Self::Atlas => "Atlas",
            Self::Sqlx => "sqlx",
            Self::MigrateMongo => "migrate-mongo",
        }
    }

    /// Whether its entries are all migrations that were applied, and not just the newest.
    pub fn lists_all(self) -> bool {
        !matches!(self, Self::GolangMigrate | Self::Alembic)
    }
}

/// How far a migration is, as its tool says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntryState {
    /// It was applied, or marked as applied.
    Applied,
    /// It was begun and has failed, or never came to its end.
    Unfinished,
}

/// A migration in a target's ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TargetEntry {
    /// What the tool knows it by, unique in the ledger.
    pub id: String,
    /// Its version, as a registered migration would have it.
    pub version: String,
    /// Its name or description.
    pub name: Option<String>,
    /// When it was applied.
    pub applied_at: Option<DateTime<Utc>>,
    /// The tool's checksum of its script, as text.
    pub checksum: Option<String>,
    /// How far it is.
    pub state: EntryState,
    /// What the tool says about a migration that is not finished, or how it came to count as applied.
    #[schema(value_type = Option<String>)]
    pub detail: Option<Sentence>,
}

/// The lock row or document of a tool, left there by a process that runs or has died.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LedgerLock {
    /// Who took it, as the tool says.
    pub by: Option<String>,
    /// Since when.
    pub since: Option<DateTime<Utc>>,
}

/// A ledger as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TargetLedger {
    /// Whose it is.
    pub tool: LedgerTool,
    /// Its table or collection.
    pub place: String,
    /// What is in it, in applied order where that is known.
    pub entries: Vec<TargetEntry>,
    /// The tool's lock, where it is taken.
    pub lock: Option<LedgerLock>,
}

impl TargetLedger {
    /// The entry with that id.
    pub(super) fn entry(&self, id: &str) -> Option<&TargetEntry> {
        self.entries.iter().find(|entry| entry.id == id)
    }
}

/// Whether two versions are the same to tools that read them as numbers: `001` is `1`, and `1_2` is `1.2`.
pub(super) fn is_same_version(one: &str, other: &str) -> bool {
    one == other || numbers(one).is_some_and(|one| Some(one) == numbers(other))
}

/// The numbers of a version without leading zeros; none where it is not made of numbers.
fn numbers(version: &str) -> Option<Vec<&str>> {
    let mut numbers = Vec::new();
    for part in version.split(['.', '_']) {
        if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        numbers.push(part.trim_start_matches('0'));
    }
    while numbers.last().is_some_and(|last| last.is_empty()) && numbers.len() > 1 {
        numbers.pop();
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_differ_in_zeros_and_separators_only_are_the_same() {
        for (one, other) in [("001", "1"), ("1_2", "1.02"), ("1.0", "1"), ("a1", "a1"), ("0", "00")] {
            assert!(is_same_version(one, other), "{one} {other}");
        }
        for (one, other) in [("10", "1"), ("1.2", "12"), ("a1", "a01"), ("", "0"), ("1.0.1", "1.1")] {
            assert!(!is_same_version(one, other), "{one} {other}");
        }
    }
}
