//! The queue: jobs that wait for a worker, claimed in short transactions.

use domain::ids::{JobId, WorkerId};
use saga::Held;
use sqlx::{MySqlConnection, Row};

use crate::database::Database;
use crate::error::Result;

impl Database {
    /// Claims up to `limit` waiting jobs for the worker, oldest first. Rows that another worker is
    /// claiming at this moment are passed over.
    pub async fn claim(&self, worker: WorkerId, limit: u32) -> Result<Vec<Held>> {
        let mut tx = self.begin().await?;
        let rows = sqlx::query("SELECT seq, job_id FROM job_queue ORDER BY seq LIMIT ? FOR UPDATE SKIP LOCKED")
            .bind(limit)
            .fetch_all(&mut *tx)
            .await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let mut seqs = Vec::with_capacity(rows.len());
        let mut jobs = Vec::with_capacity(rows.len());
        for row in &rows {
            seqs.push(row.try_get::<u64, _>("seq")?.to_string());
            jobs.push(row.try_get::<uuid::Uuid, _>("job_id")?);
        }
        // Three statements in one round trip; they hold numbers and ids only. A job that a stopping worker gave back
        // is running or unwinding already and keeps that state. The event's number is the new event_seq;
        // assignments of one UPDATE see those before them.
        let seqs = seqs.join(", ");
        let ids = jobs.iter().map(|job| format!("0x{}", job.simple())).collect::<Vec<_>>().join(", ");
        let take = format!(
            "DELETE FROM job_queue WHERE seq IN ({seqs}); \
             UPDATE jobs SET fence = fence + 1, event_seq = event_seq + 1, worker_id = 0x{}, \
             state = IF(state = 'queued', 'running', state), started_at = COALESCE(started_at, UTC_TIMESTAMP(6)) \
             WHERE id IN ({ids}); \
             INSERT INTO job_events (job_id, seq, at, kind, data) SELECT id, event_seq, UTC_TIMESTAMP(6), 'job', \
             JSON_OBJECT('state', state, 'fence', fence) FROM jobs WHERE id IN ({ids}) \
             RETURNING job_id AS id, CAST(JSON_VALUE(data, '$.fence') AS UNSIGNED) AS fence",
            worker.0.simple()
        );
        let claimed = sqlx::raw_sql(sqlx::AssertSqlSafe(take)).fetch_all(&mut *tx).await?;
        tx.commit().await?;
        let mut held = claimed
            .iter()
            .map(|row| Ok(Held { job: JobId(row.try_get("id")?), worker, fence: row.try_get("fence")? }))
            .collect::<Result<Vec<_>>>()?;
        held.sort_by_key(|held| jobs.iter().position(|job| *job == held.job.0));
        Ok(held)
    }

    /// Gives a job back to the queue, for whoever comes next; a worker that stops does this.
    pub async fn give_back(&self, held: &Held) -> Result<()> {
        let mut tx = self.begin().await?;
        let ours = sqlx::query("UPDATE jobs SET worker_id = NULL WHERE id = ? AND fence = ? AND worker_id = ?")
            .bind(held.job.0)
            .bind(held.fence)
            .bind(held.worker.0)
            .execute(&mut *tx)
            .await?;
        if ours.rows_affected() == 1 {
            into_queue(&mut tx, held.job).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

pub(crate) async fn into_queue(connection: &mut MySqlConnection, job: JobId) -> Result<()> {
    sqlx::query("INSERT INTO job_queue (job_id) VALUES (?) ON DUPLICATE KEY UPDATE job_id = job_id")
        .bind(job.0)
        .execute(connection)
        .await?;
    Ok(())
}
