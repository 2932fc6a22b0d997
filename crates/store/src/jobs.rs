//! Jobs as people and programs look at them, and what people decide about them.

use domain::deployment::DeploymentKind;
use domain::ids::{DeploymentId, JobId};
use domain::job::{self, JobEvent, JobState};
use domain::plan::Plan;
use domain::step::{self, StepEvent, StepState};
use domain::view::{JobEventView, JobView, Measurements, Page, StepView};
use sentence::sentence;
use serde_json::json;
use sqlx::mysql::MySqlRow;
use sqlx::{MySqlConnection, Row};

use crate::audit::{self, AuditEntry};
use crate::database::Database;
use crate::error::{Error, Result};
use crate::journal::{append_event, job_state, move_job};
use crate::page::Cursor;
use crate::queue::into_queue;
use crate::rows::{json as json_column, json_or_none, time, time_or_none, version, version_or_none, word};

/// Which jobs.
#[derive(Debug, Clone, Default)]
pub struct JobQuery {
    /// Only of this application.
    pub application: Option<String>,
    /// Only of environments of this name.
    pub environment: Option<String>,
    /// Only in this state.
    pub state: Option<JobState>,
}

const COLUMNS: &str = "SELECT j.id, j.kind, a.name AS application, e.name AS environment, j.deployment_id, \
     j.from_version, j.to_version, j.state, j.actor, j.reason, j.created_at, j.started_at, j.ended_at, j.error, \
     j.recovery_ms, j.downtime_ms, j.rows_preserved, j.rows_restored, j.backup_age_ms, j.event_seq, j.plan \
     FROM jobs j JOIN environments e ON e.id = j.environment_id \
     JOIN applications a ON a.id = e.application_id";

