//! A table of ours in the target: which statements that change rows have run, written in their transaction;
//! what was put aside and came back; and notes that have to outlive a worker.

use sentence::{Sentence, sentence};
use std::collections::BTreeMap;

use driver_mariadb::{Fingerprint, Session};
use saga::{StatementKey, StepContext, StepError};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::session::{Run, quoted};
use crate::error::Error;
use crate::kept::{noted, unreadable_note};

const TABLE: &str = "backout_statements";
/// What a marker ends with when it counts rows put aside, or brought back.
const PRESERVED: &str = "/preserved";
const RESTORED: &str = "/restored/";

/// How many rows the step put aside and brought back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) preserved: u64,
    pub(crate) restored: u64,
    /// What did not come back, and why.
    pub(crate) warnings: Vec<Sentence>,
}

impl Run {
    pub(crate) async fn create_markers(&mut self) -> Result<(), StepError> {
        let table = self.own(TABLE).quoted();
        if self
            .session
            .table_exists(driver_mariadb::ObjectRef::new(&self.database, TABLE))
            .await
            .map_err(Error::from)?
        {
            return Ok(());
        }
        self.execute(&format!(
            "CREATE TABLE IF NOT EXISTS {table} (marker VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL \
             PRIMARY KEY, affected BIGINT UNSIGNED NOT NULL DEFAULT 0, note LONGTEXT CHARACTER SET utf8mb4 NULL, \
             at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)) ENGINE=InnoDB"
        ))
        .await?;
        Ok(())
    }

    /// The table, quoted, for those that have to lock it.
    pub(crate) fn markers(&self) -> String {
        self.own(TABLE).quoted()
    }

    /// Writes a marker, in the session's transaction where there is one. One that is there stays.
    pub(crate) async fn mark(&mut self, marker: &str, rows: u64, note: Option<&str>) -> Result<(), StepError> {
        let sql = format!("INSERT IGNORE INTO {} (marker, affected, note) VALUES (?, ?, ?)", self.markers());
        self.ask(&sql, &[json!(marker), json!(rows), json!(note)]).await.map(drop)
    }

    /// Writes a marker, or writes it anew.
    pub(crate) async fn mark_anew(&mut self, marker: &str, rows: u64, note: Option<&str>) -> Result<(), StepError> {
        let sql = format!("REPLACE INTO {} (marker, affected, note) VALUES (?, ?, ?)", self.markers());
        self.ask(&sql, &[json!(marker), json!(rows), json!(note)]).await.map(drop)
    }

    /// The rows that a marker counts, if it is there.
    pub(crate) async fn marked(&mut self, marker: &str) -> Result<Option<u64>, StepError> {
        let sql = format!("SELECT affected FROM {} WHERE marker = ?", self.markers());
        let rows = self.ask(&sql, &[json!(marker)]).await?;
        Ok(rows.first().and_then(|row| row.get("affected")).and_then(Value::as_u64))
    }

    /// The note of a marker, if it is there and has one.
    pub(crate) async fn note(&mut self, marker: &str) -> Result<Option<String>, StepError> {
        let sql = format!("SELECT note FROM {} WHERE marker = ?", self.markers());
        let rows = self.ask(&sql, &[json!(marker)]).await?;
        Ok(rows.first().and_then(|row| row.get("note")).and_then(Value::as_str).map(str::to_owned))
    }

