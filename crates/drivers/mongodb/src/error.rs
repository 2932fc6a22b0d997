use std::{path::PathBuf, time::Duration};

use mongodb::error::{Error as DriverError, ErrorKind, WriteFailure};

/// The result of everything in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why something with a MongoDB server failed. Messages never hold connection strings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The connection string cannot be used. What it holds is not repeated, since it is secret.
    #[error("the MongoDB connection string cannot be used: {0}")]
    Address(&'static str),
    /// No server answers, or the connection was lost.
    #[error("{what}: no MongoDB server can be reached: {reason}")]
    Unreachable {
        /// What was being done.
        what: String,
        /// Why.
        reason: String,
    },
    /// The server did not answer in time. What was asked may still happen.
    #[error("{what}: no answer within {} s", .after.as_secs())]
    Timeout {
        /// What was being done.
        what: String,
        /// How long was waited.
        after: Duration,
    },
    /// The server refused.
    #[error("{what}: {message} (code {code} {name})")]
    Server {
        /// What was being done.
        what: String,
        /// The server's error code.
        code: i32,
        /// The server's name for the code.
        name: String,
        /// What the server said.
        message: String,
        /// Whether the server says that trying again may help.
        retryable: bool,
    },
    /// The driver or the server's answer made no sense of it.
    #[error("{what}: {message}")]
    Protocol {
        /// What was being done.
        what: String,
        /// What is wrong.
        message: String,
    },
    /// A value that is no canonical extended JSON, or cannot be stored.
    #[error("{what}: not a value of MongoDB: {message}")]
    Value {
        /// What the value is for.
        what: String,
        /// What is wrong with it.
        message: String,
    },
    /// Something cannot be done without losing data, so it was not begun.
    #[error("{what}: {reason}")]
    Unsafe {
        /// What was asked.
        what: String,
        /// Why it was not done.
        reason: String,
    },
    /// The application changed documents as fast as they were worked on.
    #[error("{collection}: documents still change after {passes} passes")]
    StillChanging {
        /// The collection.
        collection: String,
        /// How often it was tried.
        passes: u32,
    },
    /// A lock is no longer held by whom it should be.
    #[error("lock {lock} is no longer held with fence {fence}")]
    LockLost {
        /// The lock.
        lock: String,
        /// The fence it was held with.
        fence: i64,
    },
    /// Whoever watches over the work did not let it go on.
    #[error("stopped: {0}")]
    Stopped(String),
    /// A file cannot be read or written.
    #[error("{}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not a whole archive of ours.
    #[error("{}: {reason}", .path.display())]
    Archive {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// Codes after which the same command may work: elections, shutdowns, network errors, overload.
const TRANSIENT_CODES: [i32; 15] = [6, 7, 24, 50, 89, 91, 112, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436];

impl Error {
    /// Whether trying again may help without anything else changing. A command that timed out or
    /// lost its connection may have been carried out.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } | Self::StillChanging { .. } => true,
            Self::Server { code, retryable, .. } => *retryable || TRANSIENT_CODES.contains(code),
            Self::Address(_)
            | Self::Protocol { .. }
            | Self::Value { .. }
            | Self::Unsafe { .. }
            | Self::LockLost { .. }
            | Self::Stopped(_)
            | Self::File { .. }
            | Self::Archive { .. } => false,
        }
    }

    /// The server's error code, if the server refused.
    pub fn code(&self) -> Option<i32> {
        match self {
            Self::Server { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// The server's name for its error code, such as `IndexNotFound`.
    pub fn code_name(&self) -> Option<&str> {
        match self {
            Self::Server { name, .. } if !name.is_empty() => Some(name),
            _ => None,
        }
    }

    pub(crate) fn server(what: &str, code: i32, name: &str, message: &str) -> Self {
        Self::Server { what: what.into(), code, name: name.into(), message: message.into(), retryable: false }
    }

    pub(crate) fn protocol(what: &str, message: impl Into<String>) -> Self {
        Self::Protocol { what: what.into(), message: message.into() }
    }

    pub(crate) fn unsafe_to(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Unsafe { what: what.into(), reason: reason.into() }
    }

    pub(crate) fn driver(what: &str, error: &DriverError) -> Self {
        let retryable = error.contains_label(mongodb::error::RETRYABLE_WRITE_ERROR)
            || error.contains_label(mongodb::error::TRANSIENT_TRANSACTION_ERROR)
            || error.contains_label(mongodb::error::RETRYABLE_ERROR);
        let refused = |code: i32, name: &str, message: &str| Self::Server {
            what: what.into(),
            code,
            name: name.into(),
            message: message.into(),
            retryable,
        };
        match error.kind.as_ref() {
            ErrorKind::Command(command) => refused(command.code, &command.code_name, &command.message),
            ErrorKind::Write(WriteFailure::WriteError(failure)) => {
                refused(failure.code, failure.code_name.as_deref().unwrap_or_default(), &failure.message)
            }
            ErrorKind::Write(WriteFailure::WriteConcernError(failure)) => {
                refused(failure.code, &failure.code_name, &failure.message)
            }
            ErrorKind::Authentication { message, .. } => refused(18, "AuthenticationFailed", message),
            ErrorKind::Io(_)
            | ErrorKind::ServerSelection { .. }
            | ErrorKind::ConnectionPoolCleared { .. }
            | ErrorKind::DnsResolve { .. } => Self::Unreachable { what: what.into(), reason: error.kind.to_string() },
            kind => Self::protocol(what, kind.to_string()),
        }
    }
}
