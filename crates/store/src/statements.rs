//! The saga's journal of statements, our ledgers, and the record of kept data.

use async_trait::async_trait;
use domain::ids::{JobId, MigrationId, PreservationId};
use domain::ledger::Direction;
use domain::view::StatementView;
use saga::{
    AppliedUp, Held, Journal, JournalError, LedgerRecord, Preservation, StatementEntry, StatementJournal, StatementKey,
};
use sentence::sentence;
use serde_json::json;
use sqlx::Row;
use sqlx::mysql::MySqlRow;

use crate::database::Database;
use crate::error::{Error, Result};
use crate::journal::append_event;
use crate::rows::{json as json_column, time, time_or_none, to_json, word};

const PRESERVATION: &str = "SELECT id, store, migration, object, keeper, row_count, checksum FROM preservations WHERE environment_id = \
     (SELECT environment_id FROM jobs WHERE id = ?) AND store = ? AND migration = ? AND state = 'kept' ORDER BY id";

/// The most statements that a report shows: scripts that fill tables have thousands.
const REPORTED: u32 = 10_000;

impl Database {
    /// The statements that a job has run, in the order in which they were begun.
    pub async fn statements_of_job(&self, job: JobId) -> Result<Vec<StatementView>> {
        let rows = sqlx::query(
            "SELECT step, is_undo, migration, direction, idx, begun_at, done_at, affected FROM job_statements \
             WHERE job_id = ? ORDER BY begun_at, step, is_undo, seq LIMIT ?",
        )
        .bind(job.0)
        .bind(REPORTED)
        .fetch_all(self.pool())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(StatementView {
                    step: row.try_get("step")?,
                    undo: row.try_get("is_undo")?,
                    migration: row.try_get("migration")?,
                    direction: word(row, "direction", Direction::from_word)?,
                    index: row.try_get("idx")?,
                    begun_at: time(row, "begun_at")?,
                    done_at: time_or_none(row, "done_at")?,
                    affected: row.try_get("affected")?,
                })
            })
            .collect()
    }
}

#[async_trait]
impl StatementJournal for Database {
    async fn entries(&self, held: &Held, step: u32) -> std::result::Result<Vec<StatementEntry>, JournalError> {
        self.assert_held(held).await?;
        let rows = sqlx::query(
            "SELECT is_undo, migration, direction, idx, sha256, done_at IS NOT NULL AS done FROM job_statements \
             WHERE job_id = ? AND step = ? ORDER BY seq",
        )
        .bind(held.job.0)
        .bind(step)
        .fetch_all(self.pool())
        .await
        .map_err(Error::from)?;
        Ok(rows.iter().map(entry).collect::<Result<_>>()?)
    }

    async fn note_connection(&self, held: &Held, step: u32, connection: u64) -> std::result::Result<(), JournalError> {
        let (mut tx, seq) = self.begin_fenced(held).await?;
        sqlx::query("UPDATE job_steps SET connection_id = ? WHERE job_id = ? AND step = ?")
            .bind(connection)
            .bind(held.job.0)
            .bind(step)
            .execute(&mut *tx)
            .await
            .map_err(Error::from)?;
        append_event(&mut tx, held.job, seq, "progress", Some(step), &json!({ "connection": connection })).await?;
        tx.commit().await.map_err(Error::from)?;
        Ok(())
    }

    async fn last_connection(&self, held: &Held, step: u32) -> std::result::Result<Option<u64>, JournalError> {
        self.assert_held(held).await?;
        Ok(sqlx::query_scalar("SELECT connection_id FROM job_steps WHERE job_id = ? AND step = ?")
            .bind(held.job.0)
            .bind(step)
            .fetch_one(self.pool())
            .await
            .map_err(Error::from)?)
    }

    async fn intent(&self, held: &Held, step: u32, key: &StatementKey) -> std::result::Result<(), JournalError> {
        let (mut tx, seq) = self.begin_fenced(held).await?;
        sqlx::query(
            "INSERT INTO job_statements (job_id, step, seq, is_undo, migration, direction, idx, sha256, begun_at) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(6)) ON DUPLICATE KEY UPDATE seq = job_statements.seq",
        )
        .bind(held.job.0)
        .bind(step)
        .bind(seq)
        .bind(key.undo)
        .bind(&key.migration)
        .bind(key.direction.as_str())
        .bind(key.index)
        .bind(&key.sha256)
        .execute(&mut *tx)
        .await
        .map_err(Error::from)?;
        append_event(&mut tx, held.job, seq, "progress", Some(step), &statement("begun", key)).await?;
        tx.commit().await.map_err(Error::from)?;
        Ok(())
    }

