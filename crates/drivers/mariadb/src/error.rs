//! What can go wrong, and whether trying again may help.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::mysql::MySqlDatabaseError;

use crate::ledger::LedgerForm;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure of the target or of the tools that work on it. No message holds the password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The connection string is unusable. It is not quoted, since it holds the password.
    #[error("the connection string of the database is not usable: {reason}")]
    InvalidUrl {
        /// What is wrong with it.
        reason: String,
    },
    /// The server could not be reached.
    #[error("cannot connect to MariaDB at {address}: {reason}")]
    Unreachable {
        /// Host and port, or the socket.
        address: String,
        /// What the operating system says.
        reason: String,
    },
    /// The connection ended. Whether the statement took effect is not known.
    #[error("the connection to MariaDB was lost while {doing}: {reason}")]
    ConnectionLost {
        /// What was going on.
        doing: String,
        /// What is known about it.
        reason: String,
    },
    /// The server did not answer in time; the connection was closed. The statement may still run.
    #[error("MariaDB did not answer within {} s while {doing}", limit.as_secs())]
    Timeout {
        /// What was going on.
        doing: String,
        /// How long it was waited for.
        limit: Duration,
    },
    /// The server refused a statement.
    #[error("MariaDB refused while {doing}: error {code}: {message}")]
    Server {
        /// What was going on.
        doing: String,
        /// MariaDB's error number.
        code: u16,
        /// The server's message.
        message: String,
    },
    /// The server's answer was not understood.
    #[error("MariaDB's answer was not understood while {doing}: {reason}")]
    Protocol {
        /// What was going on.
        doing: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A result is larger than it may be.
    #[error("a result of more than {limit} rows came while {doing}")]
    TooManyRows {
        /// What was going on.
        doing: String,
        /// The most rows allowed.
        limit: usize,
    },
    /// Another connection holds the lock.
    #[error("the lock {name:?} was not free within {} s (held by connection {holder:?})", wait.as_secs())]
    LockHeld {
        /// The lock, as the server knows it.
        name: String,
        /// The holder's connection id, where it still held the lock when asked.
        holder: Option<u64>,
        /// How long it was waited for.
        wait: Duration,
    },
    /// This connection does not hold the lock that it relies on.
    #[error("the lock {name:?} is not ours (held by connection {holder:?})")]
    LockNotOurs {
        /// The lock, as the server knows it.
        name: String,
        /// The holder's connection id, or `None` where nobody holds it.
        holder: Option<u64>,
    },
    /// A killed connection has not ended in time.
    #[error("connection {connection_id} was killed but had not ended after {} s", waited.as_secs())]
    StillRunning {
        /// The connection.
        connection_id: u64,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The ledger belongs to another tool.
    #[error("the ledger {table} has the form of {form} and is only read, never written")]
    LedgerReadOnly {
        /// The ledger's table.
        table: String,
        /// Its form.
        form: LedgerForm,
    },
    /// A version is in the ledger after it was removed.
    #[error("version {version} is still in the ledger {table} after its removal")]
    LedgerNotRemoved {
        /// The ledger's table.
        table: String,
        /// The version.
        version: String,
    },
    /// `mariadb-dump` or `mariadb` failed.
    #[error("{tool} failed ({status}): {stderr}")]
    Tool {
        /// The tool.
        tool: &'static str,
        /// How it ended.
        status: String,
        /// The end of what it said.
        stderr: String,
    },
    /// A dump cannot be trusted.
    #[error("the dump {path} cannot be used: {reason}")]
    DumpUnusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file operation failed.
    #[error("cannot {doing} {path}: {source}")]
    Io {
        /// What was going on.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
}

impl Error {
    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } | Self::LockHeld { .. } | Self::StillRunning { .. } => true,
            // Lock wait timeout, deadlock, too many connections (of all, of the user).
            Self::Server { code, .. } => matches!(code, 1205 | 1213 | 1040 | 1203) || self.is_connection_lost(),
            _ => self.is_connection_lost(),
        }
    }

    /// Whether the session is gone, so that its lock is gone and its last statement is unproven.
    pub fn is_connection_lost(&self) -> bool {
        match self {
            Self::ConnectionLost { .. } | Self::Timeout { .. } => true,
            // Shutdown, killed, aborted, broken packets, idle too long.
            Self::Server { code, .. } => {
                matches!(code, 1053 | 1077 | 1152 | 1158..=1161 | 1184 | 1927 | 4031)
            }
            _ => false,
        }
    }

    /// MariaDB's error number, where the server gave one.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Server { code, .. } => Some(*code),
            _ => None,
        }
    }

    pub(crate) fn io(doing: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io { doing, path: path.to_owned(), source }
    }

    pub(crate) fn protocol(doing: &str, reason: impl Into<String>) -> Self {
        Self::Protocol { doing: doing.to_owned(), reason: reason.into() }
    }

    /// Translates an error of the client library; `redact` hides the password in what it says.
    pub(crate) fn from_sqlx(error: &sqlx::Error, doing: &str, redact: impl Fn(String) -> String) -> Self {
        let doing = doing.to_owned();
        match error {
            sqlx::Error::Database(database) => {
                let code = database.try_downcast_ref::<MySqlDatabaseError>().map_or(0, MySqlDatabaseError::number);
                Self::Server { doing, code, message: redact(database.message().to_owned()) }
            }
            sqlx::Error::Io(io) => Self::ConnectionLost { doing, reason: redact(io.to_string()) },
            other => Self::Protocol { doing, reason: redact(other.to_string()) },
        }
    }
}
