//! What can go wrong between here and the engine, and whether asking again can help.

use std::fmt;
use std::time::Duration;

/// The result of every call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What was asked of the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The HTTP method.
    pub method: &'static str,
    /// The path with its API version, without the query.
    pub path: String,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// A failed call. [`Error::is_transient`] and [`Error::is_outcome_unknown`] tell what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address of the engine cannot be used.
    #[error("the Docker host {host:?} cannot be used: {reason}")]
    Address {
        /// The address as configured.
        host: String,
        /// What is wrong with it.
        reason: String,
    },

    /// A name or reference that the engine would refuse or, worse, misread.
    #[error("{name:?} is not a valid {what}")]
    InvalidName {
        /// "container name", "image reference", …
        what: &'static str,
        /// The name as given.
        name: String,
    },

    /// No connection was made: the engine did not receive the request.
    #[error("{request}: the Docker engine cannot be reached: {reason}")]
    Unreachable {
        /// What was asked.
        request: Request,
        /// Why no connection was made.
        reason: String,
    },

    /// A reading call lost its connection.
    #[error("{request}: the connection to the Docker engine was lost: {reason}")]
    ConnectionLost {
        /// What was asked.
        request: Request,
        /// How it was lost.
        reason: String,
    },

    /// A reading call was not answered in time.
    #[error("{request}: the Docker engine did not answer within {} ms", after.as_millis())]
    TimedOut {
        /// What was asked.
        request: Request,
        /// How long was waited.
        after: Duration,
    },

    /// A changing call was sent and its answer never came: it may or may not have taken effect.
    /// Look before doing anything else.
    #[error("{request}: it is unknown whether the Docker engine did this: {reason}")]
    OutcomeUnknown {
        /// What was asked.
        request: Request,
        /// How the answer was lost.
        reason: String,
    },

    /// The container, image or network does not exist (404).
    #[error("{request}: not found: {message}")]
    NotFound {
        /// What was asked.
        request: Request,
        /// The engine's own words.
        message: String,
    },

    /// Another container has the name (409).
    #[error("{request}: the container name {name:?} is taken: {message}")]
    NameConflict {
        /// What was asked.
        request: Request,
        /// The name that is taken.
        name: String,
        /// The engine's own words.
        message: String,
    },

    /// The object's state does not allow this (409).
    #[error("{request}: conflict: {message}")]
    Conflict {
        /// What was asked.
        request: Request,
        /// The engine's own words.
        message: String,
    },

    /// The engine refused the request (any other 4xx, or an unexpected status).
    #[error("{request}: refused with status {status}: {message}")]
    Rejected {
        /// What was asked.
        request: Request,
        /// The HTTP status.
        status: u16,
        /// The engine's own words.
        message: String,
    },

    /// The engine failed (5xx). A 500 is also how it reports lasting causes such as a port in use.
    #[error("{request}: the Docker engine failed with status {status}: {message}")]
    EngineFailed {
        /// What was asked.
        request: Request,
        /// The HTTP status.
        status: u16,
        /// The engine's own words.
        message: String,
    },

    /// An answer beyond the limit was not read to its end.
    #[error("{request}: the answer is larger than {limit_bytes} bytes")]
    AnswerTooLarge {
        /// What was asked.
        request: Request,
        /// The limit.
        limit_bytes: usize,
    },

    /// An answer that does not mean what the API says it should.
    #[error("{request}: the answer cannot be understood: {reason}")]
    Malformed {
        /// What was asked.
        request: Request,
        /// What is missing or wrong.
        reason: String,
    },

    /// A container that was to become healthy ended instead.
    #[error("container {container} ended with exit code {exit_code}{}; its last output: {log}", engine_words(error))]
    Exited {
        /// Name or id as asked for.
        container: String,
        /// The exit code of its first process.
        exit_code: i64,
        /// The engine's own words, often empty.
        error: String,
        /// Its last log lines.
        log: String,
    },

    /// A container was still starting when the time was over.
    #[error("container {container} was not healthy after {} ms; its last health check said: {last_check}", waited.as_millis())]
    NotHealthyInTime {
        /// Name or id as asked for.
        container: String,
        /// How long was waited.
        waited: Duration,
        /// The output of the last health check, or "nothing".
        last_check: String,
    },

    /// A container cannot be replaced because its inspect lacks what every engine reports.
    #[error("the container cannot be carried over: {0}")]
    CarryOver(String),

    /// The build failed, or its context could not be read.
    #[error("building {tag} failed: {message}")]
    Build {
        /// The tag to be built.
        tag: String,
        /// The engine's own words or the file that could not be read.
        message: String,
    },
}

impl Error {
    /// Asking again, unchanged, may succeed and cannot do the work twice.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::ConnectionLost { .. } | Self::TimedOut { .. } => true,
            Self::EngineFailed { status, .. } => *status != 500,
            Self::Address { .. }
            | Self::InvalidName { .. }
            | Self::OutcomeUnknown { .. }
            | Self::NotFound { .. }
            | Self::NameConflict { .. }
            | Self::Conflict { .. }
            | Self::Rejected { .. }
            | Self::AnswerTooLarge { .. }
            | Self::Malformed { .. }
            | Self::Exited { .. }
            | Self::NotHealthyInTime { .. }
            | Self::CarryOver(_)
            | Self::Build { .. } => false,
        }
    }

    /// The request may have taken effect: probe, then decide.
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(self, Self::OutcomeUnknown { .. })
    }

    /// The object that was named does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }
}

fn engine_words(error: &str) -> String {
    if error.is_empty() { String::new() } else { format!(" ({error})") }
}