    async fn done(
        &self,
        held: &Held,
        step: u32,
        key: &StatementKey,
        rows: u64,
    ) -> std::result::Result<(), JournalError> {
        let (mut tx, seq) = self.begin_fenced(held).await?;
        let begun = sqlx::query(
            "UPDATE job_statements SET done_at = UTC_TIMESTAMP(6), affected = ? \
             WHERE job_id = ? AND step = ? AND is_undo = ? AND migration = ? AND direction = ? AND idx = ?",
        )
        .bind(rows)
        .bind(held.job.0)
        .bind(step)
        .bind(key.undo)
        .bind(&key.migration)
        .bind(key.direction.as_str())
        .bind(key.index)
        .execute(&mut *tx)
        .await
        .map_err(Error::from)?;
        if begun.rows_affected() != 1 {
            let (migration, index) = (&key.migration, key.index);
            return Err(JournalError::Illegal(sentence!(
                "statement {index} of {migration} is done but was never begun",
                index,
                migration
            )));
        }
        append_event(&mut tx, held.job, seq, "progress", Some(step), &statement("done", key)).await?;
        tx.commit().await.map_err(Error::from)?;
        Ok(())
    }

    async fn record_ledger(
        &self,
        held: &Held,
        step: u32,
        record: &LedgerRecord,
    ) -> std::result::Result<(), JournalError> {
        let (mut tx, seq) = self.begin_fenced(held).await?;
        sqlx::query(
            "INSERT INTO ledger (environment_id, store, migration_id, version, name, direction, script_sha256, \
             fingerprint_before, fingerprint_after, job_id, step, at) \
             SELECT environment_id, ?, ?, ?, ?, ?, ?, ?, ?, id, ?, UTC_TIMESTAMP(6) FROM jobs WHERE id = ? \
             ON DUPLICATE KEY UPDATE store = ledger.store",
        )
        .bind(&record.store)
        .bind(record.migration.0)
        .bind(&record.version)
        .bind(&record.name)
        .bind(record.direction.as_str())
        .bind(&record.script_sha256)
        .bind(&record.fingerprint_before)
        .bind(&record.fingerprint_after)
        .bind(step)
        .bind(held.job.0)
        .execute(&mut *tx)
        .await
        .map_err(Error::from)?;
        let data = json!({ "migration": record.version, "direction": record.direction.as_str(), "ledger": "written" });
        append_event(&mut tx, held.job, seq, "progress", Some(step), &data).await?;
        tx.commit().await.map_err(Error::from)?;
        Ok(())
    }

    async fn applied_up(
        &self,
        held: &Held,
        store: &str,
        version: &str,
    ) -> std::result::Result<Option<AppliedUp>, JournalError> {
        self.assert_held(held).await?;
        let row = sqlx::query(
            "SELECT migration_id, script_sha256, fingerprint_before, fingerprint_after FROM ledger WHERE environment_id = (SELECT environment_id FROM jobs WHERE id = ?) \
             AND store = ? AND version = ? AND direction = 'up' ORDER BY id DESC LIMIT 1",
        )
        .bind(held.job.0)
        .bind(store)
        .bind(version)
        .fetch_optional(self.pool())
        .await
        .map_err(Error::from)?;
        Ok(row.as_ref().map(applied_up).transpose()?)
    }

