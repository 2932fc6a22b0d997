//! A database to work on: how to reach it, and what can be asked without holding a session.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sentence::{Sentence, sentence};
use sqlx::ConnectOptions;
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
use tokio::time::Instant;
use url::Url;

use crate::error::{Error, Result};
use crate::lock;
use crate::session::{Session, SessionOptions};

/// How long a connection may take to come about.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long a killed connection may take to end; rolling back its work takes time.
const KILL_LIMIT: Duration = Duration::from_secs(30);
/// "Unknown thread id": the connection is gone.
const NO_SUCH_THREAD: u16 = 1094;

/// What became of a connection that was to be killed. In both cases it is gone, with its locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Killed {
    /// It was alive.
    Killed,
    /// It had ended before.
    AlreadyGone,
}

/// A database on a server. Cloning is cheap; nothing is connected.
#[derive(Clone)]
pub struct Target {
    options: MySqlConnectOptions,
    pub(crate) access: Arc<Access>,
}

/// What the command line tools need to know as well.
pub(crate) struct Access {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) socket: Option<String>,
    pub(crate) user: String,
    pub(crate) password: SecretString,
    pub(crate) database: String,
    pub(crate) tls: Tls,
}

/// How the connection is encrypted.
pub(crate) struct Tls {
    pub(crate) mode: MySqlSslMode,
    pub(crate) ca: Option<String>,
}

impl Access {
    pub(crate) fn address(&self) -> String {
        self.socket.clone().unwrap_or_else(|| format!("{}:{}", self.host, self.port))
    }

    /// Hides the password in a text that comes from elsewhere. Very short ones would tear holes
    /// into ordinary words and are no secret anyhow.
    pub(crate) fn redact(&self, text: String) -> String {
        let password = self.password.expose_secret();
        if password.len() < 4 {
            return text;
        }
        // As it is, and as a statement would write it in a string.
        let escaped = password.replace('\\', r"\\");
        [password.replace('\'', "''"), escaped.replace('\'', "''"), escaped.replace('\'', r"\'")]
            .iter()
            .fold(text.replace(password, "***"), |text, form| text.replace(form, "***"))
    }
}

impl Target {
    /// Reads a connection string `mysql://user:password@host:port/database`, with `?socket=`,
    /// `?ssl-mode=` and `?ssl-ca=` as options. Nothing is connected yet.
    ///
    /// # Errors
    /// [`Error::InvalidUrl`]; it does not repeat the string.
    #[expect(clippy::needless_pass_by_value, reason = "the caller hands the secret over and shall not keep it")]
    pub fn new(url: SecretString) -> Result<Self> {
        let invalid = |reason| Error::InvalidUrl { reason };
        let url = Url::parse(url.expose_secret()).map_err(|error| invalid(Sentence::verbatim(error.to_string())))?;
        if !matches!(url.scheme(), "mysql" | "mariadb") {
            return Err(invalid(sentence!("the scheme is neither mysql nor mariadb")));
        }
        // The library's errors are not repeated: they quote parts of the string.
        let options = MySqlConnectOptions::from_url(&url)
            .map_err(|_| invalid(sentence!("a part of it is not understood")))?
            .pipes_as_concat(false)
            .no_engine_substitution(false)
            .timezone(Some("+00:00".to_owned()))
            .charset("utf8mb4")
            .disable_statement_logging();
        let database = options.get_database().unwrap_or_default().to_owned();
        if database.is_empty() {
            return Err(invalid(sentence!("it names no database")));
        }
        let parameter = |names: [&str; 2]| {
            url.query_pairs().find(|(key, _)| names.contains(&key.as_ref())).map(|(_, value)| value.into_owned())
        };
        let mode = match parameter(["ssl-mode", "sslmode"]) {
            Some(mode) => MySqlSslMode::from_str(&mode).map_err(|_| invalid(sentence!("ssl-mode is not known")))?,
            None => MySqlSslMode::Preferred,
        };
        let access = Access {
            host: options.get_host().to_owned(),
            port: options.get_port(),
            socket: parameter(["socket", "socket"]),
            user: options.get_username().to_owned(),
            password: decoded_password(&url)?,
            database,
            tls: Tls { mode, ca: parameter(["ssl-ca", "sslca"]) },
        };
        Ok(Self { options, access: Arc::new(access) })
    }

    /// Another database of the same server, reached as the same user. It need not exist yet.
    #[must_use]
    pub fn sibling(&self, database: &str) -> Self {
        let own = &self.access;
        let access = Access {
            host: own.host.clone(),
            port: own.port,
            socket: own.socket.clone(),
            user: own.user.clone(),
            password: own.password.clone(),
            database: database.to_owned(),
            tls: Tls { mode: own.tls.mode, ca: own.tls.ca.clone() },
        };
        Self { options: self.options.clone().database(database), access: Arc::new(access) }
    }

    /// The database's name.
    pub fn database(&self) -> &str {
        &self.access.database
    }

    /// Host and port, or the socket; without user and password.
    pub fn address(&self) -> String {
        self.access.address()
    }

