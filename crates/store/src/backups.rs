//! Backups that were written and verified.

use chrono::{DateTime, Utc};
use domain::environment::Engine;
use domain::ids::{BackupId, EnvironmentId, JobId};
use domain::view::{BackupView, Page};
use saga::{Held, JournalError};
use sqlx::Row;
use sqlx::mysql::MySqlRow;

use crate::database::Database;
use crate::error::{Error, Result};
use crate::journal::append_event;
use crate::page::Cursor;
use crate::rows::{time, time_or_none, word};

/// A backup that was written and read back.
#[derive(Debug, Clone)]
pub struct NewBackup {
    /// Its id.
    pub id: BackupId,
    /// Data store.
    pub store: String,
    /// Kind of the data store.
    pub engine: Engine,
    /// Where it is.
    pub path: String,
    /// Its size, bytes.
    pub bytes: u64,
    /// Hash of the file.
    pub sha256: String,
    /// The moment that its contents are of.
    pub begun_at: DateTime<Utc>,
}

impl Database {
    /// Notes a verified backup, under the claim of the job that made it. Writing the same one twice counts once.
    pub async fn record_backup(
        &self,
        held: &Held,
        step: u32,
        new: &NewBackup,
    ) -> std::result::Result<(), JournalError> {
        let (mut tx, seq) = self.begin_fenced(held).await?;
        sqlx::query(
            "INSERT INTO backups (id, environment_id, store, engine, path, bytes, sha256, job_id, begun_at, verified_at) \
             SELECT ?, environment_id, ?, ?, ?, ?, ?, id, ?, UTC_TIMESTAMP(6) FROM jobs WHERE id = ? \
             ON DUPLICATE KEY UPDATE path = backups.path",
        )
        .bind(new.id.0)
        .bind(&new.store)
        .bind(new.engine.as_str())
        .bind(&new.path)
        .bind(new.bytes)
        .bind(&new.sha256)
        .bind(new.begun_at)
        .bind(held.job.0)
        .execute(&mut *tx)
        .await
        .map_err(Error::from)?;
        let data = serde_json::json!({ "backup": new.path, "bytes": new.bytes });
        append_event(&mut tx, held.job, seq, "progress", Some(step), &data).await?;
        tx.commit().await.map_err(Error::from)?;
        Ok(())
    }

    /// Notes that a backup could be restored, under the claim of the job that did it.
    pub async fn record_restored(&self, held: &Held, id: BackupId) -> std::result::Result<(), JournalError> {
        let (mut tx, seq) = self.begin_fenced(held).await?;
        sqlx::query("UPDATE backups SET restored_at = UTC_TIMESTAMP(6) WHERE id = ?")
            .bind(id.0)
            .execute(&mut *tx)
            .await
            .map_err(Error::from)?;
        append_event(&mut tx, held.job, seq, "progress", None, &serde_json::json!({ "restored_backup": id })).await?;
        tx.commit().await.map_err(Error::from)?;
        Ok(())
    }

    /// The verified backups of an environment, or of one of its data stores, newest first.
    pub async fn backups(
        &self,
        environment: EnvironmentId,
        store: Option<&str>,
        cursor: &Cursor,
    ) -> Result<Page<BackupView>> {
        let rows = sqlx::query(
            "SELECT id, store, engine, path, bytes, sha256, job_id, begun_at, verified_at, restored_at FROM backups \
             WHERE environment_id = ? AND (? IS NULL OR store = ?) \
             AND id < COALESCE(?, 0xffffffffffffffffffffffffffffffff) ORDER BY id DESC LIMIT ?",
        )
        .bind(environment.0)
        .bind(store)
        .bind(store)
        .bind(cursor.after_id()?)
        .bind(cursor.fetch())
        .fetch_all(self.pool())
        .await?;
        let items = rows.iter().map(view).collect::<Result<Vec<_>>>()?;
        Ok(cursor.page(items, |item| item.id.to_string()))
    }

    /// A verified backup of an environment.
    pub async fn backup(&self, environment: EnvironmentId, id: BackupId) -> Result<BackupView> {
        let row = sqlx::query(
            "SELECT id, store, engine, path, bytes, sha256, job_id, begun_at, verified_at, restored_at FROM backups \
             WHERE environment_id = ? AND id = ?",
        )
        .bind(environment.0)
        .bind(id.0)
        .fetch_optional(self.pool())
        .await?
        .ok_or(Error::Missing("backup"))?;
        view(&row)
    }

    /// The verified backups that a job made.
    pub async fn backups_of_job(&self, job: JobId) -> Result<Vec<BackupView>> {
        let rows = sqlx::query(
            "SELECT id, store, engine, path, bytes, sha256, job_id, begun_at, verified_at, restored_at FROM backups \
             WHERE job_id = ? ORDER BY id",
        )
        .bind(job.0)
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(view).collect()
    }

    /// The verified backup of each data store whose contents are newest.
    pub async fn newest_backups(&self, environment: EnvironmentId) -> Result<Vec<BackupView>> {
        // A job holds its environment, so the backup that was noted last is the one that was begun last.
        let rows = sqlx::query(
            "SELECT id, store, engine, path, bytes, sha256, job_id, begun_at, verified_at, restored_at FROM backups WHERE id IN \
             (SELECT MAX(id) FROM backups WHERE environment_id = ? GROUP BY store) ORDER BY store",
        )
        .bind(environment.0)
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(view).collect()
    }

    /// The newest verified backup of a data store that was begun since `since`, if no migration ran there meanwhile.
    pub async fn backup_since(
        &self,
        environment: EnvironmentId,
        store: &str,
        since: DateTime<Utc>,
    ) -> Result<Option<NewBackup>> {
        let row = sqlx::query(
            "SELECT b.id, b.engine, b.path, b.bytes, b.sha256, b.begun_at FROM backups b \
             WHERE b.environment_id = ? AND b.store = ? AND b.begun_at >= ? AND NOT EXISTS \
               (SELECT 1 FROM ledger l WHERE l.environment_id = b.environment_id AND l.store = b.store AND l.at >= b.begun_at) \
             ORDER BY b.begun_at DESC LIMIT 1",
        )
        .bind(environment.0)
        .bind(store)
        .bind(since)
        .fetch_optional(self.pool())
        .await?;
        row.map(|row| {
            Ok(NewBackup {
                id: BackupId(row.try_get("id")?),
                store: store.to_owned(),
                engine: engine(&row)?,
                path: row.try_get("path")?,
                bytes: row.try_get("bytes")?,
                sha256: row.try_get("sha256")?,
                begun_at: time(&row, "begun_at")?,
            })
        })
        .transpose()
    }
}

fn view(row: &MySqlRow) -> Result<BackupView> {
    Ok(BackupView {
        id: BackupId(row.try_get("id")?),
        store: row.try_get("store")?,
        engine: engine(row)?,
        path: row.try_get("path")?,
        bytes: row.try_get("bytes")?,
        sha256: row.try_get("sha256")?,
        job: JobId(row.try_get("job_id")?),
        begun_at: time(row, "begun_at")?,
        verified_at: time(row, "verified_at")?,
        restored_at: time_or_none(row, "restored_at")?,
    })
}

fn engine(row: &MySqlRow) -> Result<Engine> {
    word(row, "engine", |text| serde_json::from_value(text.into()).ok())
}
