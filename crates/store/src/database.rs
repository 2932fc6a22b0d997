//! The connection pool of the control database.

use std::sync::Arc;
use std::time::Duration;

use saga::Held;
use secrecy::{ExposeSecret, SecretString};
use sqlx::mysql::{MySqlConnectOptions, MySqlPool, MySqlPoolOptions};
use sqlx::{ConnectOptions, Executor, MySql, Transaction};

use crate::ending::{Ending, Outcome};
use crate::error::Result;
use crate::group::Group;
use crate::keys::Keyring;
use crate::migrate;
use crate::queue::Claim;
use crate::short::Idle;

/// How to reach the control database.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `mariadb://user:password@host:port/database` or with `?socket=/path`.
    pub url: SecretString,
    /// How many connections at most.
    pub max_connections: u32,
    /// Keys for the audit log's codes.
    pub keys: Keyring,
}

/// How long a caller waits for a connection before it is told that the database is unavailable.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// The default isolation locks the gaps around rows that are not there: callers who ask for the same new key would end in
/// deadlocks. A process that stands still in the middle of a transaction would keep its row locks, and with them the
/// job from whoever takes it over: the server ends such a transaction, and nobody waits long for a row.
const SESSION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
                       SET SESSION idle_transaction_timeout = 10, innodb_lock_wait_timeout = 5";

/// The control database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
    pool: MySqlPool,
    options: MySqlConnectOptions,
    keys: Keyring,
    endings: Arc<Group<Ending, Outcome>>,
    claims: Arc<Group<Claim, Result<Vec<Held>>>>,
    idle: Arc<Idle>,
}

impl Database {
    /// Connects and brings the schema up to date.
    pub async fn open(settings: &Settings) -> Result<Self> {
        let database = Self::connect(settings)?;
        migrate::run(&database).await?;
        Ok(database)
    }

    /// A pool that connects when it is first used.
    pub fn connect(settings: &Settings) -> Result<Self> {
        let options = settings
            .url
            .expose_secret()
            .parse::<MySqlConnectOptions>()?
            .charset("utf8mb4")
            .timezone(Some("+00:00".to_owned()))
            .disable_statement_logging();
        let pool = MySqlPoolOptions::new()
            .max_connections(settings.max_connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .after_connect(|connection, _| {
                Box::pin(async move {
                    connection.execute(SESSION).await?;
                    Ok(())
                })
            })
            .connect_lazy_with(options.clone());
        Ok(Self {
            pool,
            options,
            keys: settings.keys.clone(),
            endings: Arc::default(),
            claims: Arc::default(),
            idle: Arc::default(),
        })
    }

    /// A connection of its own, for whoever must not wait for the pool.
    pub(crate) async fn connect_alone(&self) -> Result<sqlx::MySqlConnection> {
        Ok(tokio::time::timeout(ACQUIRE_TIMEOUT, self.options.connect())
            .await
            .map_err(|_| sqlx::Error::PoolTimedOut)??)
    }

    /// A connection for [`crate::short`], as one of the pool; none where the pool is closed.
    pub(crate) async fn connect_for_transactions(&self) -> Result<sqlx::MySqlConnection> {
        if self.pool.is_closed() {
            return Err(sqlx::Error::PoolClosed.into());
        }
        let mut connection = self.connect_alone().await?;
        connection.execute(SESSION).await?;
        Ok(connection)
    }

    pub(crate) fn idle(&self) -> &Arc<Idle> {
        &self.idle
    }

    pub(crate) fn keys(&self) -> &Keyring {
        &self.keys
    }

    pub(crate) fn endings(&self) -> &Group<Ending, Outcome> {
        &self.endings
    }

    pub(crate) fn claims(&self) -> &Group<Claim, Result<Vec<Held>>> {
        &self.claims
    }

    pub(crate) fn pool(&self) -> &MySqlPool {
        &self.pool
    }

    pub(crate) async fn begin(&self) -> Result<Transaction<'static, MySql>> {
        Ok(self.pool.begin().await?)
    }

    /// Whether it answers.
    pub async fn ping(&self) -> Result<()> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.idle.forget();
        self.pool.close().await;
    }
}
