//! One step: from its journalled start to its journalled end.

use std::sync::Arc;
use std::time::Duration;

use domain::step::{StepEvent, StepState};
use serde_json::Value;
use tokio::time::Instant;

use crate::context::StepContext;
use crate::error::{Abandoned, ErrorKind, JournalError, StepError};
use crate::journal::{Journal, StepNote};
use crate::step::{BoundStep, Probe};

/// First pause before a step is tried again, doubled up to [`RETRY_MAX`].
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(3);
/// How long a journal write is tried while the control database is away.
const JOURNAL_PATIENCE: Duration = Duration::from_mins(2);

/// How a step ended.
#[derive(Debug)]
pub(crate) enum Ended {
    Finished,
    /// It gave up; the journal has it as failed.
    Failed(StepError),
    /// It cannot be told whether the effect is there; the journal has it as started still.
    Unknown(StepError),
}

/// Runs the step, or settles what an earlier worker began.
pub(crate) async fn run(
    step: &dyn BoundStep,
    cx: &StepContext,
    journal: &Arc<dyn Journal>,
    found: StepState,
) -> Result<Ended, Abandoned> {
    let deadline = Instant::now() + step.deadline();
    let mut pause = RETRY_MIN;
    let mut begun = found == StepState::Started;
    loop {
        if begun {
            match settle(step, cx, deadline).await {
                Ok(Probe::Done(output)) => return finish(cx, journal, output).await,
                Ok(Probe::NotDone) => {}
                Ok(Probe::Unknown(why)) => return Ok(Ended::Unknown(StepError::unknown(why))),
                Err(error) => {
                    if let Some(ended) = give_up_or_wait(error, cx, journal, deadline, &mut pause).await? {
                        return Ok(ended);
                    }
                    continue;
                }
            }
        }
        write(|| journal.step(cx.held(), cx.step(), StepEvent::Start, StepNote::default())).await?;
        begun = true;
        let attempt = tokio::time::timeout_at(deadline, step.run(cx)).await.unwrap_or_else(|_| Err(overdue(step)));
        match attempt {
            Ok(output) => return finish(cx, journal, output).await,
            Err(error) => {
                if let Some(ended) = give_up_or_wait(error, cx, journal, deadline, &mut pause).await? {
                    return Ok(ended);
                }
            }
        }
    }
}

async fn settle(step: &dyn BoundStep, cx: &StepContext, deadline: Instant) -> Result<Probe<Value>, StepError> {
    tokio::time::timeout_at(deadline, step.probe(cx)).await.unwrap_or_else(|_| Err(overdue(step)))
}

/// Undoes the step. `Ok(None)` means that it is undone.
pub(crate) async fn undo(
    step: &dyn BoundStep,
    cx: &StepContext,
    journal: &Arc<dyn Journal>,
    output: Option<Value>,
) -> Result<Option<StepError>, Abandoned> {
    write(|| journal.step(cx.held(), cx.step(), StepEvent::BeginUndo, StepNote::default())).await?;
    let deadline = Instant::now() + step.deadline();
    let mut pause = RETRY_MIN;
    loop {
        let attempt = tokio::time::timeout_at(deadline, step.undo(cx, output.clone())).await;
        let error = match attempt.unwrap_or_else(|_| Err(overdue(step))) {
            Ok(()) => {
                write(|| journal.step(cx.held(), cx.step(), StepEvent::FinishUndo, StepNote::default())).await?;
                return Ok(None);
            }
            Err(error) => error,
        };
        if error.kind == ErrorKind::FenceLost {
            return Err(Abandoned::FenceLost);
        }
        if error.kind != ErrorKind::Transient || Instant::now() + pause >= deadline {
            let note = StepNote { error: Some(error.clone()), ..StepNote::default() };
            write(|| journal.step(cx.held(), cx.step(), StepEvent::FailUndo, note.clone())).await?;
            return Ok(Some(error));
        }
        wait(&mut pause).await;
    }
}

async fn finish(cx: &StepContext, journal: &Arc<dyn Journal>, output: Value) -> Result<Ended, Abandoned> {
    let note = StepNote { output: Some(output), ..StepNote::default() };
    write(|| journal.step(cx.held(), cx.step(), StepEvent::Finish, note.clone())).await?;
    Ok(Ended::Finished)
}

/// `None`: it was worth waiting, look again.
async fn give_up_or_wait(
    error: StepError,
    cx: &StepContext,
    journal: &Arc<dyn Journal>,
    deadline: Instant,
    pause: &mut Duration,
) -> Result<Option<Ended>, Abandoned> {
    match error.kind {
        ErrorKind::FenceLost => Err(Abandoned::FenceLost),
        ErrorKind::Unknown => Ok(Some(Ended::Unknown(error))),
        ErrorKind::Transient if Instant::now() + *pause < deadline && !cx.stop().is_cancelled() => {
            tracing::info!(job.id = %cx.held().job, step.id = cx.step(), %error, "step will be tried again");
            cx.progress(serde_json::json!({ "retrying": error.message })).await.map_err(|_| Abandoned::FenceLost)?;
            wait(pause).await;
            Ok(None)
        }
        ErrorKind::Transient | ErrorKind::Permanent | ErrorKind::WorldChanged => {
            let note = StepNote { error: Some(error.clone()), ..StepNote::default() };
            write(|| journal.step(cx.held(), cx.step(), StepEvent::Fail, note.clone())).await?;
            Ok(Some(Ended::Failed(error)))
        }
    }
}

fn overdue(step: &dyn BoundStep) -> StepError {
    StepError::permanent(format!("did not end within its deadline of {} s", step.deadline().as_secs()))
}

async fn wait(pause: &mut Duration) {
    tokio::time::sleep(*pause).await;
    *pause = (*pause * 2).min(RETRY_MAX);
}

/// Writes to the journal, waiting within bounds while the control database is away.
///
/// A write that is repeated after a lost answer finds its own result: the journal takes a transition
/// to the state that is already there as done.
pub(crate) async fn write<T, F, Fut>(mut attempt: F) -> Result<T, JournalError>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, JournalError>>,
{
    let deadline = Instant::now() + JOURNAL_PATIENCE;
    let mut pause = RETRY_MIN;
    loop {
        match attempt().await {
            Err(JournalError::Unavailable(_)) if Instant::now() + pause < deadline => wait(&mut pause).await,
            other => return other,
        }
    }
}
