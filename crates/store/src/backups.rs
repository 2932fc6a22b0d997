//! Backups that were written and verified.

use chrono::{DateTime, Utc};
use domain::environment::Engine;
use domain::ids::{BackupId, EnvironmentId, JobId};
use domain::view::BackupView;
use saga::{Held, JournalError};
use sqlx::Row;

use crate::database::Database;
use crate::error::{Error, Result};
use crate::journal::append_event;
use crate::rows::time;

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
    /// Notes a verified backup, under the claim of the job that made it.
    pub async fn record_backup(
        &self,
        held: &Held,
        step: u32,
        new: &NewBackup,
    ) -> std::result::Result<(), JournalError> {
        let (mut tx, seq) = self.begin_fenced(held).await?;
        sqlx::query(
            "INSERT INTO backups (id, environment_id, store, engine, path, bytes, sha256, job_id, begun_at, verified_at) \
             SELECT ?, environment_id, ?, ?, ?, ?, ?, id, ?, UTC_TIMESTAMP(6) FROM jobs WHERE id = ?",
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

    /// The newest verified backup of a data store.
    pub async fn newest_backup(&self, environment: EnvironmentId, store: &str) -> Result<Option<(BackupView, JobId)>> {
        let row = sqlx::query(
            "SELECT id, store, path, bytes, sha256, verified_at, job_id FROM backups \
             WHERE environment_id = ? AND store = ? ORDER BY id DESC LIMIT 1",
        )
        .bind(environment.0)
        .bind(store)
        .fetch_optional(self.pool())
        .await?;
        row.map(|row| {
            let view = BackupView {
                id: BackupId(row.try_get("id")?),
                store: row.try_get("store")?,
                path: row.try_get("path")?,
                bytes: row.try_get("bytes")?,
                sha256: row.try_get("sha256")?,
                verified_at: time(&row, "verified_at")?,
            };
            Ok((view, JobId(row.try_get("job_id")?)))
        })
        .transpose()
    }
}
