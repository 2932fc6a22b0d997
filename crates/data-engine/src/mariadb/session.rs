//! The one connection that holds the lock and runs the statements.

use std::collections::HashSet;
use std::time::Duration;

use driver_mariadb::{ObjectRef, Session, SessionOptions, Target, quote_identifier};
use saga::{StepContext, StepError};
use serde_json::json;

use crate::book::{Book, go_on};
use crate::engine::DataEngine;
use crate::error::Error;
use crate::script::sha256;

/// A client that stopped without closing its connection loses it, and the lock, after so long.
const LEASE: Duration = Duration::from_mins(1);
/// How long a statement waits for the application's locks: longer would hold up the application itself.
const LOCK_WAIT: Duration = Duration::from_secs(5);
/// How often a statement is tried that met the application's locks.
const LOCK_TRIES: u32 = 6;
const STATEMENT_LIMIT: Duration = Duration::from_hours(6);
/// How long the migration lock is waited for.
const MIGRATION_LOCK_WAIT: Duration = Duration::from_secs(10);
/// "Lock wait timeout exceeded" and "deadlock found".
const LOCK_ERRORS: [u16; 2] = [1205, 1213];
/// The longest name of a database or table, in characters.
const MAX_NAME: usize = 64;

/// A fenced session: earlier connections of this step are gone, and the lock is held.
pub(crate) struct Run {
    pub(crate) book: Book,
    pub(crate) session: Session,
    pub(crate) database: String,
    /// Tables of which changed rows wait to come back, once that was asked.
    pub(super) waiting: Option<HashSet<String>>,
    /// The most rows that are copied a second while the application writes.
    pub(super) pace: Option<u32>,
    lock: String,
}

impl Run {
    pub(crate) async fn open(engine: &DataEngine, target: &Target, cx: &StepContext) -> Result<Self, StepError> {
        go_on(cx)?;
        cx.assert_held().await?;
        let lock = format!("backout_{}", target.database());
        end_orphan(engine, target, cx, &lock).await?;
        let options = SessionOptions { idle_limit: LEASE, lock_wait: LOCK_WAIT, statement_limit: STATEMENT_LIMIT };
        let mut session = target.connect(&options).await.map_err(Error::from)?;
        // Noted before it can hold the lock: whoever takes over knows which connection to end.
        engine.journal.note_connection(cx.held(), cx.step(), session.connection_id()).await?;
        session.lock(&lock, MIGRATION_LOCK_WAIT).await.map_err(Error::from)?;
        cx.assert_held().await?;
        let book = Book::open(engine, cx).await?;
        let mut run =
            Self { book, session, database: target.database().to_owned(), waiting: None, pace: engine.pace, lock };
        run.create_markers().await?;
        Ok(run)
    }

    /// Says goodbye, so that the lock is free when this returns.
    pub(crate) async fn close(self) {
        self.session.close().await;
    }

    /// Fails unless this connection still holds the lock.
    pub(crate) async fn assert_lock(&mut self) -> Result<(), StepError> {
        match self.session.assert_lock(&self.lock).await {
            // Whoever holds it now ended us or waits for us to notice.
            Err(error @ driver_mariadb::Error::LockNotOurs { .. }) => Err(StepError::transient(error.sentence())),
            held => Ok(held.map_err(Error::from)?),
        }
    }

    pub(crate) async fn execute(&mut self, sql: &str) -> Result<u64, StepError> {
        Ok(self.session.execute(sql).await.map_err(Error::from)?.rows_affected)
    }

    /// Runs a statement that may meet the application's locks: waiting is bounded, and repeated so that the
    /// application gets its turn in between.
    pub(crate) async fn execute_patiently(
        &mut self,
        sql: &str,
    ) -> Result<driver_mariadb::Executed, driver_mariadb::Error> {
        let mut tries = 1;
        loop {
            match self.session.execute(sql).await {
                Err(error)
                    if tries < LOCK_TRIES
                        && self.book.go_on().is_ok()
                        && error.code().is_some_and(|code| LOCK_ERRORS.contains(&code)) =>
                {
                    let news = json!({ "waiting_for_locks": error.sentence(), "try": tries });
                    if self.book.cx.progress(news).await.is_err() {
                        return Err(error);
                    }
                    tries += 1;
                }
                outcome => return outcome,
            }
        }
    }

    /// A table of the application.
    pub(crate) fn own<'a>(&'a self, table: &'a str) -> ObjectRef<'a> {
        ObjectRef::new(&self.database, table)
    }

    /// The database in which what a script would destroy is put aside.
    pub(crate) fn keep_database(&self) -> String {
        shortened(&format!("backout_keep_{}", self.database), "")
    }
}

/// A quoted name, in its database.
pub(crate) fn quoted(database: &str, name: &str) -> String {
    format!("{}.{}", quote_identifier(database), quote_identifier(name))
}

/// Quoted names with commas between them.
pub(crate) fn list(names: &[String]) -> String {
    names.iter().map(|name| quote_identifier(name)).collect::<Vec<_>>().join(", ")
}

/// `name` and `suffix` within the server's limit; a name that is cut gets a hash, so that it stays unique.
pub(crate) fn shortened(name: &str, suffix: &str) -> String {
    if name.chars().count() + suffix.chars().count() <= MAX_NAME {
        return format!("{name}{suffix}");
    }
    let digest = &sha256(name.as_bytes())[..8];
    let room = MAX_NAME.saturating_sub(suffix.chars().count() + digest.len() + 1);
    format!("{}_{digest}{suffix}", name.chars().take(room).collect::<String>())
}

/// Ends the connection that an earlier worker left, if it still holds the lock. One that does not can do
/// nothing: its next journal write is refused. Ids begin anew when the server restarts, hence the question.
async fn end_orphan(engine: &DataEngine, target: &Target, cx: &StepContext, lock: &str) -> Result<(), StepError> {
    let Some(last) = engine.journal.last_connection(cx.held(), cx.step()).await? else {
        return Ok(());
    };
    if target.lock_holder(lock).await.map_err(Error::from)? == Some(last) {
        let killed = target.kill(last).await.map_err(Error::from)?;
        tracing::warn!(job.id = %cx.held().job, step.id = cx.step(), connection = last, ?killed, "ended an orphaned connection");
    }
    Ok(())
}
