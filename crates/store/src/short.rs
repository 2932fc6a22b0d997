//! Transactions of two round trips: BEGIN travels with the reads, COMMIT with the writes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::TryStreamExt;
use sqlx::mysql::MySqlRow;
use sqlx::{AssertSqlSafe, Either, MySqlConnection};

use crate::database::Database;
use crate::error::Result;

/// How many connections are kept for the next transactions; as many as run side by side (`group::SIDE_BY_SIDE`, for claims
/// and for ends).
const KEPT: usize = 4;

/// Connections of their own for short transactions. The pool asks a connection whether it lives each time it gives it
/// away and takes it back, which would double the round trips; here a dead one is noticed by the BEGIN, which can be
/// repeated on another.
#[derive(Debug, Default)]
pub(crate) struct Idle(Mutex<Vec<MySqlConnection>>);

impl Idle {
    fn take(&self) -> Option<MySqlConnection> {
        self.locked().pop()
    }

    fn keep(&self, connection: MySqlConnection) {
        let mut kept = self.locked();
        if kept.len() < KEPT {
            kept.push(connection);
        }
    }

    /// What happened to one connection has mostly happened to all of them.
    pub(crate) fn forget(&self) {
        self.locked().clear();
    }

    fn locked(&self) -> MutexGuard<'_, Vec<MySqlConnection>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A transaction under way. Dropped before its end it closes its connection, which rolls it back.
pub(crate) struct ShortTransaction {
    connection: Option<MySqlConnection>,
    idle: Arc<Idle>,
}

impl ShortTransaction {
    /// Begins with reads; the rows of each statement. The text holds keys, numbers and [`crate::literals`] only.
    pub(crate) async fn begin(database: &Database, reads: &str) -> Result<(Self, Vec<Vec<MySqlRow>>)> {
        let idle = database.idle();
        if let Some(connection) = idle.take() {
            match Self::begin_on(connection, idle, reads).await {
                // It may have been cut long ago, and nothing was written yet.
                Err(error) if error.is_unavailable() => {}
                begun => return begun,
            }
        }
        Self::begin_on(database.connect_for_transactions().await?, idle, reads).await
    }

    async fn begin_on(
        connection: MySqlConnection,
        idle: &Arc<Idle>,
        reads: &str,
    ) -> Result<(Self, Vec<Vec<MySqlRow>>)> {
        let mut transaction = Self { connection: Some(connection), idle: Arc::clone(idle) };
        let rows = transaction.run(format!("BEGIN; {reads}")).await?;
        // The first answer is that of BEGIN.
        Ok((transaction, rows.into_iter().skip(1).collect()))
    }

    /// Ends with writes; the rows of each statement.
    pub(crate) async fn commit(mut self, writes: &str) -> Result<Vec<Vec<MySqlRow>>> {
        let rows = self.run(format!("{writes}; COMMIT")).await?;
        self.keep_connection();
        Ok(rows)
    }

    /// Ends without having written.
    pub(crate) async fn rollback(mut self) -> Result<()> {
        self.run("ROLLBACK".to_owned()).await?;
        self.keep_connection();
        Ok(())
    }

    /// Whole, and of use to others.
    fn keep_connection(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.idle.keep(connection);
        }
    }

    async fn run(&mut self, sql: String) -> Result<Vec<Vec<MySqlRow>>> {
        match &mut self.connection {
            Some(connection) => every(connection, sql).await,
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
        if self.connection.take().is_some() {
            self.idle.forget();
        }
    }
}
