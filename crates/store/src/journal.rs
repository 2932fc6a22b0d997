//! The saga's journal of jobs and steps. Every write is one transaction that begins with the fence.

use async_trait::async_trait;
use domain::ids::{EnvironmentId, JobId};
use domain::job::{self, JobEvent, JobState};
use domain::plan::Plan;
use domain::step::{self, StepEvent, StepState};
use domain::view::ErrorView;
use saga::{Held, JobNote, JobRecord, Journal, JournalError, StepError, StepNote, StepRecord};
use sentence::sentence;
use serde_json::{Value, json};
use sqlx::mysql::MySqlRow;
use sqlx::{MySql, MySqlConnection, Row, Transaction};

use crate::completion::{Completion, accounts, reads, writes};
use crate::database::Database;
use crate::error::Error;
use crate::rows::{json as json_column, json_or_none, to_json, word};
use crate::short::every;

impl Database {
    /// Begins a fenced write: locks the job's row, checks the claim, and takes the next event number.
    pub(crate) async fn begin_fenced(&self, held: &Held) -> Result<(Transaction<'static, MySql>, u64), JournalError> {
        let mut tx = self.begin().await?;
        let claimed = sqlx::query(
            // The number comes back with the answer, without another round trip.
            "UPDATE jobs SET event_seq = LAST_INSERT_ID(event_seq + 1) WHERE id = ? AND fence = ? AND worker_id = ?",
        )
        .bind(held.job.0)
        .bind(held.fence)
        .bind(held.worker.0)
        .execute(&mut *tx)
        .await
        .map_err(Error::from)?;
        if claimed.rows_affected() != 1 {
            return Err(lost(held));
        }
        Ok((tx, claimed.last_insert_id()))
    }
}

pub(crate) fn lost(held: &Held) -> JournalError {
    JournalError::FenceLost { job: held.job, fence: held.fence }
}

#[async_trait]
impl Journal for Database {
    async fn load(&self, held: &Held) -> Result<JobRecord, JournalError> {
        self.assert_held(held).await?;
        Ok(load(self, held.job).await?)
    }

    async fn step(&self, held: &Held, id: u32, event: StepEvent, note: StepNote) -> Result<StepState, JournalError> {
        let (mut tx, seq) = self.begin_fenced(held).await?;
        let state = step_state(&mut tx, held.job, id).await?;
        let next = match step::apply(state, event) {
            Ok(next) => next,
            // The answer to the first try of this very write was lost.
            Err(_) if state == target(event) => return Ok(state),
            Err(illegal) => {
                return Err(JournalError::Illegal(sentence!("step {id}: {illegal}", id, illegal = illegal.sentence())));
            }
        };
        write_step(&mut tx, held.job, id, event, next, &note).await?;
        let mut data = json!({ "state": next.as_str() });
        if let Some(output) = &note.output {
            data["output"] = output.clone();
        }
        if let Some(error) = &note.error {
            data["error"] = json!(error_view(None, error));
        }
        append_event(&mut tx, held.job, seq, "step", Some(id), &data).await?;
        tx.commit().await.map_err(Error::from)?;
        Ok(next)
    }

    async fn job(&self, held: &Held, event: JobEvent, note: JobNote) -> Result<JobState, JournalError> {
        if job_target(event).is_some_and(JobState::is_final) {
            return self.end_job(*held, event, note).await;
        }
        let (mut tx, seq) = self.begin_fenced(held).await?;
        let state = job_state(&mut tx, held.job).await?;
        let next = match job::apply(state, event) {
            Ok(next) => next,
            Err(_) if job_target(event) == Some(state) => return Ok(state),
            Err(illegal) => return Err(JournalError::Illegal(illegal.sentence())),
        };
        let error = note.error.as_ref().map(|error| error_view(note.step, error));
        move_job(&mut tx, held.job, next, error.as_ref()).await?;
        let mut data = json!({ "state": next.as_str() });
        if let Some(error) = &error {
            data["error"] = json!(error);
        }
        append_event(&mut tx, held.job, seq, "job", note.step, &data).await?;
        tx.commit().await.map_err(Error::from)?;
        Ok(next)
    }

    async fn progress(&self, held: &Held, id: u32, message: Value) -> Result<(), JournalError> {
        let (mut tx, seq) = self.begin_fenced(held).await?;
        append_event(&mut tx, held.job, seq, "progress", Some(id), &message).await?;
        tx.commit().await.map_err(Error::from)?;
        Ok(())
    }

    async fn assert_held(&self, held: &Held) -> Result<(), JournalError> {
        let holds: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM jobs WHERE id = ? AND fence = ? AND worker_id = ?")
            .bind(held.job.0)
            .bind(held.fence)
            .bind(held.worker.0)
            .fetch_one(self.pool())
            .await
            .map_err(Error::from)?;
        if holds == 1 { Ok(()) } else { Err(lost(held)) }
    }

    async fn cancel_requested(&self, held: &Held) -> Result<bool, JournalError> {
        let asked: Option<i64> = sqlx::query_scalar(
            "SELECT cancel_reason IS NOT NULL FROM jobs WHERE id = ? AND fence = ? AND worker_id = ?",
        )
        .bind(held.job.0)
        .bind(held.fence)
        .bind(held.worker.0)
        .fetch_optional(self.pool())
        .await
        .map_err(Error::from)?;
        Ok(asked.ok_or_else(|| lost(held))? != 0)
    }
}

