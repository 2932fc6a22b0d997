use std::{fmt, path::PathBuf, time::Duration};

use mongodb::error::{Error as DriverError, ErrorKind, WriteFailure};
use sentence::{Sentence, sentence};

/// The result of everything in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why something with a MongoDB server failed. Messages never hold connection strings.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The connection string cannot be used. What it holds is not repeated, since it is secret.
    Address(Sentence),
    /// No server answers, or the connection was lost.
    Unreachable {
        /// What was being done.
        what: Sentence,
        /// Why.
        reason: Sentence,
    },
    /// The server did not answer in time. What was asked may still happen.
    Timeout {
        /// What was being done.
        what: Sentence,
        /// How long was waited.
        after: Duration,
    },
    /// The server refused.
    Server {
        /// What was being done.
        what: Sentence,
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
    Protocol {
        /// What was being done.
        what: Sentence,
        /// What is wrong.
        message: Sentence,
    },
    /// A value that is no canonical extended JSON, or cannot be stored.
    Value {
        /// What the value is for.
        what: Sentence,
        /// What is wrong with it.
        message: Sentence,
    },
    /// Something cannot be done without losing data, so it was not begun.
    Unsafe {
        /// What was asked.
        what: Sentence,
        /// Why it was not done.
        reason: Sentence,
    },
    /// The application changed documents as fast as they were worked on.
    StillChanging {
        /// The collection.
        collection: String,
        /// How often it was tried.
        passes: u32,
    },
    /// A lock is no longer held by whom it should be.
    LockLost {
        /// The lock.
        lock: String,
        /// The fence it was held with.
        fence: i64,
    },
    /// Whoever watches over the work did not let it go on.
    Stopped(Sentence),
    /// A file cannot be read or written.
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not a whole archive of ours.
    Archive {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: Sentence,
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

    /// What went wrong, for a person.
    pub fn sentence(&self) -> Sentence {
        match self {
            Self::Address(reason) => sentence!("the MongoDB connection string cannot be used: {reason}", reason),
            Self::Unreachable { what, reason } => {
                sentence!("{what}: no MongoDB server can be reached: {reason}", what, reason)
            }
            Self::Timeout { what, after } => {
                sentence!("{what}: no answer within {seconds} s", what, seconds = after.as_secs())
            }
            Self::Server { what, code, name, message, .. } => {
                sentence!("{what}: {message} (code {code} {name})", what, message, code, name)
            }
            Self::Protocol { what, message } => sentence!("{what}: {error}", what, error = message),
            Self::Value { what, message } => {
                sentence!("{what}: not a value of MongoDB: {error}", what, error = message)
            }
            Self::Unsafe { what, reason } => sentence!("{what}: {error}", what, error = reason),
            Self::StillChanging { collection, passes } => {
                sentence!("{collection}: documents still change after {passes} passes", collection, passes)
            }
            Self::LockLost { lock, fence } => {
                sentence!("lock {lock} is no longer held with fence {fence}", lock, fence)
            }
            Self::Stopped(reason) => sentence!("stopped: {reason}", reason),
            Self::File { path, source } => {
                sentence!("{path}: {error}", path = path.display().to_string(), error = source.to_string())
            }
            Self::Archive { path, reason } => {
                sentence!("{path}: {error}", path = path.display().to_string(), error = reason)
            }
        }
    }

    pub(crate) fn server(what: &Sentence, code: i32, name: &str, message: &str) -> Self {
        Self::Server { what: what.clone(), code, name: name.into(), message: message.into(), retryable: false }
    }

    pub(crate) fn protocol(what: &Sentence, message: Sentence) -> Self {
        Self::Protocol { what: what.clone(), message }
    }

    /// An answer that a library does not understand, in its words.
    pub(crate) fn unreadable(what: &Sentence, error: &impl fmt::Display) -> Self {
        Self::protocol(what, Sentence::verbatim(error.to_string()))
    }

    pub(crate) fn unsafe_to(what: Sentence, reason: Sentence) -> Self {
        Self::Unsafe { what, reason }
    }

    pub(crate) fn driver(what: &Sentence, error: &DriverError) -> Self {
        let retryable = error.contains_label(mongodb::error::RETRYABLE_WRITE_ERROR)
            || error.contains_label(mongodb::error::TRANSIENT_TRANSACTION_ERROR)
            || error.contains_label(mongodb::error::RETRYABLE_ERROR);
        let refused = |code: i32, name: &str, message: &str| Self::Server {
            what: what.clone(),
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
            | ErrorKind::DnsResolve { .. } => {
                Self::Unreachable { what: what.clone(), reason: Sentence::verbatim(error.kind.to_string()) }
            }
            kind => Self::unreadable(what, kind),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sentence().fmt(formatter)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { source, .. } => Some(source),
            _ => None,
        }
    }
}
