//! Why the private database server does not work.

use std::path::PathBuf;
use std::time::Duration;

use sentence::{Sentence, sentence};

use crate::io_error::IoError;

/// A failure of the private database server.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.sentence())]
pub(crate) enum Error {
    /// It is not installed.
    Missing { program: &'static str },
    /// It is too old, or another product.
    Version { needed: &'static str, found: String },
    /// Its socket could not be connected to.
    SocketPath { path: PathBuf, limit: usize },
    /// A program of it failed.
    Program { program: &'static str, status: Sentence, output: String },
    /// It ends again and again.
    DoesNotStart { reason: Sentence, log: PathBuf, tail: String },
    /// It does not answer.
    Silent { within: Duration, log: PathBuf, tail: String },
    /// The server ended before it could be watched.
    EndedAtOnce(PathBuf),
    /// No server of ours runs here.
    NotThere(PathBuf),
    /// The operating system says no.
    Io(#[from] IoError),
}

pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// What people are told.
    pub(crate) fn sentence(&self) -> Sentence {
        match self {
            Self::Missing { program } => sentence!(
                "{program} is not installed; install it (as root: apt-get install mariadb-server, or scripts/setup), \
                 or name a MariaDB server in BACKOUT_DATABASE_URL",
                program
            ),
            Self::Version { needed, found } => {
                sentence!("the control database needs MariaDB {needed} or later, this is {found}", needed, found)
            }
            Self::SocketPath { path, limit } => sentence!(
                "the path of the socket {path} has {length} bytes, and unix sockets allow {limit}: \
                 choose a shorter data directory",
                path,
                length = path.as_os_str().len(),
                limit
            ),
            Self::Program { program, status, output } => {
                sentence!("{program} failed ({status}): {output}", program, status, output)
            }
            Self::DoesNotStart { reason, log, tail } => sentence!(
                "the private MariaDB does not start ({reason}); the end of {log}:{tail}",
                reason,
                log,
                tail = on_lines_of_its_own(tail)
            ),
            Self::Silent { within, log, tail } => sentence!(
                "the private MariaDB did not answer within {seconds} s; the end of {log}:{tail}",
                seconds = within.as_secs(),
                log,
                tail = on_lines_of_its_own(tail)
            ),
            Self::EndedAtOnce(path) => sentence!("cannot run {path}: it ended at once", path),
            Self::NotThere(path) => {
                sentence!("the data directory {path} has no database yet: `backout serve` makes it", path)
            }
            Self::Io(error) => error.sentence(),
        }
    }
}

fn on_lines_of_its_own(tail: &str) -> String {
    format!("\n{tail}")
}