impl Database {
    /// Jobs, newest first, without steps and plan.
    pub async fn jobs(&self, query: &JobQuery, cursor: &Cursor) -> Result<Page<JobView>> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "{COLUMNS} WHERE (? IS NULL OR a.name = ?) AND (? IS NULL OR e.name = ?) AND (? IS NULL OR j.state = ?) \
             AND j.id < COALESCE(?, 0xffffffffffffffffffffffffffffffff) ORDER BY j.id DESC LIMIT ?"
        )))
        .bind(query.application.as_deref())
        .bind(query.application.as_deref())
        .bind(query.environment.as_deref())
        .bind(query.environment.as_deref())
        .bind(query.state.map(JobState::as_str))
        .bind(query.state.map(JobState::as_str))
        .bind(cursor.after_id()?)
        .bind(cursor.fetch())
        .fetch_all(self.pool())
        .await?;
        let items = rows.iter().map(summary).collect::<Result<Vec<_>>>()?;
        Ok(cursor.page(items, |item| item.id.to_string()))
    }

    /// The job with its steps and its plan.
    pub async fn job_view(&self, id: JobId) -> Result<JobView> {
        let row = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE j.id = ?")))
            .bind(id.0)
            .fetch_optional(self.pool())
            .await?
            .ok_or(Error::Missing("job"))?;
        let steps = sqlx::query(
            "SELECT step, name, subject, state, attempts, started_at, finished_at, output, error FROM job_steps \
             WHERE job_id = ? ORDER BY step",
        )
        .bind(id.0)
        .fetch_all(self.pool())
        .await?;
        Ok(JobView {
            steps: steps.iter().map(step_view).collect::<Result<_>>()?,
            plan: Some(json_column::<Plan>(&row, "plan")?),
            ..summary(&row)?
        })
    }

    /// Events after the given one, oldest first, at most `limit`.
    pub async fn events(&self, id: JobId, after: u64, limit: u32) -> Result<Vec<JobEventView>> {
        let rows = sqlx::query(
            "SELECT seq, at, kind, step, data FROM job_events WHERE job_id = ? AND seq > ? ORDER BY seq LIMIT ?",
        )
        .bind(id.0)
        .bind(after)
        .bind(limit)
        .fetch_all(self.pool())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(JobEventView {
                    seq: row.try_get("seq")?,
                    at: time(row, "at")?,
                    kind: row.try_get("kind")?,
                    step: row.try_get("step")?,
                    data: json_column(row, "data")?,
                })
            })
            .collect()
    }

    /// Asks for a job to be called off. One that no worker has begun ends at once.
    pub async fn cancel(&self, actor: &str, id: JobId, reason: &str) -> Result<JobState> {
        let mut tx = self.begin().await?;
        // Queue row before job row, as whoever claims takes them; the other way round the two would deadlock. Whoever puts a
        // job into the queue holds its row already, and finds no row there that others could hold.
        sqlx::query("SELECT job_id FROM job_queue WHERE job_id = ? FOR UPDATE")
            .bind(id.0)
            .fetch_optional(&mut *tx)
            .await?;
        let state = job_state(&mut tx, id).await.map_err(missing_job)?;
        if state.is_final() || state == JobState::Stuck || state == JobState::Unwinding {
            return Err(Error::Conflict(sentence!(
                "the job is {state} and cannot be cancelled",
                state = state.as_str()
            )));
        }
        if is_past_pivot(&mut tx, id).await? {
            return Err(Error::Conflict(sentence!("the job is past the point of no return and only goes forward")));
        }
        let seq = next_event(&mut tx, id).await?;
        sqlx::query("UPDATE jobs SET cancel_reason = COALESCE(cancel_reason, ?) WHERE id = ?")
            .bind(reason)
            .bind(id.0)
            .execute(&mut *tx)
            .await?;
        // A job given back by a stopping worker waits in the queue too, but has been touched.
        let untouched = matches!(state, JobState::Queued | JobState::AwaitingApproval);
        let next = if untouched {
            sqlx::query("DELETE FROM job_queue WHERE job_id = ?").bind(id.0).execute(&mut *tx).await?;
            let next = job::apply(state, JobEvent::CancelledUntouched).map_err(|e| Error::Conflict(e.sentence()))?;
            move_job(&mut tx, id, next, None).await?;
            next
        } else {
            state
        };
        let data = json!({ "state": next.as_str(), "cancel_requested_by": actor, "reason": reason });
        append_event(&mut tx, id, seq, "job", None, &data).await?;
        self.audit_job(&mut tx, actor, "job.cancel", id, reason).await?;
        tx.commit().await?;
        Ok(next)
    }

    /// Lets a stuck job go on, forward or back.
    pub async fn resolve(&self, actor: &str, id: JobId, event: JobEvent, reason: &str) -> Result<JobState> {
        let mut tx = self.begin().await?;
        let state = job_state(&mut tx, id).await.map_err(missing_job)?;
        let next = job::apply(state, event).map_err(|illegal| Error::Conflict(illegal.sentence()))?;
        if event == JobEvent::UnwindWanted && has_begun_to_clean_up(&mut tx, id).await? {
            let why = sentence!("what was kept for going back is being removed already: the job can only be retried");
            return Err(Error::Conflict(why));
        }
        let seq = next_event(&mut tx, id).await?;
        // The worker that got stuck with it has let go; the fence rises with the next claim.
        sqlx::query("UPDATE jobs SET worker_id = NULL WHERE id = ?").bind(id.0).execute(&mut *tx).await?;
        move_job(&mut tx, id, next, None).await?;
        if event == JobEvent::RetryWanted {
            begin_failed_steps_again(&mut tx, id).await?;
        }
        into_queue(&mut tx, id).await?;
        let data = json!({ "state": next.as_str(), "resolved_by": actor, "reason": reason });
        append_event(&mut tx, id, seq, "job", None, &data).await?;
        self.audit_job(&mut tx, actor, "job.resolve", id, reason).await?;
        tx.commit().await?;
        Ok(next)
    }

    async fn audit_job(
        &self,
        connection: &mut MySqlConnection,
        actor: &str,
        action: &'static str,
        id: JobId,
        reason: &str,
    ) -> Result<()> {
        let entry = AuditEntry { actor, action, subject: format!("job/{id}"), detail: json!({ "reason": reason }) };
        audit::append(connection, self.keys(), &entry).await
    }
}

