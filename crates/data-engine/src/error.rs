//! What can go wrong with a data store.

use domain::ledger::Unadopted;
use saga::StepError;
use sentence::{Sentence, sentence};

/// The result of this crate's questions to a data store.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure of the data store. No message holds a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// MariaDB, or a tool that works on it, failed.
    #[error(transparent)]
    MariaDb(#[from] driver_mariadb::Error),
    /// MongoDB failed.
    #[error(transparent)]
    MongoDb(#[from] driver_mongodb::Error),
    /// A database that is there already, and was to be made.
    #[error("{}", crate::restore::occupied(.0))]
    Occupied(String),
    /// What was put aside is not where it was put.
    #[error("the copy {place} is missing")]
    Gone {
        /// Where it was.
        place: String,
    },
    /// Only another tool's ledger could tell what is applied.
    #[error("{}", .0.sentence())]
    Unadopted(Unadopted),
}

impl From<Unadopted> for Error {
    fn from(unadopted: Unadopted) -> Self {
        Self::Unadopted(unadopted)
    }
}

impl Error {
    /// What went wrong, for a person.
    pub fn sentence(&self) -> Sentence {
        match self {
            Self::MariaDb(error) => error.sentence(),
            Self::MongoDb(error) => error.sentence(),
            Self::Occupied(database) => crate::restore::occupied(database),
            Self::Gone { place } => sentence!("the copy {copy} is missing", copy = place),
            Self::Unadopted(unadopted) => unadopted.sentence(),
        }
    }

    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::MariaDb(error) => error.is_transient(),
            Self::MongoDb(error) => error.is_transient(),
            Self::Gone { .. } | Self::Occupied(_) | Self::Unadopted(_) => false,
        }
    }
}

impl From<Error> for StepError {
    fn from(error: Error) -> Self {
        if error.is_transient() { Self::transient(error.sentence()) } else { Self::permanent(error.sentence()) }
    }
}
