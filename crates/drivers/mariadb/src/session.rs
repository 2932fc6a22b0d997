//! One connection that is never pooled: it holds the lock and runs the statements.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use sentence::{Sentence, sentence};
use serde::Serialize;
use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, Column, Connection, Either, Executor, Row};
use tokio::time::error::Elapsed;

use crate::error::{Error, Result};
use crate::target::Access;

/// How long small questions to the server may take.
pub(crate) const QUESTION_LIMIT: Duration = Duration::from_secs(30);
/// The most that is kept of a statement's result sets, for the log.
const MAX_ROWS: usize = 1_000;
const MAX_BYTES: usize = 1 << 20;

/// Settings of a session.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// The server closes the connection after it has been idle for so long (`wait_timeout`): the
    /// lease of a client that stopped without closing it. Whole seconds, at least one.
    pub idle_limit: Duration,
    /// How long a statement waits for locks on tables and rows. Whole seconds, at least one.
    pub lock_wait: Duration,
    /// How long one statement may take before the connection is given up.
    pub statement_limit: Duration,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            idle_limit: Duration::from_mins(1),
            lock_wait: Duration::from_secs(5),
            statement_limit: Duration::from_hours(1),
        }
    }
}

/// What a statement did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Executed {
    /// Rows changed (for `UPDATE`: those matched).
    pub rows_affected: u64,
    /// What it returned, cut at 1000 rows and 1 MiB in all. Empty results leave no trace.
    pub result_sets: Vec<ResultSet>,
}

/// Rows that a statement returned, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ResultSet {
    /// The columns' names.
    pub columns: Vec<String>,
    /// The rows; bytes that are not UTF-8 are written as `0x…`.
    pub rows: Vec<Vec<Option<String>>>,
    /// Whether rows were left out.
    pub truncated: bool,
}

/// One pinned connection. Dropping it closes it; so does any failure that leaves its state unknown,
/// and cancelling a call: everything after that is [`Error::ConnectionLost`].
pub struct Session {
    connection: Option<MySqlConnection>,
    connection_id: u64,
    statement_limit: Duration,
    access: Arc<Access>,
}

impl Session {
    pub(crate) async fn open(
        connection: MySqlConnection,
        access: Arc<Access>,
        options: &SessionOptions,
    ) -> Result<Self> {
        let mut session =
            Self { connection: Some(connection), connection_id: 0, statement_limit: options.statement_limit, access };
        let lock_wait = options.lock_wait.as_secs().max(1);
        let idle = options.idle_limit.as_secs().max(1);
        // The client library asks for IGNORE_SPACE, which stored routines would keep and which
        // reserves the names of functions: hence the server's own sql_mode again.
        let settings = format!(
            "SET SESSION sql_mode = @@GLOBAL.sql_mode, lock_wait_timeout = {lock_wait}, \
             innodb_lock_wait_timeout = {lock_wait}, wait_timeout = {idle}"
        );
        let doing = &sentence!("preparing a session");
        let sql = format!("{settings}; SELECT CAST(CONNECTION_ID() AS CHAR)");
        let answer = session.batch(doing, &sql, QUESTION_LIMIT).await?;
        let id = answer.first().and_then(|row| row.first()?.as_deref()?.parse().ok());
        session.connection_id = id.ok_or_else(|| Error::protocol(doing, sentence!("its id is not a number")))?;
        Ok(session)
    }

    /// The id that the server knows this connection by, to be journalled before it works.
    pub fn connection_id(&self) -> u64 {
        self.connection_id
    }

