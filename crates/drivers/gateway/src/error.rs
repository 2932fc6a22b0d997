//! What can go wrong between here and the gateway, and whether asking again can help.

use std::path::PathBuf;

use sentence::{Sentence, sentence};

/// The result of every call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// A failed call. Everything that this crate changes may safely be done again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[error("{}", self.sentence())]
pub enum Error {
    /// No connection or no answer in time.
    Unreachable {
        /// Where it was asked.
        url: String,
        /// The cause.
        reason: Sentence,
    },

    /// It answers, and not for this environment.
    NotIncluded {
        /// Where it was asked.
        url: String,
        /// The snippet that it should include.
        snippet: PathBuf,
        /// What it answered instead.
        answer: String,
    },

    /// The operator has not put the snippet into the directory, or it is not the one for it.
    NoSnippet {
        /// Where it should be.
        path: PathBuf,
    },

    /// A file could not be read or written.
    File {
        /// What could not be done, and with which file.
        what: Sentence,
        /// The cause.
        reason: std::io::Error,
    },

    /// The file was switched, and the gateway does not show it.
    NotFollowing {
        /// Where it was asked.
        url: String,
        /// What it answered.
        answer: String,
    },
}

impl Error {
    /// What people are told.
    pub fn sentence(&self) -> Sentence {
        match self {
            Self::Unreachable { url, reason } => {
                sentence!("the gateway at {url} does not answer: {reason}", url, reason)
            }
            Self::NotIncluded { url, snippet, answer } => {
                sentence!("the gateway at {url} does not include {snippet}: it answered {answer}", url, snippet, answer)
            }
            Self::NoSnippet { path } => {
                sentence!("{path} is not the snippet that `backout gateway` prints for it", path)
            }
            Self::File { what, reason } => sentence!("{what}: {error}", what, error = reason),
            Self::NotFollowing { url, answer } => {
                sentence!("the gateway at {url} does not follow the switch: it answered {answer}", url, answer)
            }
        }
    }

    /// Asking again, unchanged, may succeed.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    pub(crate) fn file(what: Sentence) -> impl FnOnce(std::io::Error) -> Self {
        move |reason| Self::File { what, reason }
    }
}
