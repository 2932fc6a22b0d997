//! What can go wrong in a step and in the journal.

use domain::ids::JobId;
use sentence::{Sentence, sentence};
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
    pub hint: Option<Sentence>,
}

impl StepError {
    /// An error of that kind.
    pub fn new(kind: ErrorKind, message: Sentence) -> Self {
        Self { kind, message, hint: None }
    }

    /// Something did not answer.
    pub fn transient(message: Sentence) -> Self {
        Self::new(ErrorKind::Transient, message)
    }

    /// Trying again would not help.
    pub fn permanent(message: Sentence) -> Self {
        Self::new(ErrorKind::Permanent, message)
    }

    /// It cannot be told whether the effect is there.
    pub fn unknown(message: Sentence) -> Self {
        Self::new(ErrorKind::Unknown, message)
    }

    /// The same error with the next command for a person.
    #[must_use]
    pub fn with_command(self, command: impl Into<String>) -> Self {
        self.with_hint(Sentence::verbatim(command))
    }

    /// The same error with what a person can do next, where that is no command.
    #[must_use]
    pub fn with_hint(mut self, hint: Sentence) -> Self {
        self.hint = Some(hint);
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
        Self::new(kind, error.sentence())
    }
}

/// Why the journal refused or could not take a write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub enum JournalError {
    /// Another worker claimed the job since.
    FenceLost {
        /// The job.
        job: JobId,
        /// The fence of the lost claim.
        fence: u64,
    },
    /// The control database does not answer, and why.
    Unavailable(Sentence),
    /// The state machine forbids the write.
    Illegal(Sentence),
    /// What is stored cannot be read, and why.
    Corrupt(Sentence),
}

impl JournalError {
    /// What people are told.
    pub fn sentence(&self) -> Sentence {
        match self {
            Self::FenceLost { job, fence } => {
                sentence!("another worker has taken job {job} over (fence {fence} is no longer valid)", job, fence)
            }
            Self::Unavailable(reason) => sentence!("the control database does not answer: {reason}", reason),
            Self::Illegal(why) => why.clone(),
            Self::Corrupt(reason) => sentence!("the journal cannot be read: {reason}", reason),
        }
    }
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