    /// Runs one statement over the text protocol, which takes every statement there is.
    ///
    /// # Errors
    /// [`Error::Server`] with MariaDB's number where it is refused; [`Error::Timeout`] or
    /// [`Error::ConnectionLost`] where its outcome is not known.
    pub async fn execute(&mut self, sql: &str) -> Result<Executed> {
        let limit = self.statement_limit;
        self.run(sql, &sentence!("running a statement"), limit).await
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// Those of [`Session::execute`].
    pub async fn begin(&mut self) -> Result<()> {
        self.run("START TRANSACTION", &sentence!("beginning a transaction"), QUESTION_LIMIT).await.map(drop)
    }

    /// Commits. Where the connection is lost meanwhile, it is not known whether it took effect.
    ///
    /// # Errors
    /// Those of [`Session::execute`].
    pub async fn commit(&mut self) -> Result<()> {
        let limit = self.statement_limit;
        self.run("COMMIT", &sentence!("committing"), limit).await.map(drop)
    }

    /// Rolls back.
    ///
    /// # Errors
    /// Those of [`Session::execute`].
    pub async fn rollback(&mut self) -> Result<()> {
        let limit = self.statement_limit;
        self.run("ROLLBACK", &sentence!("rolling back"), limit).await.map(drop)
    }

    /// Says goodbye to the server, so that locks are free when this returns and not a moment later.
    pub async fn close(mut self) {
        if let Some(connection) = self.connection.take() {
            // A failure means that it is closed already.
            let _ = tokio::time::timeout(QUESTION_LIMIT, connection.close()).await;
        }
    }

    /// The connection, taken out for as long as it works: cancelling the call drops it, so that no
    /// later call meets half an answer.
    pub(crate) fn take(&mut self, doing: &Sentence) -> Result<MySqlConnection> {
        self.connection.take().ok_or_else(|| Error::ConnectionLost {
            doing: doing.clone(),
            reason: sentence!("it was closed after an earlier failure"),
        })
    }

    /// Puts the connection back where its state is known.
    pub(crate) fn settle<T>(
        &mut self,
        connection: MySqlConnection,
        outcome: Result<sqlx::Result<T>, Elapsed>,
        doing: &Sentence,
        limit: Duration,
    ) -> Result<T> {
        match outcome {
            Ok(Ok(value)) => {
                self.connection = Some(connection);
                Ok(value)
            }
            Ok(Err(error)) => {
                let error = self.error_of(&error, doing);
                if matches!(error, Error::Server { .. }) && !error.is_connection_lost() {
                    self.connection = Some(connection);
                }
                Err(error)
            }
            Err(_) => Err(Error::Timeout { doing: doing.clone(), limit }),
        }
    }

    pub(crate) fn error_of(&self, error: &sqlx::Error, doing: &Sentence) -> Error {
        Error::from_sqlx(error, doing, |text| self.access.redact(text))
    }

    async fn run(&mut self, sql: &str, doing: &Sentence, limit: Duration) -> Result<Executed> {
        let mut connection = self.take(doing)?;
        let outcome = tokio::time::timeout(limit, collect(&mut connection, sql)).await;
        self.settle(connection, outcome, doing, limit)
    }

    /// Rows of a query whose columns are all text; `doing` names the question in errors.
    pub(crate) async fn texts(
        &mut self,
        doing: &Sentence,
        sql: &str,
        parameters: &[&str],
    ) -> Result<Vec<Vec<Option<String>>>> {
        self.texts_within(doing, sql, parameters, QUESTION_LIMIT).await
    }

    /// As [`Session::texts`], for questions that may take longer.
    pub(crate) async fn texts_within(
        &mut self,
        doing: &Sentence,
        sql: &str,
        parameters: &[&str],
        limit: Duration,
    ) -> Result<Vec<Vec<Option<String>>>> {
        let mut query = sqlx::query(AssertSqlSafe(sql.to_owned()));
        for parameter in parameters {
            query = query.bind(*parameter);
        }
        let mut connection = self.take(doing)?;
        let outcome = tokio::time::timeout(limit, query.fetch_all(&mut connection)).await;
        let rows = self.settle(connection, outcome, doing, limit)?;
        Ok(rows.iter().map(row_texts).collect())
    }

    /// Rows of several queries in one request, all of whose columns are text.
    pub(crate) async fn batch(
        &mut self,
        doing: &Sentence,
        sql: &str,
        limit: Duration,
    ) -> Result<Vec<Vec<Option<String>>>> {
        let mut connection = self.take(doing)?;
        let asked = connection.fetch_all(sqlx::raw_sql(AssertSqlSafe(sql.to_owned())));
        let outcome = tokio::time::timeout(limit, asked).await;
        let rows = self.settle(connection, outcome, doing, limit)?;
        Ok(rows.iter().map(row_texts).collect())
    }

    /// The first column of the first row.
    pub(crate) async fn text(&mut self, doing: &Sentence, sql: &str, parameters: &[&str]) -> Result<Option<String>> {
        let rows = self.texts(doing, sql, parameters).await?;
        Ok(rows.into_iter().next().and_then(|row| row.into_iter().next()).flatten())
    }

    /// Whether the server answers with `1`.
    pub(crate) async fn truth(&mut self, doing: &Sentence, sql: &str, parameters: &[&str]) -> Result<bool> {
        Ok(self.text(doing, sql, parameters).await?.as_deref() == Some("1"))
    }

    pub(crate) fn statement_limit(&self) -> Duration {
        self.statement_limit
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("connection_id", &self.connection_id)
            .field("open", &self.connection.is_some())
            .finish_non_exhaustive()
    }
}

/// Runs a statement to its end, and keeps only so much of its results.
async fn collect(connection: &mut MySqlConnection, sql: &str) -> sqlx::Result<Executed> {
    let mut executed = Executed::default();
    let mut current: Option<ResultSet> = None;
    let (mut rows, mut bytes) = (0, 0);
    let mut stream = connection.fetch_many(sqlx::raw_sql(AssertSqlSafe(sql.to_owned())));
    while let Some(item) = stream.try_next().await? {
        match item {
            Either::Left(done) => {
                executed.rows_affected += done.rows_affected();
                executed.result_sets.extend(current.take());
            }
            Either::Right(row) => {
                let set = current.get_or_insert_with(|| ResultSet {
                    columns: row.columns().iter().map(|c| c.name().to_owned()).collect(),
                    ..ResultSet::default()
                });
                // What is not kept is still read: the connection is used again.
                if rows >= MAX_ROWS || bytes >= MAX_BYTES {
                    set.truncated = true;
                    continue;
                }
                let texts = row_texts(&row);
                rows += 1;
                bytes += texts.iter().flatten().map(String::len).sum::<usize>();
                if bytes > MAX_BYTES {
                    set.truncated = true;
                } else {
                    set.rows.push(texts);
                }
            }
        }
    }
    Ok(executed)
}

fn row_texts(row: &MySqlRow) -> Vec<Option<String>> {
    (0..row.len())
        .map(|at| {
            let bytes: Option<Vec<u8>> = row.try_get_unchecked(at).ok().flatten();
            bytes.map(|bytes| {
                String::from_utf8(bytes).unwrap_or_else(|error| format!("0x{}", hex::encode(error.as_bytes())))
            })
        })
        .collect()
}