    /// What the notes of all markers say that match a pattern of `LIKE`, in the order in which they were written.
    pub(crate) async fn notes<T: DeserializeOwned>(&mut self, pattern: &str) -> Result<Vec<T>, StepError> {
        let sql = format!("SELECT marker, note FROM {} WHERE marker LIKE ? ORDER BY at, marker", self.markers());
        let rows = self.ask(&sql, &[json!(pattern)]).await?;
        let text = |row: &serde_json::Map<String, Value>, name: &str| {
            row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let read = |row| {
            let note = text(row, "note");
            serde_json::from_str(&note).map_err(|error| unreadable_note(&text(row, "marker"), &error))
        };
        rows.iter().map(read).collect()
    }

    pub(crate) async fn ask(
        &mut self,
        sql: &str,
        parameters: &[Value],
    ) -> Result<Vec<serde_json::Map<String, Value>>, StepError> {
        Ok(self.session.query_json(sql, parameters).await.map_err(Error::from)?)
    }

    /// The marker that counts what a statement put aside.
    pub(crate) fn preserved_marker(&self, key: &StatementKey) -> String {
        format!("{}{PRESERVED}", self.book.marker(key))
    }

    /// The marker that counts what came back of one thing kept.
    pub(crate) fn restored_marker(&self, id: domain::ids::PreservationId) -> String {
        let prefix = self.book.marker_prefix();
        format!("{}{RESTORED}{id}", prefix.trim_end_matches('/'))
    }

    /// The marker that counts which of the rows kept came back; others may have stayed.
    pub(crate) fn rows_back_marker(&self, id: domain::ids::PreservationId) -> String {
        format!("{}/rows", self.restored_marker(id))
    }

    /// Notes what the schema is: its hash under `marker`, and its objects by that hash, so that a difference can be
    /// named later.
    pub(crate) async fn remember_schema(&mut self, marker: &str, schema: &Fingerprint) -> Result<(), StepError> {
        let objects = serde_json::to_string(&schema.objects).map_err(|error| {
            StepError::permanent(sentence!("a fingerprint cannot be written: {error}", error = error.to_string()))
        })?;
        let sql = format!("INSERT IGNORE INTO {} (marker, note) VALUES (?, ?), (?, ?)", self.markers());
        let (by_hash, hash) = (schema_marker(&schema.sha256), &schema.sha256);
        self.ask(&sql, &[json!(by_hash), json!(objects), json!(marker), json!(hash)]).await.map(drop)
    }

    /// What [`Run::remember_schema`] wrote.
    pub(crate) async fn remembered_schema(
        &mut self,
        sha256: &str,
    ) -> Result<Option<BTreeMap<String, String>>, StepError> {
        let note = self.note(&schema_marker(sha256)).await?;
        Ok(note.and_then(|text| serde_json::from_str(&text).ok()))
    }
}

fn schema_marker(sha256: &str) -> String {
    format!("schema/{sha256}")
}

/// Adds up the step's markers.
pub(crate) async fn counts(session: &mut Session, database: &str, cx: &StepContext) -> Result<Counts, StepError> {
    let sql = format!(
        "SELECT CAST(COALESCE(SUM(IF(marker LIKE ?, affected, 0)), 0) AS UNSIGNED) AS preserved, \
         CAST(COALESCE(SUM(IF(marker LIKE ?, affected, 0)), 0) AS UNSIGNED) AS restored FROM {}",
        quoted(database, TABLE)
    );
    let step = format!("{}/{}", cx.held().job, cx.step());
    let parameters = [json!(format!("{step}/r/%{PRESERVED}")), json!(format!("{step}{RESTORED}%"))];
    let rows = session.query_json(&sql, &parameters).await.map_err(Error::from)?;
    let number = |name: &str| rows.first().and_then(|row| row.get(name)).and_then(Value::as_u64).unwrap_or_default();
    // What came back in the end is not told of any more.
    let sql = format!(
        "SELECT note FROM {table} AS told WHERE marker LIKE ? AND NOT EXISTS \
         (SELECT 1 FROM {table} AS back WHERE back.marker = REPLACE(told.marker, '/warning/', '{RESTORED}')) \
         ORDER BY marker",
        table = quoted(database, TABLE)
    );
    let told = session.query_json(&sql, &[json!(format!("{step}/warning/%"))]).await.map_err(Error::from)?;
    let warnings = told.iter().filter_map(|row| row.get("note")?.as_str().map(noted)).collect();
    Ok(Counts { preserved: number("preserved"), restored: number("restored"), warnings })
}
