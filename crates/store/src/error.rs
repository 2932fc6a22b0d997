//! What the control database can answer instead of a result.

use domain::reservation::Place;
use sentence::{Sentence, sentence};

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.sentence())]
pub enum Error {
    /// The control database does not answer, or lost the connection.
    Unavailable(#[source] sqlx::Error),
    /// A unique key is taken; the text is the constraint's name.
    Taken(String),
    /// Another service has the place on that host.
    Reserved {
        /// The port or socket.
        place: Place,
        /// Address of the host's container engine.
        docker: String,
        /// Whose it is, `application/environment/service`, unless it was given back meanwhile.
        by: Option<String>,
    },
    /// A text is longer than its column; the text is the column's name.
    TooLong(String),
    /// There is no such row.
    Missing(&'static str),
    /// The row is not in the state that the change asks for.
    Conflict(Sentence),
    /// The keys at hand are not those that seal this database's secrets.
    OtherKeys {
        /// Id of the key.
        id: String,
        /// Whether there is none of that id.
        missing: bool,
    },
    /// The cursor is not one that the list gave out.
    BadCursor,
    /// What is stored cannot be read.
    Corrupt(Sentence),
    /// The database refused a statement for a reason that is our mistake.
    Refused(#[source] sqlx::Error),
}

/// The result of a store call.
pub type Result<T> = std::result::Result<T, Error>;

const DUPLICATE_KEY: u16 = 1062;
const DATA_TOO_LONG: u16 = 1406;
/// What passes by itself, or with the server that is in its place next.
const PASSING: [u16; 18] = [
    1020, // row changed since it was read (a server with snapshot isolation)
    1021, // disk full
    1040, // too many connections
    1041, // out of memory
    1047, // cluster node not ready
    1053, // shutdown in progress
    1054, // unknown column: a newer program has changed the schema under this one, which waits to be replaced
    1114, // table full, as a full disk is told, too
    1146, // unknown table: the same
    1203, // too many connections of this user
    1205, // lock wait timeout
    1213, // deadlock
    1226, // too much for this user
    1290, // read-only server
    1317, // query interrupted
    1836, // read-only mode
    1927, // connection killed
    1969, // statement took too long
];

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        if let sqlx::Error::Database(database) = &error
            && let Some(mysql) = database.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>()
        {
            return match mysql.number() {
                DUPLICATE_KEY => Self::Taken(constraint(mysql.message())),
                DATA_TOO_LONG => Self::TooLong(column(mysql.message())),
                number if PASSING.contains(&number) => Self::Unavailable(error),
                _ => Self::Refused(error),
            };
        }
        match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_) => Self::Unavailable(error),
            sqlx::Error::RowNotFound => Self::Missing("row"),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnNotFound(_) => {
                Self::Corrupt(Sentence::verbatim(error.to_string()))
            }
            _ => Self::Refused(error),
        }
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Corrupt(Sentence::verbatim(error.to_string()))
    }
}

/// The key's name in "Duplicate entry 'x' for key 'name'".
fn constraint(message: &str) -> String {
    message.rsplit('\'').nth(1).unwrap_or(message).to_owned()
}

/// The column's name in "Data too long for column 'name' at row 1".
fn column(message: &str) -> String {
    message.split('\'').nth(1).unwrap_or(message).to_owned()
}

impl Error {
    /// What people are told.
    pub fn sentence(&self) -> Sentence {
        match self {
            Self::Unavailable(cause) => {
                sentence!("the control database does not answer: {reason}", reason = cause.to_string())
            }
            Self::Taken(what) => sentence!("'{what}' is taken", what),
            Self::Reserved { place, docker, by } => {
                let by = by.as_ref().map_or_else(|| sentence!("another service"), Sentence::verbatim);
                match place {
                    Place::Port(port) => sentence!("port {port} on {docker} is reserved by {by}", port, docker, by),
                    Place::Socket(socket) => {
                        sentence!("socket {socket} on {docker} is reserved by {by}", socket, docker, by)
                    }
                }
            }
            Self::TooLong(what) => sentence!("'{what}' is too long", what),
            Self::Missing(what) => sentence!("there is no such {what}", what = noun(what)),
            Self::Conflict(why) => why.clone(),
            Self::OtherKeys { id, missing: true } => {
                sentence!("the key '{id}' that seals secrets of this control database is not among the keys", id)
            }
            Self::OtherKeys { id, missing: false } => {
                sentence!("the key '{id}' is another one than this control database was used with", id)
            }
            Self::BadCursor => sentence!("the cursor is not one that this list gave out"),
            Self::Corrupt(what) => sentence!("stored data cannot be read: {what}", what),
            Self::Refused(cause) => {
                sentence!("the control database refused a statement: {reason}", reason = cause.to_string())
            }
        }
    }

    /// Whether trying again later may help.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// Whether a unique key of that name is taken.
    pub fn is_taken(&self, key: &str) -> bool {
        matches!(self, Self::Taken(taken) if taken == key)
    }
}

/// What a kind of thing is called, by the word that [`Error::Missing`] has for it.
pub fn noun(what: &str) -> Sentence {
    match what {
        "application" => sentence!("application"),
        "backup" => sentence!("backup"),
        "data store" => sentence!("data store"),
        "deployment" => sentence!("deployment"),
        "environment" => sentence!("environment"),
        "job" => sentence!("job"),
        "kept data" => sentence!("kept data"),
        "migration" => sentence!("migration"),
        "rehearsal" => sentence!("rehearsal"),
        "release" => sentence!("release"),
        "reserved idempotency key" => sentence!("reserved idempotency key"),
        "token" => sentence!("token"),
        other => Sentence::verbatim(other),
    }
}

impl From<Error> for saga::JournalError {
    fn from(error: Error) -> Self {
        match error {
            Error::Unavailable(cause) => Self::Unavailable(Sentence::verbatim(cause.to_string())),
            Error::Conflict(why) => Self::Illegal(why),
            other => Self::Corrupt(other.sentence()),
        }
    }
}
