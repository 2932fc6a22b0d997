//! The queue: jobs that wait for a worker, claimed in short transactions.

use std::collections::HashMap;

use domain::ids::{JobId, WorkerId};
use saga::Held;
use sqlx::{MySqlConnection, Row};
use uuid::Uuid;

use crate::database::Database;
use crate::error::{Error, Result};
use crate::group::Asked;
use crate::literals::{case, id, list};
use crate::short::ShortTransaction;

/// What one worker would take.
pub(crate) struct Claim {
    worker: WorkerId,
    limit: u32,
}

impl Database {
    /// Claims up to `limit` waiting jobs for the worker, oldest first. Rows that another process is claiming at this
    /// moment are passed over; claims of this process that come at the same time share a transaction.
    pub async fn claim(&self, worker: WorkerId, limit: u32) -> Result<Vec<Held>> {
        let database = self.clone();
        let take = move |batch: Vec<Asked<Claim, Result<Vec<Held>>>>| {
            let database = database.clone();
            async move { database.answer_claims(batch).await }
        };
        let place = self.claims().enter(Claim { worker, limit });
        // A claim whose answer is lost is found by its worker's own look at what it holds.
        self.claims().wait(place, take).await.unwrap_or_else(|| Err(broken_off("the claim broke off")))
    }

    async fn answer_claims(&self, batch: Vec<Asked<Claim, Result<Vec<Held>>>>) {
        let claims: Vec<&Claim> = batch.iter().map(|asked| &asked.question).collect();
        match self.take(&claims).await {
            Ok(taken) => {
                for (asked, held) in batch.into_iter().zip(taken) {
                    asked.answer(Ok(held));
                }
            }
            Err(error) => {
                // The cause can be told once; the others learn the same in words.
                let told = error.to_string();
                let mut cause = Some(error);
                for asked in batch {
                    asked.answer(Err(cause.take().unwrap_or_else(|| broken_off(&told))));
                }
            }
        }
    }

    /// Takes jobs for each claim, in one transaction.
    async fn take(&self, claims: &[&Claim]) -> Result<Vec<Vec<Held>>> {
        let wanted: u32 = claims.iter().map(|claim| claim.limit).sum();
        let oldest = format!("SELECT job_id FROM job_queue ORDER BY job_id LIMIT {wanted} FOR UPDATE SKIP LOCKED");
        let (transaction, found) = ShortTransaction::begin(self, &oldest).await?;
        let rows = found.into_iter().next().unwrap_or_default();
        let mut taken: Vec<Vec<Held>> = claims.iter().map(|_| Vec::new()).collect();
        if rows.is_empty() {
            transaction.rollback().await?;
            return Ok(taken);
        }
        let mut places = claims.iter().enumerate().flat_map(|(nth, claim)| (0..claim.limit).map(move |_| nth));
        let (mut jobs, mut workers) = (HashMap::new(), Vec::new());
        for (order, row) in rows.iter().enumerate() {
            let job = row.try_get::<Uuid, _>("job_id")?;
            let Some(nth) = places.next() else { break };
            workers.push((id(job), id(claims[nth].worker.0)));
            jobs.insert(job, (order, nth));
        }
        // A job that a stopping worker gave back is running or unwinding already and keeps that state. The event's
        // number is the new event_seq; assignments of one UPDATE see those before them.
        let ids = list(workers.iter().map(|(job, _)| job.clone()));
        let workers = case("worker_id", &workers, rows.len());
        // On a short table the server would scan, and wait for rows that another process is claiming: `sql_safe_updates`
        // has a DELETE go by its key.
        let writes = format!(
            "SET STATEMENT sql_safe_updates = 1 FOR DELETE FROM job_queue WHERE job_id IN ({ids}); \
             UPDATE jobs SET fence = fence + 1, event_seq = event_seq + 1, worker_id = {workers}, \
             state = IF(state = 'queued', 'running', state), started_at = COALESCE(started_at, UTC_TIMESTAMP(6)) \
             WHERE id IN ({ids}); \
             INSERT INTO job_events (job_id, seq, at, kind, data) SELECT id, event_seq, UTC_TIMESTAMP(6), 'job', \
             JSON_OBJECT('state', state, 'fence', fence) FROM jobs WHERE id IN ({ids}) \
             RETURNING job_id AS id, CAST(JSON_VALUE(data, '$.fence') AS UNSIGNED) AS fence"
        );
        let mut claimed = transaction
            .commit(&writes)
            .await?
            .iter()
            .flatten()
            .map(|row| Ok((row.try_get::<Uuid, _>("id")?, row.try_get::<u64, _>("fence")?)))
            .collect::<Result<Vec<_>>>()?;
        claimed.sort_unstable_by_key(|(job, _)| jobs.get(job).copied());
        for (job, fence) in claimed {
            if let Some((_, nth)) = jobs.get(&job) {
                taken[*nth].push(Held { job: JobId(job), worker: claims[*nth].worker, fence });
            }
        }
        Ok(taken)
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

fn broken_off(why: &str) -> Error {
    Error::Unavailable(sqlx::Error::Protocol(why.to_owned()))
}
