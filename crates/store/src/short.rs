//! Transactions of two round trips: BEGIN travels with the reads, COMMIT with the writes.

use futures::TryStreamExt;
use sqlx::mysql::{MySql, MySqlRow};
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Either, MySqlConnection};

use crate::database::Database;
use crate::error::Result;

/// A transaction under way. Dropped before its end it closes its connection, which rolls it back.
pub(crate) struct ShortTransaction {
    connection: Option<PoolConnection<MySql>>,
}

impl ShortTransaction {
    /// Begins with reads; the rows of each statement. The text holds keys, numbers and [`crate::literals`] only.
    pub(crate) async fn begin(database: &Database, reads: &str) -> Result<(Self, Vec<Vec<MySqlRow>>)> {
        let mut transaction = Self { connection: Some(database.pool().acquire().await?) };
        let rows = transaction.run(format!("BEGIN; {reads}")).await?;
        // The first answer is that of BEGIN.
        Ok((transaction, rows.into_iter().skip(1).collect()))
    }

    /// Ends with writes; the rows of each statement.
    pub(crate) async fn commit(mut self, writes: &str) -> Result<Vec<Vec<MySqlRow>>> {
        let rows = self.run(format!("{writes}; COMMIT")).await?;
        // Whole, and of use to others.
        drop(self.connection.take());
        Ok(rows)
    }

    /// Ends without having written.
    pub(crate) async fn rollback(mut self) -> Result<()> {
        self.run("ROLLBACK".to_owned()).await?;
        drop(self.connection.take());
        Ok(())
    }

    async fn run(&mut self, sql: String) -> Result<Vec<Vec<MySqlRow>>> {
        match &mut self.connection {
            Some(connection) => every(&mut *connection, sql).await,
            None => Ok(Vec::new()),
        }
    }
}

/// Sends several statements at once; the rows of each. The text holds keys, numbers and [`crate::literals`] only.
pub(crate) async fn every(connection: &mut MySqlConnection, sql: String) -> Result<Vec<Vec<MySqlRow>>> {
    let (mut all, mut rows) = (Vec::new(), Vec::new());
    let mut answers = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_many(connection);
    while let Some(answer) = answers.try_next().await? {
        match answer {
            Either::Right(row) => rows.push(row),
            Either::Left(_) => all.push(std::mem::take(&mut rows)),
        }
    }
    Ok(all)
}

impl Drop for ShortTransaction {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(connection.detach());
        }
    }
}
