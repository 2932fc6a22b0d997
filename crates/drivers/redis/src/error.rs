//! What can go wrong between here and Redis, and whether asking again can help.

use std::time::Duration;

use redis::{ErrorKind, RedisError, ServerErrorKind};
use sentence::{Sentence, sentence};

/// The result of every call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// A failed call. Everything that this crate changes may safely be done again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[error("{}", self.sentence())]
pub enum Error {
    /// The URL cannot be used. It is not shown, since it may hold a password.
    Address {
        /// What is wrong with it.
        reason: String,
    },

    /// A pattern that matches more than anybody asked for.
    PatternRefused {
        /// The pattern as given.
        pattern: String,
        /// Why.
        reason: Sentence,
    },

    /// Keys of a cluster lie on many servers, and a scan would see those of one.
    Cluster {
        /// What was to be done.
        action: Sentence,
        /// Host and port.
        address: String,
    },

    /// No connection, a lost one, or no answer in time.
    Unreachable {
        /// What was to be done.
        action: Sentence,
        /// Host and port.
        address: String,
        /// The cause.
        reason: String,
    },

    /// Redis answered, but cannot serve now: it is loading, failing over, or a replica meanwhile.
    Unavailable {
        /// What was to be done.
        action: Sentence,
        /// Host and port.
        address: String,
        /// The server's own words.
        message: String,
    },

    /// Redis refused: wrong password, missing permission, a wrong command.
    Refused {
        /// What was to be done.
        action: Sentence,
        /// Host and port.
        address: String,
        /// The server's own words.
        message: String,
    },

    /// The scan was not through when its time was over. Going on means starting again, with fewer keys.
    OutOfTime {
        /// The time it had.
        after: Duration,
        /// Keys removed until then.
        removed: u64,
    },
}

impl Error {
    /// What people are told.
    pub fn sentence(&self) -> Sentence {
        match self {
            Self::Address { reason } => sentence!("the Redis URL cannot be used: {reason}", reason),
            Self::PatternRefused { pattern, reason } => {
                sentence!("the key pattern \"{pattern}\" is refused: {reason}", pattern, reason)
            }
            Self::Cluster { action, address } => sentence!(
                "{action}: {address} is part of a Redis cluster, of which only one server would be scanned",
                action,
                address
            ),
            Self::Unreachable { action, address, reason } => {
                sentence!("{action}: Redis at {address} cannot be reached: {reason}", action, address, reason)
            }
            Self::Unavailable { action, address, message } => {
                sentence!("{action}: Redis at {address} cannot serve now: {message}", action, address, message)
            }
            Self::Refused { action, address, message } => {
                sentence!("{action}: Redis at {address} refused: {message}", action, address, message)
            }
            Self::OutOfTime { after, removed } => sentence!(
                "flushing keys was not finished within {after} ms; {removed} keys were removed",
                after = after.as_millis(),
                removed
            ),
        }
    }

    /// Asking again, unchanged, may succeed.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Unavailable { .. } | Self::OutOfTime { .. } => true,
            Self::Address { .. } | Self::PatternRefused { .. } | Self::Cluster { .. } | Self::Refused { .. } => false,
        }
    }

    pub(crate) fn of(action: Sentence, address: &str, error: &RedisError) -> Self {
        let address = address.to_owned();
        let message = error.to_string();
        match error.kind() {
            ErrorKind::Io => Self::Unreachable { action, address, reason: message },
            ErrorKind::Server(
                ServerErrorKind::BusyLoading
                | ServerErrorKind::MasterDown
                | ServerErrorKind::TryAgain
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::ReadOnly,
            ) => Self::Unavailable { action, address, message },
            _ => Self::Refused { action, address, message },
        }
    }
}