async fn load(database: &Database, id: JobId) -> Result<JobRecord, Error> {
    let row = sqlx::query("SELECT environment_id, state, plan FROM jobs WHERE id = ?")
        .bind(id.0)
        .fetch_one(database.pool())
        .await?;
    let steps = sqlx::query("SELECT step, state, output FROM job_steps WHERE job_id = ? ORDER BY step")
        .bind(id.0)
        .fetch_all(database.pool())
        .await?;
    Ok(JobRecord {
        id,
        environment: EnvironmentId(row.try_get("environment_id")?),
        state: word(&row, "state", JobState::from_word)?,
        plan: json_column::<Plan>(&row, "plan")?,
        steps: steps.iter().map(step_record).collect::<Result<_, Error>>()?,
    })
}

fn step_record(row: &MySqlRow) -> Result<StepRecord, Error> {
    Ok(StepRecord {
        id: row.try_get("step")?,
        state: word(row, "state", StepState::from_word)?,
        output: json_or_none(row, "output")?,
    })
}

async fn step_state(connection: &mut MySqlConnection, job: JobId, id: u32) -> Result<StepState, Error> {
    let row = sqlx::query("SELECT state FROM job_steps WHERE job_id = ? AND step = ? FOR UPDATE")
        .bind(job.0)
        .bind(id)
        .fetch_one(connection)
        .await?;
    word(&row, "state", StepState::from_word)
}

pub(crate) async fn job_state(connection: &mut MySqlConnection, job: JobId) -> Result<JobState, Error> {
    let row = sqlx::query("SELECT state FROM jobs WHERE id = ? FOR UPDATE").bind(job.0).fetch_one(connection).await?;
    word(&row, "state", JobState::from_word)
}

async fn write_step(
    connection: &mut MySqlConnection,
    job: JobId,
    id: u32,
    event: StepEvent,
    next: StepState,
    note: &StepNote,
) -> Result<(), Error> {
    let starts = event == StepEvent::Start;
    let ends = matches!(next, StepState::Finished | StepState::Failed | StepState::Undone | StepState::UndoFailed);
    sqlx::query(
        "UPDATE job_steps SET state = ?, attempts = attempts + ?, \
         started_at = IF(?, COALESCE(started_at, UTC_TIMESTAMP(6)), started_at), \
         finished_at = IF(?, UTC_TIMESTAMP(6), IF(?, NULL, finished_at)), output = COALESCE(?, output), \
         error = COALESCE(?, IF(?, NULL, error)) WHERE job_id = ? AND step = ?",
    )
    .bind(next.as_str())
    .bind(u32::from(starts))
    .bind(starts)
    .bind(ends)
    .bind(starts)
    .bind(note.output.as_ref().map(Value::to_string))
    .bind(note.error.as_ref().map(|error| to_json(&error_view(None, error))).transpose()?)
    .bind(next == StepState::Finished)
    .bind(job.0)
    .bind(id)
    .execute(connection)
    .await?;
    Ok(())
}

pub(crate) async fn append_event(
    connection: &mut MySqlConnection,
    job: JobId,
    seq: u64,
    kind: &str,
    step: Option<u32>,
    data: &Value,
) -> Result<(), Error> {
    sqlx::query("INSERT INTO job_events (job_id, seq, at, kind, step, data) VALUES (?, ?, UTC_TIMESTAMP(6), ?, ?, ?)")
        .bind(job.0)
        .bind(seq)
        .bind(kind)
        .bind(step)
        .bind(data.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

/// Moves the job's row, and with a final state everything that hangs on it.
pub(crate) async fn move_job(
    connection: &mut MySqlConnection,
    job: JobId,
    next: JobState,
    error: Option<&ErrorView>,
) -> Result<(), Error> {
    if next.is_final() {
        let found = every(&mut *connection, reads(&[job])).await?;
        let (_, account) = accounts(&found)?.pop().ok_or(Error::Missing("job"))?;
        let completion = Completion { account: account?, next, error: error.cloned(), event: None };
        every(connection, writes(&[completion])?).await?;
        return Ok(());
    }
    sqlx::query("UPDATE jobs SET state = ?, error = COALESCE(?, error), ended_at = NULL WHERE id = ?")
        .bind(next.as_str())
        .bind(error.map(to_json).transpose()?)
        .bind(job.0)
        .execute(connection)
        .await?;
    Ok(())
}

pub(crate) fn error_view(step: Option<u32>, error: &StepError) -> ErrorView {
    ErrorView { step, message: error.message.clone(), hint: error.hint.clone() }
}

/// The state that a step's event leads to, whatever came before.
fn target(event: StepEvent) -> StepState {
    match event {
        StepEvent::Start => StepState::Started,
        StepEvent::Finish => StepState::Finished,
        StepEvent::Fail => StepState::Failed,
        StepEvent::BeginUndo => StepState::Undoing,
        StepEvent::FinishUndo => StepState::Undone,
        StepEvent::FailUndo => StepState::UndoFailed,
    }
}

/// The state that a job's event leads to, for those that a worker writes.
pub(crate) fn job_target(event: JobEvent) -> Option<JobState> {
    JobState::ALL.into_iter().find_map(|state| job::apply(state, event).ok())
}
