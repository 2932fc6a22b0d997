//! Restores a backup into a database of its own, beside the one that it is of.
//!
//! A database that an interrupted attempt has left is told by its marker, which names the step, and is made anew; one without
//! it is somebody else's and is never touched. The marker stays, and says where the database came from.

use std::path::Path;
use std::time::Duration;

use driver_mariadb::{SessionOptions, quote_identifier};
use driver_mongodb::Existing;
use sentence::{Sentence, sentence};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::SCRATCH_PREFIX;
use crate::engine::{DataEngine, DataTarget};
use crate::error::{Error, Result};

/// The most that a restore may take.
const LIMIT: Duration = Duration::from_hours(6);
const SHORT: Duration = Duration::from_secs(30);
/// The table or collection that says whose restore this is, and whether it has ended.
const MARKER: &str = "backout_restored";

/// A backup that was read back into a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreReport {
    /// The database.
    pub database: String,
    /// Tables or collections in it.
    pub tables: u64,
    /// Rows or documents in them.
    pub rows: u64,
}

/// What is restored, and where.
#[derive(Debug, Clone, Copy)]
pub struct Restoration<'a> {
    /// The file.
    pub path: &'a Path,
    /// Its SHA-256, in hexadecimal.
    pub sha256: &'a str,
    /// The database, which must not be there, or be empty.
    pub database: &'a str,
    /// Who restores: what is found under this name is an attempt of the same.
    pub owner: &'a str,
}

impl DataEngine {
    /// Restores a backup of this data store into another database of its server. Called again after an interruption it
    /// begins anew.
    ///
    /// # Errors
    /// [`Error::Occupied`] where the database is there and not ours; those of the file and the server.
    pub async fn restore_beside(&self, restoration: &Restoration<'_>) -> Result<RestoreReport> {
        match self.target() {
            DataTarget::MariaDb(target) => into_mariadb(target, restoration).await,
            DataTarget::MongoDb(target) => into_mongodb(target, restoration).await,
        }
    }

    /// Removes what an unfinished [`DataEngine::restore_beside`] has left, or a database that it made only to see that it can.
    /// Can be repeated; somebody else's database is left alone.
    pub async fn drop_restored(&self, database: &str, owner: &str) -> Result<()> {
        match self.target() {
            DataTarget::MariaDb(target) => {
                let mut session = target.connect(&SessionOptions::default()).await?;
                if is_scratch(database)
                    || found_in_mariadb(&mut session, database).await? == Found::Unfinished(owner.to_owned())
                {
                    drop_mariadb(target, &mut session, database).await?;
                }
                session.close().await;
            }
            DataTarget::MongoDb(target) => {
                let other = target.sibling(database);
                if is_scratch(database) || found_in_mongodb(&other).await? == Found::Unfinished(owner.to_owned()) {
                    other.run(&json!({ "dropDatabase": 1 }), None, None, SHORT).await?;
                }
            }
        }
        Ok(())
    }
}

/// Whether a restore makes the database only to see that it can.
fn is_scratch(database: &str) -> bool {
    database.starts_with(SCRATCH_PREFIX)
}

/// What is there under a database's name.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// No database, or one with nothing in it.
    Nothing,
    /// A restore that has not ended, and whose.
    Unfinished(String),
    /// A restore that has ended, and whose.
    Finished(String),
    Occupied,
}

impl Found {
    /// Of a marker, as its row or document tells.
    fn marked(owner: Option<&str>, is_done: bool) -> Self {
        match owner {
            None => Self::Occupied,
            Some(owner) if is_done => Self::Finished(owner.to_owned()),
            Some(owner) => Self::Unfinished(owner.to_owned()),
        }
    }

    /// Whether the restore has ended already; an error where what is there is not its own. What another check has left under a
    /// scratch database's name is nobody's.
    fn is_done(&self, restoration: &Restoration<'_>) -> Result<bool> {
        match self {
            Self::Nothing => Ok(false),
            Self::Finished(owner) if owner == restoration.owner => Ok(true),
            Self::Unfinished(owner) if owner == restoration.owner => Ok(false),
            _ if is_scratch(restoration.database) => Ok(false),
            _ => Err(Error::Occupied(restoration.database.to_owned())),
        }
    }
}

async fn found_in_mariadb(session: &mut driver_mariadb::Session, database: &str) -> Result<Found> {
    if !session.database_exists(database).await? {
        return Ok(Found::Nothing);
    }
    let marker = driver_mariadb::ObjectRef::new(database, MARKER);
    if !session.table_exists(marker).await? {
        // One without anything in it may be what a worker left that died before it could mark it; nothing is lost either way.
        let sql = "SELECT (SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = ?) \
                   + (SELECT COUNT(*) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ?) \
                   + (SELECT COUNT(*) FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ?) AS n";
        let objects = session.query_json(sql, &[json!(database), json!(database), json!(database)]).await?;
        let is_empty = objects.first().and_then(|row| row.get("n")).and_then(Value::as_u64) == Some(0);
        return Ok(if is_empty { Found::Nothing } else { Found::Occupied });
    }
    let rows = session.query_json(&format!("SELECT owner, done FROM {}", marker.quoted()), &[]).await?;
    let cell = |name: &str| rows.first().and_then(|row| row.get(name));
    let is_done = cell("done").and_then(Value::as_u64) == Some(1);
    Ok(Found::marked(cell("owner").and_then(Value::as_str), is_done))
}

