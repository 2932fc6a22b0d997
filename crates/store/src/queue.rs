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
            seqs.push(row.try_get::<u64, _>("seq")?);
            jobs.push(row.try_get::<uuid::Uuid, _>("job_id")?);
        }
        let mut delete = sqlx::QueryBuilder::new("DELETE FROM job_queue WHERE seq IN (");
        let mut list = delete.separated(", ");
        for seq in &seqs {
            list.push_bind(*seq);
        }
        delete.push(")");
        delete.build().execute(&mut *tx).await?;
        // A job that a stopping worker gave back is running or unwinding already and keeps that state. The
        // event's number is the new event_seq; assignments of one UPDATE see those before them.
        let mut update =
            sqlx::QueryBuilder::new("UPDATE jobs SET fence = fence + 1, event_seq = event_seq + 1, worker_id = ");
        update.push_bind(worker.0);
        update.push(
            ", state = IF(state = 'queued', 'running', state), started_at = COALESCE(started_at, UTC_TIMESTAMP(6)) WHERE id IN (",
        );
        let mut list = update.separated(", ");
        for job in &jobs {
            list.push_bind(*job);
        }
        update.push(")");
        update.build().execute(&mut *tx).await?;
        let mut events = sqlx::QueryBuilder::new(
            "INSERT INTO job_events (job_id, seq, at, kind, data) SELECT id, event_seq, UTC_TIMESTAMP(6), 'job', \
             JSON_OBJECT('state', state, 'fence', fence) FROM jobs WHERE id IN (",
        );
        let mut list = events.separated(", ");
        for job in &jobs {
            list.push_bind(*job);
        }
        events.push(")");
        events.build().execute(&mut *tx).await?;
        let mut select = sqlx::QueryBuilder::new("SELECT id, fence FROM jobs WHERE id IN (");
        let mut list = select.separated(", ");
        for job in &jobs {
            list.push_bind(*job);
        }
        select.push(")");
        let claimed = select.build().fetch_all(&mut *tx).await?;
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
