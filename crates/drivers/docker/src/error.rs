//! What can go wrong between here and the engine, and whether asking again can help.

use std::fmt;
use std::time::Duration;

use sentence::{Sentence, ToValue, Value, sentence};

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

impl ToValue for Request {
    fn to_value(&self) -> Value {
        Value::Text(self.to_string())
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// A failed call. [`Error::is_transient`] and [`Error::is_outcome_unknown`] tell what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[error("{}", self.sentence())]
pub enum Error {
    /// The address of the engine cannot be used.
    Address {
        /// The address as configured.
        host: String,
        /// What is wrong with it.
        reason: Sentence,
    },

    /// A name or reference that the engine would refuse or, worse, misread.
    InvalidName {
        /// "container name", "image reference", …
        what: Sentence,
        /// The name as given.
        name: String,
    },

    /// No connection was made: the engine did not receive the request.
    Unreachable {
        /// What was asked.
        request: Request,
        /// Why no connection was made.
        reason: String,
    },

    /// A reading call lost its connection.
    ConnectionLost {
        /// What was asked.
        request: Request,
        /// How it was lost.
        reason: String,
    },

    /// A reading call was not answered in time.
    TimedOut {
        /// What was asked.
        request: Request,
        /// How long was waited.
        after: Duration,
    },

    /// A changing call was sent and its answer never came: it may or may not have taken effect.
    /// Look before doing anything else.
    OutcomeUnknown {
        /// What was asked.
        request: Request,
        /// How the answer was lost.
        reason: Sentence,
    },

    /// The container, image or network does not exist (404).
    NotFound {
        /// What was asked.
        request: Request,
        /// The engine's own words.
        message: Sentence,
    },

    /// Another container has the name (409).
    NameConflict {
        /// What was asked.
        request: Request,
        /// The name that is taken.
        name: String,
        /// The engine's own words.
        message: Sentence,
    },

    /// The object's state does not allow this (409).
    Conflict {
        /// What was asked.
        request: Request,
        /// The engine's own words.
        message: Sentence,
    },

    /// The engine refused the request (any other 4xx, or an unexpected status).
    Rejected {
        /// What was asked.
        request: Request,
        /// The HTTP status.
        status: u16,
        /// The engine's own words.
        message: Sentence,
    },

    /// The engine failed (5xx). A 500 is also how it reports lasting causes such as a port in use.
    EngineFailed {
        /// What was asked.
        request: Request,
        /// The HTTP status.
        status: u16,
        /// The engine's own words.
        message: Sentence,
    },

    /// An answer beyond the limit was not read to its end.
    AnswerTooLarge {
        /// What was asked.
        request: Request,
        /// The limit.
        limit_bytes: usize,
    },

    /// An answer that does not mean what the API says it should.
    Malformed {
        /// What was asked.
        request: Request,
        /// What is missing or wrong.
        reason: String,
    },

    /// A container that was to become healthy ended instead.
    Exited {
        /// Name or id as asked for.
        container: String,
        /// The exit code of its first process.
        exit_code: i64,
        /// The engine's own words, or how often it was restarted; none where there is nothing to say.
        error: Option<Box<Sentence>>,
        /// Its last log lines.
        log: Sentence,
    },

    /// A container was still starting when the time was over.
    NotHealthyInTime {
        /// Name or id as asked for.
        container: String,
        /// How long was waited.
        waited: Duration,
        /// The output of the last health check, or "nothing".
        last_check: Sentence,
    },

    /// A container cannot be replaced because its inspect lacks what every engine reports.
    CarryOver(Sentence),

    /// The build failed, or its context could not be read.
    Build {
        /// The tag to be built.
        tag: String,
        /// The engine's own words or the file that could not be read.
        message: Sentence,
    },
}

impl Error {
    /// What people are told.
    pub fn sentence(&self) -> Sentence {
        match self {
            Self::Address { host, reason } => {
                sentence!("the Docker host \"{host}\" cannot be used: {reason}", host, reason)
            }
            Self::InvalidName { what, name } => sentence!("\"{name}\" is not a valid {what}", name, what),
            Self::Unreachable { request, reason } => {
                sentence!("{request}: the Docker engine cannot be reached: {reason}", request, reason)
            }
            Self::ConnectionLost { request, reason } => {
                sentence!("{request}: the connection to the Docker engine was lost: {reason}", request, reason)
            }
            Self::TimedOut { request, after } => sentence!(
                "{request}: the Docker engine did not answer within {after} ms",
                request,
                after = after.as_millis()
            ),
            Self::OutcomeUnknown { request, reason } => {
                sentence!("{request}: it is unknown whether the Docker engine did this: {reason}", request, reason)
            }
            Self::NotFound { request, message } => sentence!("{request}: not found: {message}", request, message),
            Self::NameConflict { request, name, message } => {
                sentence!("{request}: the container name \"{name}\" is taken: {message}", request, name, message)
            }
            Self::Conflict { request, message } => sentence!("{request}: conflict: {message}", request, message),
            Self::Rejected { request, status, message } => {
                sentence!("{request}: refused with status {status}: {message}", request, status, message)
            }
            Self::EngineFailed { request, status, message } => sentence!(
                "{request}: the Docker engine failed with status {status}: {message}",
                request,
                status,
                message
            ),
            Self::AnswerTooLarge { request, limit_bytes } => {
                sentence!("{request}: the answer is larger than {limit_bytes} bytes", request, limit_bytes)
            }
            Self::Malformed { request, reason } => {
                sentence!("{request}: the answer cannot be understood: {reason}", request, reason)
            }
            Self::Exited { container, exit_code, error: None, log } => sentence!(
                "container {container} ended with exit code {exit_code}; its last output: {log}",
                container,
                exit_code,
                log
            ),
            Self::Exited { container, exit_code, error: Some(error), log } => sentence!(
                "container {container} ended with exit code {exit_code} ({error}); its last output: {log}",
                container,
                exit_code,
                error,
                log
            ),
            Self::NotHealthyInTime { container, waited, last_check } => sentence!(
                "container {container} was not healthy after {waited} ms; its last health check said: {last_check}",
                container,
                waited = waited.as_millis(),
                last_check
            ),
            Self::CarryOver(reason) => sentence!("the container cannot be carried over: {reason}", reason),
            Self::Build { tag, message } => sentence!("building {tag} failed: {message}", tag, message),
        }
    }

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
