//! What can go wrong between here and the gateway, and whether asking again can help.

use std::path::{Path, PathBuf};

/// The result of every call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// A failed call. Everything that this crate changes may safely be done again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No connection or no answer in time.
    #[error("the gateway at {url} does not answer: {reason}")]
    Unreachable {
        /// Where it was asked.
        url: String,
        /// The cause.
        reason: String,
    },

    /// It answers, and not for this environment.
    #[error("the gateway at {url} does not include {}: it answered {answer}", snippet.display())]
    NotIncluded {
        /// Where it was asked.
        url: String,
        /// The snippet that it should include.
        snippet: PathBuf,
        /// What it answered instead.
        answer: String,
    },

    /// The operator has not put the snippet into the directory, or it is not the one for it.
    #[error("{} is not the snippet that `backout gateway` prints for it", path.display())]
    NoSnippet {
        /// Where it should be.
        path: PathBuf,
    },

    /// A file could not be read or written.
    #[error("cannot {action} {}: {reason}", path.display())]
    File {
        /// What was to be done.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// The cause.
        reason: std::io::Error,
    },

    /// The file was switched, and the gateway does not show it.
    #[error("the gateway at {url} does not follow the switch: it answered {answer}")]
    NotFollowing {
        /// Where it was asked.
        url: String,
        /// What it answered.
        answer: String,
    },
}

impl Error {
    /// Asking again, unchanged, may succeed.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |reason| Self::File { action, path, reason }
    }
}
