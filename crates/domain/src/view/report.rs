//! What a job did, with all that belongs to it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{BackupView, JobView};
use crate::ledger::Direction;

/// A job with its statements and backups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobReport {
    /// The job, with its steps and its plan.
    pub job: JobView,
    /// The statements that it ran, in the order in which they were begun; at most ten thousand.
    pub statements: Vec<StatementView>,
    /// The backups that it made.
    pub backups: Vec<BackupView>,
}

/// A statement as the journal has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatementView {
    /// Number of the step.
    pub step: u32,
    /// Whether it ran to take the step back.
    pub undo: bool,
    /// Version of the migration.
    pub migration: String,
    /// Which of its scripts.
    pub direction: Direction,
    /// Number within the script, from 0; the one behind the last stands for the ledger's entry.
    pub index: u32,
    /// When it was begun.
    pub begun_at: DateTime<Utc>,
    /// When it was done; none where that is not known.
    pub done_at: Option<DateTime<Utc>>,
    /// Rows or documents that it changed or put aside.
    pub affected: Option<u64>,
}