/// Failed steps are started again, so that the next worker probes them; and a word to call the job off that was
/// spoken before the word to go on counts no longer.
async fn begin_failed_steps_again(connection: &mut MySqlConnection, id: JobId) -> Result<()> {
    sqlx::query("UPDATE jobs SET cancel_reason = NULL WHERE id = ?").bind(id.0).execute(&mut *connection).await?;
    let started =
        step::apply(StepState::Failed, StepEvent::Start).map_err(|illegal| Error::Conflict(illegal.sentence()))?;
    sqlx::query("UPDATE job_steps SET state = ?, finished_at = NULL WHERE job_id = ? AND state = ?")
        .bind(started.as_str())
        .bind(id.0)
        .bind(StepState::Failed.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// Whether the step after which a job only goes forward has finished.
async fn is_past_pivot(connection: &mut MySqlConnection, id: JobId) -> Result<bool> {
    let row = sqlx::query("SELECT plan FROM jobs WHERE id = ?").bind(id.0).fetch_one(&mut *connection).await?;
    let plan: Plan = json_column(&row, "plan")?;
    let state: Option<String> = sqlx::query_scalar("SELECT state FROM job_steps WHERE job_id = ? AND step = ?")
        .bind(id.0)
        .bind(plan.pivot)
        .fetch_optional(connection)
        .await?;
    Ok(state.as_deref() == Some(StepState::Finished.as_str()))
}

/// Whether the containers kept for going back may be gone.
async fn has_begun_to_clean_up(connection: &mut MySqlConnection, id: JobId) -> Result<bool> {
    let begun: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM job_steps WHERE job_id = ? AND name = 'finish' AND state <> 'pending'",
    )
    .bind(id.0)
    .fetch_one(connection)
    .await?;
    Ok(begun > 0)
}

fn missing_job(error: Error) -> Error {
    match error {
        Error::Missing(_) => Error::Missing("job"),
        other => other,
    }
}

pub(crate) async fn next_event(connection: &mut MySqlConnection, id: JobId) -> Result<u64> {
    let moved = sqlx::query("UPDATE jobs SET event_seq = LAST_INSERT_ID(event_seq + 1) WHERE id = ?")
        .bind(id.0)
        .execute(connection)
        .await?;
    Ok(moved.last_insert_id())
}

fn summary(row: &MySqlRow) -> Result<JobView> {
    Ok(JobView {
        id: JobId(row.try_get("id")?),
        kind: word(row, "kind", DeploymentKind::from_word)?,
        application: row.try_get("application")?,
        environment: row.try_get("environment")?,
        deployment: DeploymentId(row.try_get("deployment_id")?),
        from: version_or_none(row, "from_version")?,
        to: version(row, "to_version")?,
        state: word(row, "state", JobState::from_word)?,
        actor: row.try_get("actor")?,
        reason: row.try_get("reason")?,
        created_at: time(row, "created_at")?,
        started_at: time_or_none(row, "started_at")?,
        ended_at: time_or_none(row, "ended_at")?,
        error: json_or_none(row, "error")?,
        measurements: measurements(row)?,
        last_event: row.try_get("event_seq")?,
        steps: Vec::new(),
        plan: None,
    })
}

/// What was measured, once the job has ended.
fn measurements(row: &MySqlRow) -> Result<Option<Measurements>> {
    // A number for every job that has ended.
    let Some(rows_preserved) = row.try_get("rows_preserved")? else { return Ok(None) };
    Ok(Some(Measurements {
        recovery_ms: row.try_get("recovery_ms")?,
        downtime_ms: row.try_get("downtime_ms")?,
        rows_preserved,
        rows_restored: row.try_get::<Option<u64>, _>("rows_restored")?.unwrap_or_default(),
        backup_age_ms: row.try_get("backup_age_ms")?,
    }))
}

fn step_view(row: &MySqlRow) -> Result<StepView> {
    Ok(StepView {
        id: row.try_get("step")?,
        name: row.try_get("name")?,
        subject: row.try_get("subject")?,
        state: word(row, "state", StepState::from_word)?,
        attempts: row.try_get("attempts")?,
        started_at: time_or_none(row, "started_at")?,
        finished_at: time_or_none(row, "finished_at")?,
        output: json_or_none(row, "output")?,
        error: json_or_none(row, "error")?,
    })
}