    async fn keep(&self, held: &Held, step: u32, kept: &Preservation) -> std::result::Result<(), JournalError> {
        let (mut tx, seq) = self.begin_fenced(held).await?;
        // A copy that is made again after a crash, before anything was destroyed, has the same id and newer rows.
        sqlx::query(
            "INSERT INTO preservations (id, environment_id, store, migration, object, keeper, row_count, checksum, \
             state, job_id, step, kept_at) SELECT ?, environment_id, ?, ?, ?, ?, ?, ?, 'kept', id, ?, UTC_TIMESTAMP(6) \
             FROM jobs WHERE id = ? ON DUPLICATE KEY UPDATE \
             row_count = IF(preservations.state = 'kept', VALUES(row_count), preservations.row_count), \
             checksum = IF(preservations.state = 'kept', VALUES(checksum), preservations.checksum)",
        )
        .bind(kept.id.0)
        .bind(&kept.store)
        .bind(&kept.migration)
        .bind(&kept.object)
        .bind(to_json(&kept.keeper)?)
        .bind(kept.rows)
        .bind(&kept.checksum)
        .bind(step)
        .bind(held.job.0)
        .execute(&mut *tx)
        .await
        .map_err(Error::from)?;
        let data = json!({ "kept": kept.object, "rows": kept.rows });
        append_event(&mut tx, held.job, seq, "progress", Some(step), &data).await?;
        tx.commit().await.map_err(Error::from)?;
        Ok(())
    }

    async fn kept(
        &self,
        held: &Held,
        store: &str,
        migration: &str,
    ) -> std::result::Result<Vec<Preservation>, JournalError> {
        self.assert_held(held).await?;
        let rows = sqlx::query(PRESERVATION)
            .bind(held.job.0)
            .bind(store)
            .bind(migration)
            .fetch_all(self.pool())
            .await
            .map_err(Error::from)?;
        Ok(rows.iter().map(preservation).collect::<Result<_>>()?)
    }

    async fn restored(&self, held: &Held, id: PreservationId) -> std::result::Result<(), JournalError> {
        let (mut tx, seq) = self.begin_fenced(held).await?;
        sqlx::query(
            "UPDATE preservations SET state = 'restored', restored_at = UTC_TIMESTAMP(6), restored_by = ? \
             WHERE id = ? AND state = 'kept'",
        )
        .bind(held.job.0)
        .bind(id.0)
        .execute(&mut *tx)
        .await
        .map_err(Error::from)?;
        append_event(&mut tx, held.job, seq, "progress", None, &json!({ "restored": id })).await?;
        tx.commit().await.map_err(Error::from)?;
        Ok(())
    }

    async fn kept_again(&self, held: &Held, id: PreservationId) -> std::result::Result<(), JournalError> {
        let (mut tx, seq) = self.begin_fenced(held).await?;
        sqlx::query(
            "UPDATE preservations SET state = 'kept', restored_at = NULL, restored_by = NULL \
             WHERE id = ? AND state = 'restored' AND restored_by = ?",
        )
        .bind(id.0)
        .bind(held.job.0)
        .execute(&mut *tx)
        .await
        .map_err(Error::from)?;
        append_event(&mut tx, held.job, seq, "progress", None, &json!({ "kept_again": id })).await?;
        tx.commit().await.map_err(Error::from)?;
        Ok(())
    }
}

fn statement(what: &str, key: &StatementKey) -> serde_json::Value {
    json!({ "statement": what, "migration": key.migration, "direction": key.direction.as_str(), "index": key.index, "undo": key.undo })
}

fn entry(row: &MySqlRow) -> Result<StatementEntry> {
    Ok(StatementEntry {
        key: StatementKey {
            undo: row.try_get("is_undo")?,
            migration: row.try_get("migration")?,
            direction: word(row, "direction", Direction::from_word)?,
            index: row.try_get("idx")?,
            sha256: row.try_get("sha256")?,
        },
        done: row.try_get::<i64, _>("done")? != 0,
    })
}

fn applied_up(row: &MySqlRow) -> Result<AppliedUp> {
    Ok(AppliedUp {
        migration: MigrationId(row.try_get("migration_id")?),
        script_sha256: row.try_get("script_sha256")?,
        fingerprint_before: row.try_get("fingerprint_before")?,
        fingerprint_after: row.try_get("fingerprint_after")?,
    })
}

pub(crate) fn preservation(row: &MySqlRow) -> Result<Preservation> {
    Ok(Preservation {
        id: PreservationId(row.try_get("id")?),
        store: row.try_get("store")?,
        migration: row.try_get("migration")?,
        object: row.try_get("object")?,
        keeper: json_column(row, "keeper")?,
        rows: row.try_get("row_count")?,
        checksum: row.try_get("checksum")?,
    })
}
