//! What can go wrong in a step and in the journal.

use domain::ids::JobId;
use sentence::Sentence;
use serde::{Deserialize, Serialize};

/// How a step's error is to be treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// Something did not answer; the step is probed and tried again within its deadline.
    Transient,
    /// Trying again would not help.
    Permanent,
    /// The world is not the one that was planned for.
    WorldChanged,
    /// It cannot be told whether the effect is there; a person has to look.
    Unknown,
    /// The worker lost its lease; nothing more may be done.
    FenceLost,
}

/// Why a step gave up. The message goes to people, so it never carries a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{message}")]
pub struct StepError {
    /// How it is to be treated.
    pub kind: ErrorKind,
    /// What happened, to what, and why.
    pub message: Sentence,
    /// The next command for a person, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl StepError {
    /// An error of that kind.
    pub fn new(kind: ErrorKind, message: impl Into<Sentence>) -> Self {
        Self { kind, message: message.into(), hint: None }
    }

    /// Something did not answer.
    pub fn transient(message: impl Into<Sentence>) -> Self {
        Self::new(ErrorKind::Transient, message)
    }

    /// Trying again would not help.
    pub fn permanent(message: impl Into<Sentence>) -> Self {
        Self::new(ErrorKind::Permanent, message)
    }

    /// It cannot be told whether the effect is there.
    pub fn unknown(message: impl Into<Sentence>) -> Self {
        Self::new(ErrorKind::Unknown, message)
    }

    /// The same error with the next command for a person.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<JournalError> for StepError {
    fn from(error: JournalError) -> Self {
        let kind = match &error {
            JournalError::FenceLost { .. } => ErrorKind::FenceLost,
            JournalError::Unavailable(_) => ErrorKind::Transient,
            JournalError::Illegal(_) | JournalError::Corrupt(_) => ErrorKind::Permanent,
        };
        Self::new(kind, error.to_string())
    }
}

/// Why the journal refused or could not take a write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// Another worker claimed the job since.
    #[error("another worker has taken job {job} over (fence {fence} is no longer valid)")]
    FenceLost {
        /// The job.
        job: JobId,
        /// The fence of the lost claim.
        fence: u64,
    },
    /// The control database does not answer.
    #[error("the control database does not answer: {0}")]
    Unavailable(String),
    /// The state machine forbids the write.
    #[error("{0}")]
    Illegal(String),
    /// What is stored cannot be read.
    #[error("the journal cannot be read: {0}")]
    Corrupt(String),
}

/// Why a worker let go of a job that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Abandoned {
    /// Another worker has it.
    #[error("the job's lease was lost to another worker")]
    FenceLost,
    /// The journal failed for longer than the worker waits; whoever claims the job next goes on.
    #[error("the journal could not be written: {0}")]
    Journal(JournalError),
}

impl From<JournalError> for Abandoned {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::FenceLost { .. } => Self::FenceLost,
            other => Self::Journal(other),
        }
    }
}
