//! The application's transaction that a change of its table has to wait for.

use std::time::Duration;

use anyhow::Result;
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};
use testkit::{Site, World};

/// Longer than a plan's steps before its scripts take on a busy machine.
const WAIT: Duration = Duration::from_mins(1);

/// An open transaction that has read `users`, and so holds its metadata lock.
pub(crate) struct TableInUse {
    holder: MySqlConnection,
    database: String,
}

impl TableInUse {
    pub(crate) async fn begin(site: &Site<'_>) -> Result<Self> {
        let mut holder = connect(site.database()).await?;
        holder.execute("BEGIN").await?;
        holder.execute("SELECT COUNT(*) FROM users").await?;
        Ok(Self { holder, database: site.database().to_owned() })
    }

    /// The connection whose statement (an ALTER, or the LOCK TABLES before one that drops columns) waits for this
    /// transaction: the server is inside of it.
    pub(crate) async fn kept_waiting(&self) -> Result<u64> {
        testkit::eventually(WAIT, || async { self.waiting().await.ok().flatten() }).await
    }

    /// Whether a connection is still there.
    pub(crate) async fn is_connected(&self, connection: u64) -> Result<bool> {
        let sql = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = ?";
        let count: i64 =
            sqlx::query_scalar(sql).bind(connection).fetch_one(&mut connect(&self.database).await?).await?;
        Ok(count > 0)
    }

    pub(crate) async fn end(mut self) -> Result<()> {
        self.holder.execute("ROLLBACK").await?;
        Ok(self.holder.close().await?)
    }

    async fn waiting(&self) -> Result<Option<u64>> {
        let sql = "SELECT CAST(ID AS UNSIGNED) FROM information_schema.PROCESSLIST \
             WHERE DB = ? AND STATE = 'Waiting for table metadata lock' AND ID <> CONNECTION_ID()";
        let found = sqlx::query_scalar(sql).bind(&self.database);
        Ok(found.fetch_optional(&mut connect(&self.database).await?).await?)
    }
}

/// A connection to a database of the shared server.
pub(crate) async fn connect(database: &str) -> Result<MySqlConnection> {
    Ok(MySqlConnection::connect(&World::shared().await.mariadb.url(database)).await?)
}

/// Runs one statement in a database of the shared server; how many rows it changed.
pub(crate) async fn execute(database: &str, sql: &str) -> Result<u64> {
    Ok(connect(database).await?.execute(AssertSqlSafe(sql)).await?.rows_affected())
}
