//! Jobs in a control database that was put back to an earlier day.

use domain::ids::JobId;
use domain::job::{self, JobEvent, JobState};
use domain::view::ErrorView;
use sentence::Sentence;
use serde_json::json;
use sqlx::Row;

use crate::audit::{self, AuditEntry};
use crate::database::Database;
use crate::error::{Error, Result};
use crate::jobs::next_event;
use crate::journal::{append_event, job_state, move_job};

/// A job that had not ended when the backup was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredJob {
    /// The job.
    pub id: JobId,
    /// Its application.
    pub application: String,
    /// Its environment.
    pub environment: String,
    /// Where it stands now: cancelled if it had not begun, else waiting for a person.
    pub state: JobState,
}

impl Database {
    /// Sees to it that no worker goes on with a job that had not ended when the backup was made: since then it may have
    /// ended, and others may have changed the same environment. Nothing else may use the database meanwhile; calling it
    /// again finds what it did.
    pub async fn rest_restored_jobs(&self, actor: &str, reason: &Sentence) -> Result<Vec<RestoredJob>> {
        let rows = sqlx::query(
            "SELECT j.id, a.name AS application, e.name AS environment FROM jobs j \
             JOIN environments e ON e.id = j.environment_id JOIN applications a ON a.id = e.application_id \
             WHERE j.state NOT IN ('succeeded', 'failed', 'cancelled', 'undone') ORDER BY j.id",
        )
        .fetch_all(self.pool())
        .await?;
        let mut rested = Vec::with_capacity(rows.len());
        for row in rows {
            let id = JobId(row.try_get("id")?);
            let state = self.rest(actor, id, reason).await?;
            rested.push(RestoredJob {
                id,
                application: row.try_get("application")?,
                environment: row.try_get("environment")?,
                state,
            });
        }
        Ok(rested)
    }

    async fn rest(&self, actor: &str, id: JobId, reason: &Sentence) -> Result<JobState> {
        let mut tx = self.begin().await?;
        let state = job_state(&mut tx, id).await?;
        let event = match state {
            JobState::Stuck => return Ok(state),
            JobState::Queued | JobState::AwaitingApproval => JobEvent::CancelledUntouched,
            _ => JobEvent::GotStuck,
        };
        let next = job::apply(state, event).map_err(|illegal| Error::Conflict(illegal.sentence()))?;
        let seq = next_event(&mut tx, id).await?;
        for sql in ["DELETE FROM job_queue WHERE job_id = ?", "UPDATE jobs SET worker_id = NULL WHERE id = ?"] {
            sqlx::query(sql).bind(id.0).execute(&mut *tx).await?;
        }
        let error = ErrorView { step: None, message: reason.clone(), hint: None };
        move_job(&mut tx, id, next, Some(&error)).await?;
        let data = json!({ "state": next.as_str(), "restored_by": actor, "reason": reason });
        append_event(&mut tx, id, seq, "job", None, &data).await?;
        let detail = json!({ "state": next.as_str(), "reason": reason.to_string() });
        let entry = AuditEntry { actor, action: "job.restored", subject: format!("job/{id}"), detail };
        audit::append(&mut tx, self.keys(), &entry).await?;
        tx.commit().await?;
        Ok(next)
    }
}
