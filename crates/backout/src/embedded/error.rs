//! Why the private database server does not work.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// A failure of the private database server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// It is not installed.
    #[error(
        "{program} is not installed; install it (as root: apt-get install mariadb-server, or scripts/setup), \
         or name a MariaDB server in BACKOUT_DATABASE_URL"
    )]
    Missing { program: &'static str },
    /// It is too old, or another product.
    #[error("the control database needs MariaDB {needed} or later, this is {found}")]
    Version { needed: &'static str, found: String },
    /// Its socket could not be connected to.
    #[error(
        "the path of the socket {path} has {} bytes, and unix sockets allow {limit}: choose a shorter data directory",
        path.as_os_str().len()
    )]
    SocketPath { path: PathBuf, limit: usize },
    /// A program of it failed.
    #[error("{program} failed ({status}): {output}")]
    Program { program: &'static str, status: String, output: String },
    /// It ends again and again.
    #[error("the private MariaDB does not start ({reason}); the end of {log}:\n{tail}")]
    DoesNotStart { reason: String, log: PathBuf, tail: String },
    /// It does not answer.
    #[error("the private MariaDB did not answer within {} s; the end of {log}:\n{tail}", within.as_secs())]
    Silent { within: Duration, log: PathBuf, tail: String },
    /// No server of ours runs here.
    #[error("the data directory {0} has no database yet: `backout serve` makes it")]
    NotThere(PathBuf),
    /// The operating system says no.
    #[error("cannot {doing} {path}: {source}")]
    Io {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// For `map_err`.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }
}
