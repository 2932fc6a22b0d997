//! Workers, their heartbeats, and the taking over of what they left behind.
//!
//! A lease is the worker's beat counter. Whoever wants to take over has watched the counter stand still
//! for the lease's length on its own monotonic clock, or has found the worker's file lock free on the
//! same host; clocks of different machines are never compared.

use std::time::Duration;

use domain::ids::{JobId, WorkerId};
use saga::Held;
use sqlx::{Connection, MySqlConnection, Row};

use crate::database::Database;
use crate::error::Result;

/// A worker as it registered.
#[derive(Debug, Clone)]
pub struct WorkerRow {
    /// Its id.
    pub id: WorkerId,
    /// Its host.
    pub host: String,
    /// The file that it holds a lock on, on that host.
    pub lock_file: String,
}

/// A job whose worker may be gone.
#[derive(Debug, Clone)]
pub struct Orphan {
    /// The job.
    pub job: JobId,
    /// Fence of the claim.
    pub fence: u64,
    /// Who claimed it.
    pub owner: WorkerRow,
    /// The owner's beat counter.
    pub beat: u64,
    /// Whether the owner said goodbye.
    pub ended: bool,
}

impl Database {
    /// Makes a worker known.
    pub async fn register_worker(&self, worker: &WorkerRow) -> Result<()> {
        sqlx::query("INSERT INTO workers (id, lock_file, host, started_at) VALUES (?, ?, ?, UTC_TIMESTAMP(6))")
            .bind(worker.id.0)
            .bind(&worker.lock_file)
            .bind(&worker.host)
            .execute(self.pool())
            .await?;
        Ok(())
    }

    /// The worker ends in good order.
    pub async fn end_worker(&self, worker: WorkerId) -> Result<()> {
        sqlx::query("UPDATE workers SET ended_at = UTC_TIMESTAMP(6) WHERE id = ?")
            .bind(worker.0)
            .execute(self.pool())
            .await?;
        Ok(())
    }

    /// How many workers have beaten within that time and have not said goodbye, by the database's own clock. For people:
    /// jobs are not taken over by it.
    pub async fn living_workers(&self, within: Duration) -> Result<u64> {
        let living: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM workers \
             WHERE ended_at IS NULL AND beaten_at > CURRENT_TIMESTAMP(6) - INTERVAL ? SECOND",
        )
        .bind(within.as_secs())
        .fetch_one(self.pool())
        .await?;
        Ok(living.unsigned_abs())
    }

    /// A connection of its own for the heartbeat.
    pub async fn heart(&self) -> Result<Heart> {
        Ok(Heart { connection: self.connect_alone().await? })
    }

    /// Jobs that workers hold, this one among them.
    pub async fn held_jobs(&self) -> Result<Vec<Orphan>> {
        let rows = sqlx::query(
            "SELECT j.id, j.fence, w.id AS worker, w.host, w.lock_file, w.beat, w.ended_at IS NOT NULL AS ended \
             FROM jobs j JOIN workers w ON w.id = j.worker_id \
             WHERE j.state IN ('running', 'unwinding') ORDER BY j.id LIMIT 1000",
        )
        .fetch_all(self.pool())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Orphan {
                    job: JobId(row.try_get("id")?),
                    fence: row.try_get("fence")?,
                    owner: WorkerRow {
                        id: WorkerId(row.try_get("worker")?),
                        host: row.try_get("host")?,
                        lock_file: row.try_get("lock_file")?,
                    },
                    beat: row.try_get("beat")?,
                    ended: row.try_get::<i64, _>("ended")? != 0,
                })
            })
            .collect()
    }

    /// Takes a job over. `None` if its owner showed life meanwhile, or somebody else was faster.
    ///
    /// `dead` says that the owner's process is known to have ended; its beat is not asked then.
    pub async fn take_over(&self, me: WorkerId, orphan: &Orphan, dead: bool) -> Result<Option<Held>> {
        let mut tx = self.begin().await?;
        let taken = sqlx::query(
            "UPDATE jobs SET fence = fence + 1, worker_id = ?, event_seq = event_seq + 1 \
             WHERE id = ? AND fence = ? AND state IN ('running', 'unwinding') \
             AND (? OR EXISTS (SELECT 1 FROM workers WHERE id = ? AND beat = ?))",
        )
        .bind(me.0)
        .bind(orphan.job.0)
        .bind(orphan.fence)
        .bind(dead)
        .bind(orphan.owner.id.0)
        .bind(orphan.beat)
        .execute(&mut *tx)
        .await?;
        if taken.rows_affected() != 1 {
            return Ok(None);
        }
        sqlx::query(
            "INSERT INTO job_events (job_id, seq, at, kind, data) SELECT id, event_seq, UTC_TIMESTAMP(6), 'job', \
             JSON_OBJECT('taken_over', TRUE, 'state', state, 'fence', fence) FROM jobs WHERE id = ?",
        )
        .bind(orphan.job.0)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Some(Held { job: orphan.job, worker: me, fence: orphan.fence + 1 }))
    }
}

/// The heartbeat's own connection: a busy pool must not starve it.
pub struct Heart {
    connection: MySqlConnection,
}

impl Heart {
    /// Counts the worker's beat up by one.
    pub async fn beat(&mut self, worker: WorkerId) -> Result<()> {
        sqlx::query("UPDATE workers SET beat = beat + 1 WHERE id = ?")
            .bind(worker.0)
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    /// Closes the connection.
    pub async fn close(self) -> Result<()> {
        Ok(self.connection.close().await?)
    }
}
