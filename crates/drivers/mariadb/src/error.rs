//! What can go wrong, and whether trying again may help.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use sentence::{Sentence, sentence};
use sqlx::mysql::MySqlDatabaseError;

use crate::ledger::LedgerForm;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure of the target or of the tools that work on it. No message holds the password.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The connection string is unusable. It is not quoted, since it holds the password.
    InvalidUrl {
        /// What is wrong with it.
        reason: Sentence,
    },
    /// The server could not be reached.
    Unreachable {
        /// Host and port, or the socket.
        address: String,
        /// What the operating system says.
        reason: Sentence,
    },
    /// The connection ended. Whether the statement took effect is not known.
    ConnectionLost {
        /// What was going on.
        doing: Sentence,
        /// What is known about it.
        reason: Sentence,
    },
    /// The server did not answer in time; the connection was closed. The statement may still run.
    Timeout {
        /// What was going on.
        doing: Sentence,
        /// How long it was waited for.
        limit: Duration,
    },
    /// The server refused a statement.
    Server {
        /// What was going on.
        doing: Sentence,
        /// MariaDB's error number.
        code: u16,
        /// The server's message.
        message: String,
    },
    /// The server's answer was not understood.
    Protocol {
        /// What was going on.
        doing: Sentence,
        /// What is wrong with it.
        reason: Sentence,
    },
    /// A result is larger than it may be.
    TooManyRows {
        /// What was going on.
        doing: Sentence,
        /// The most rows allowed.
        limit: usize,
    },
    /// Another connection holds the lock.
    LockHeld {
        /// The lock, as the server knows it.
        name: String,
        /// The holder's connection id, where it still held the lock when asked.
        holder: Option<u64>,
        /// How long it was waited for.
        wait: Duration,
    },
    /// This connection does not hold the lock that it relies on.
    LockNotOurs {
        /// The lock, as the server knows it.
        name: String,
        /// The holder's connection id, or `None` where nobody holds it.
        holder: Option<u64>,
    },
    /// A killed connection has not ended in time.
    StillRunning {
        /// The connection.
        connection_id: u64,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The ledger belongs to another tool.
    LedgerReadOnly {
        /// The ledger's table.
        table: String,
        /// Its form.
        form: LedgerForm,
    },
    /// A version is in the ledger after it was removed.
    LedgerNotRemoved {
        /// The ledger's table.
        table: String,
        /// The version.
        version: String,
    },
    /// `mariadb-dump` or `mariadb` failed.
    Tool {
        /// The tool.
        tool: &'static str,
        /// How it ended.
        status: Sentence,
        /// The end of what it said.
        stderr: String,
    },
    /// A dump cannot be trusted.
    DumpUnusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: Sentence,
    },
    /// A file operation failed.
    Io {
        /// What cannot be done with which file.
        failed: Sentence,
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

    /// What went wrong, for a person.
    pub fn sentence(&self) -> Sentence {
        match self {
            Self::InvalidUrl { reason } => {
                sentence!("the connection string of the database is not usable: {reason}", reason)
            }
            Self::Unreachable { address, reason } => {
                sentence!("cannot connect to MariaDB at {address}: {reason}", address, reason)
            }
            Self::ConnectionLost { doing, reason } => {
                sentence!("the connection to MariaDB was lost while {doing}: {reason}", doing, reason)
            }
            Self::Timeout { doing, limit } => {
                sentence!("MariaDB did not answer within {seconds} s while {doing}", seconds = limit.as_secs(), doing)
            }
            Self::Server { doing, code, message } => {
                sentence!("MariaDB refused while {doing}: error {code}: {message}", doing, code, message)
            }
            Self::Protocol { doing, reason } => {
                sentence!("MariaDB's answer was not understood while {doing}: {reason}", doing, reason)
            }
            Self::TooManyRows { doing, limit } => {
                sentence!("a result of more than {limit} rows came while {doing}", limit, doing)
            }
            Self::LockHeld { name, holder, wait } => sentence!(
                "the lock \"{name}\" was not free within {seconds} s ({holder})",
                name,
                seconds = wait.as_secs(),
                holder = held_by(*holder)
            ),
            Self::LockNotOurs { name, holder } => {
                sentence!("the lock \"{name}\" is not ours ({holder})", name, holder = held_by(*holder))
            }
            Self::StillRunning { connection_id, waited } => sentence!(
                "connection {connection} was killed but had not ended after {seconds} s",
                connection = connection_id,
                seconds = waited.as_secs()
            ),
            Self::LedgerReadOnly { table, form } => sentence!(
                "the ledger {table} has the form of {form} and is only read, never written",
                table,
                form = form.sentence()
            ),
            Self::LedgerNotRemoved { table, version } => {
                sentence!("version {version} is still in the ledger {table} after its removal", version, table)
            }
            Self::Tool { tool, status, stderr } => {
                sentence!("{tool} failed ({status}): {stderr}", tool = *tool, status, stderr)
            }
            Self::DumpUnusable { path, reason } => {
                sentence!("the dump {path} cannot be used: {reason}", path = path.display().to_string(), reason)
            }
            Self::Io { failed, source } => sentence!("{what}: {error}", what = failed, error = source.to_string()),
        }
    }

    pub(crate) fn io(failed: Sentence, source: std::io::Error) -> Self {
        Self::Io { failed, source }
    }

    pub(crate) fn protocol(doing: &Sentence, reason: Sentence) -> Self {
        Self::Protocol { doing: doing.clone(), reason }
    }

    /// Translates an error of the client library; `redact` hides the password in what it says.
    pub(crate) fn from_sqlx(error: &sqlx::Error, doing: &Sentence, redact: impl Fn(String) -> String) -> Self {
        let doing = doing.clone();
        let said = |words: String| Sentence::verbatim(redact(words));
        match error {
            sqlx::Error::Database(database) => {
                let code = database.try_downcast_ref::<MySqlDatabaseError>().map_or(0, MySqlDatabaseError::number);
                Self::Server { doing, code, message: redact(database.message().to_owned()) }
            }
            sqlx::Error::Io(io) => Self::ConnectionLost { doing, reason: said(io.to_string()) },
            other => Self::Protocol { doing, reason: said(other.to_string()) },
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sentence().fmt(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

fn held_by(connection: Option<u64>) -> Sentence {
    match connection {
        Some(connection) => sentence!("held by connection {connection}", connection),
        None => sentence!("held by nobody any more"),
    }
}