/// Drops a database of ours. The client of a worker that died may still be writing there: it goes first.
async fn drop_mariadb(
    target: &driver_mariadb::Target,
    session: &mut driver_mariadb::Session,
    database: &str,
) -> Result<()> {
    let sql = "SELECT ID AS id FROM information_schema.PROCESSLIST WHERE DB = ? AND ID <> CONNECTION_ID()";
    for row in session.query_json(sql, &[json!(database)]).await? {
        if let Some(id) = row.get("id").and_then(Value::as_u64) {
            target.kill(id).await?;
        }
    }
    session.execute(&format!("DROP DATABASE IF EXISTS {}", quote_identifier(database))).await?;
    Ok(())
}

async fn into_mariadb(target: &driver_mariadb::Target, restoration: &Restoration<'_>) -> Result<RestoreReport> {
    let database = restoration.database;
    let mut session = target.connect(&SessionOptions::default()).await?;
    let marker = driver_mariadb::ObjectRef::new(database, MARKER).quoted();
    let found = found_in_mariadb(&mut session, database).await?;
    if found.is_done(restoration)? {
        return counted(&mut session, database).await;
    }
    if found != Found::Nothing {
        drop_mariadb(target, &mut session, database).await?;
    }
    session.execute(&format!("CREATE DATABASE IF NOT EXISTS {}", quote_identifier(database))).await?;
    // With its row in one statement: there is no moment in which the marker does not say whose it is.
    let owner = restoration.owner.replace(['\'', '\\'], "");
    session.execute(&format!("CREATE TABLE {marker} ENGINE=InnoDB AS SELECT '{owner}' AS owner, 0 AS done")).await?;
    session.close().await;
    driver_mariadb::restore(&target.sibling(database), restoration.path, restoration.sha256, LIMIT).await?;
    let mut session = target.connect(&SessionOptions::default()).await?;
    // From here on the database is whole, and whoever asked for it may use it.
    session.execute(&format!("UPDATE {marker} SET done = 1")).await?;
    let report = counted(&mut session, database).await;
    session.close().await;
    report
}

async fn counted(session: &mut driver_mariadb::Session, database: &str) -> Result<RestoreReport> {
    let sql = "SELECT TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? \
               AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND TABLE_NAME <> ? ORDER BY 1";
    let tables = session.query_json(sql, &[json!(database), json!(MARKER)]).await?;
    let mut rows = 0;
    for table in tables.iter().filter_map(|row| row.get("name")?.as_str()) {
        let table = driver_mariadb::ObjectRef::new(database, table).quoted();
        let counted = session.query_json(&format!("SELECT COUNT(*) AS n FROM {table}"), &[]).await?;
        rows += counted.first().and_then(|row| row.get("n")).and_then(Value::as_u64).unwrap_or_default();
    }
    Ok(RestoreReport { database: database.to_owned(), tables: tables.len() as u64, rows })
}

async fn found_in_mongodb(target: &driver_mongodb::Target) -> Result<Found> {
    let listed = target.run(&json!({ "listCollections": 1, "nameOnly": true }), None, None, SHORT).await?;
    let names = listed["cursor"]["firstBatch"].as_array().cloned().unwrap_or_default();
    if names.is_empty() {
        return Ok(Found::Nothing);
    }
    if !names.iter().any(|found| found["name"] == MARKER) {
        return Ok(Found::Occupied);
    }
    let found = target.run(&json!({ "find": MARKER, "limit": 1, "singleBatch": true }), None, None, SHORT).await?;
    let marker = &found["cursor"]["firstBatch"][0];
    Ok(Found::marked(marker["owner"].as_str(), marker["done"] == true))
}

async fn into_mongodb(target: &driver_mongodb::Target, restoration: &Restoration<'_>) -> Result<RestoreReport> {
    let other = target.sibling(restoration.database);
    let found = found_in_mongodb(&other).await?;
    if found.is_done(restoration)? {
        return counted_documents(&other).await;
    }
    if found != Found::Nothing {
        other.run(&json!({ "dropDatabase": 1 }), None, None, SHORT).await?;
    }
    let marker = json!({ "insert": MARKER, "documents": [{ "owner": restoration.owner, "done": false }] });
    other.run(&marker, None, None, SHORT).await?;
    other.restore(restoration.path, restoration.sha256, Existing::Refuse).await?;
    let done = json!({ "update": MARKER, "updates": [{ "q": {}, "u": { "$set": { "done": true } } }] });
    other.run(&done, None, None, SHORT).await?;
    counted_documents(&other).await
}

async fn counted_documents(target: &driver_mongodb::Target) -> Result<RestoreReport> {
    let collections = target.collections().await?;
    let mut rows = 0;
    for collection in &collections {
        rows += target.count(collection, &json!({})).await?;
    }
    Ok(RestoreReport { database: target.database().to_owned(), tables: collections.len() as u64, rows })
}

/// Why a database cannot be restored into.
pub(crate) fn occupied(database: &str) -> Sentence {
    sentence!("database {database} is there already; name one that is not", database)
}