    /// Opens a session. It is not pooled; dropping it closes the connection.
    ///
    /// # Errors
    /// [`Error::Unreachable`] or [`Error::Timeout`] where no connection comes about within 5 s,
    /// [`Error::Server`] where the server refuses it.
    pub async fn connect(&self, options: &SessionOptions) -> Result<Session> {
        let opened = tokio::time::timeout(CONNECT_LIMIT, self.options.connect()).await;
        let connection = match opened {
            Err(_) => {
                return Err(Error::Unreachable {
                    address: self.address(),
                    reason: sentence!("no answer within {seconds} s", seconds = CONNECT_LIMIT.as_secs()),
                });
            }
            Ok(Err(sqlx::Error::Io(error))) => {
                return Err(Error::Unreachable {
                    address: self.address(),
                    reason: Sentence::verbatim(error.to_string()),
                });
            }
            Ok(Err(error)) => {
                return Err(Error::from_sqlx(&error, &sentence!("connecting"), |text| self.access.redact(text)));
            }
            Ok(Ok(connection)) => connection,
        };
        Session::open(connection, Arc::clone(&self.access), options).await
    }

    /// Ends a connection and waits until it is gone from the server, and with it its locks: a
    /// statement that it runs is interrupted and rolled back first.
    ///
    /// Connection ids begin anew when the server restarts: ask [`Target::lock_holder`] first.
    ///
    /// # Errors
    /// [`Error::StillRunning`] where it has not ended within 30 s; [`Error::Server`] where killing
    /// it is not allowed.
    pub async fn kill(&self, connection_id: u64) -> Result<Killed> {
        let mut session = self.connect(&SessionOptions::default()).await?;
        let started = Instant::now();
        let mut outcome = Killed::AlreadyGone;
        let mut pause = Duration::from_millis(5);
        // Killing again is harmless, and unlike the process list the answer does not depend on
        // the privilege to see other users' connections.
        loop {
            match session.execute(&format!("KILL {connection_id}")).await {
                Ok(_) => outcome = Killed::Killed,
                Err(error) if error.code() == Some(NO_SUCH_THREAD) => return Ok(outcome),
                Err(error) => return Err(error),
            }
            let waited = started.elapsed();
            if waited > KILL_LIMIT {
                return Err(Error::StillRunning { connection_id, waited });
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(250));
        }
    }

    /// The connection that holds a lock of [`Session::lock`], if any.
    ///
    /// # Errors
    /// Those of connecting and asking.
    pub async fn lock_holder(&self, name: &str) -> Result<Option<u64>> {
        let mut session = self.connect(&SessionOptions::default()).await?;
        lock::holder(&mut session, &lock::server_name(name)).await
    }

    /// The server's version, for example `10.11.14-MariaDB`.
    ///
    /// # Errors
    /// Those of connecting and asking.
    pub async fn server_version(&self) -> Result<String> {
        let mut session = self.connect(&SessionOptions::default()).await?;
        let doing = &sentence!("asking for the server's version");
        let version = session.text(doing, "SELECT VERSION()", &[]).await?;
        version.ok_or_else(|| Error::protocol(doing, sentence!("it is NULL")))
    }

    /// Whether the user may create a database of this name. Privileges that come only through a
    /// role are not seen: then the answer is `false`, although it might work.
    ///
    /// # Errors
    /// Those of connecting and asking.
    pub async fn can_create_database(&self, name: &str) -> Result<bool> {
        const GRANTEE: &str = "CONCAT('''', LEFT(CURRENT_USER(), CHAR_LENGTH(CURRENT_USER()) \
             - CHAR_LENGTH(SUBSTRING_INDEX(CURRENT_USER(), '@', -1)) - 1), '''@''', \
             SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '''')";
        let mut session = self.connect(&SessionOptions::default()).await?;
        let sql = format!(
            "SELECT CAST(EXISTS (SELECT 1 FROM information_schema.USER_PRIVILEGES \
             WHERE GRANTEE = {GRANTEE} AND PRIVILEGE_TYPE = 'CREATE') \
             OR EXISTS (SELECT 1 FROM information_schema.SCHEMA_PRIVILEGES \
             WHERE GRANTEE = {GRANTEE} AND PRIVILEGE_TYPE = 'CREATE' \
             AND ? LIKE TABLE_SCHEMA) AS CHAR)"
        );
        session.truth(&sentence!("asking for privileges"), &sql, &[name]).await
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("address", &self.address())
            .field("database", &self.database())
            .finish_non_exhaustive()
    }
}

fn decoded_password(url: &Url) -> Result<SecretString> {
    let encoded = url.password().unwrap_or_default();
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = (*first == b'%').then(|| tail.get(..2)).flatten().and_then(|digits| hex::decode(digits).ok());
        if let Some(decoded) = escaped {
            bytes.extend(decoded);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes)
        .map(SecretString::from)
        .map_err(|_| Error::InvalidUrl { reason: sentence!("the password is not UTF-8") })
}
