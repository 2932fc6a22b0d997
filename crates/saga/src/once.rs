//! One step: from its journalled start to its journalled end.

use std::sync::Arc;
use std::time::Duration;

use domain::step::{StepEvent, StepState};
use sentence::sentence;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::context::StepContext;
use crate::error::{Abandoned, ErrorKind, JournalError, StepError};
use crate::journal::{Journal, StepNote};
use crate::limits::{Limits, Pause};
use crate::step::{BoundStep, Probe};

/// How long a journal write is tried while the control database is away.
pub(crate) const JOURNAL_PATIENCE: Duration = Duration::from_mins(2);
/// How long one try of a journal write may take: a server that hangs is as good as away.
const WRITE_LIMIT: Duration = Duration::from_secs(20);

/// How a step ended.
#[derive(Debug)]
pub(crate) enum Ended {
    Finished,
    /// It gave up; the journal has it as failed, or as pending still if it never began.
    Failed(StepError),
    /// It cannot be told whether the effect is there; the journal has it as started still.
    Unknown(StepError),
    /// It was asked to stop. The journal has it as it was, for whoever goes on or unwinds.
    Interrupted,
}

/// How the undo of a step ended.
#[derive(Debug)]
pub(crate) enum UndoEnded {
    Undone,
    Failed(StepError),
    /// The worker shuts down; the journal has it as undoing still.
    Interrupted,
}

/// Runs the step, or settles what an earlier worker began.
pub(crate) async fn run(
    step: &dyn BoundStep,
    cx: &StepContext,
    journal: &Arc<dyn Journal>,
    found: StepState,
) -> Result<Ended, Abandoned> {
    let mut limits = Limits::of(step);
    // Whatever was begun may have its effect: look before running it.
    let mut begun = found != StepState::Pending;
    loop {
        if begun {
            match limits.hold(step.probe(cx)).await {
                Ok(Probe::Done(output)) => return finish(cx, journal, output).await,
                Ok(Probe::NotDone) => {}
                Ok(Probe::Unknown(why)) => return Ok(Ended::Unknown(StepError::unknown(why))),
                Err(error) => {
                    if let Some(ended) = give_up_or_wait(error, cx, journal, &mut limits).await? {
                        return Ok(ended);
                    }
                    continue;
                }
            }
        }
        if cx.stop().is_cancelled() {
            return Ok(Ended::Interrupted);
        }
        let asked = Instant::now();
        write(|| journal.step(cx.held(), cx.step(), StepEvent::Start, StepNote::default())).await?;
        // The step's time does not run while the journal is away.
        limits.extend(asked.elapsed());
        begun = true;
        match limits.hold(step.run(cx)).await {
            Ok(output) => return finish(cx, journal, output).await,
            Err(error) => {
                if let Some(ended) = give_up_or_wait(error, cx, journal, &mut limits).await? {
                    return Ok(ended);
                }
            }
        }
    }
}

/// What becomes of a step that could not be bound to its drivers.
pub(crate) fn unbindable(error: StepError, cx: &StepContext, found: StepState) -> Result<Ended, Abandoned> {
    match error.kind {
        ErrorKind::FenceLost => Err(Abandoned::FenceLost),
        ErrorKind::Transient if cx.stop().is_cancelled() => Ok(Ended::Interrupted),
        // Never begun, so there is nothing to write down and nothing to undo.
        _ if found == StepState::Pending => Ok(Ended::Failed(error)),
        _ => Ok(Ended::Unknown(error)),
    }
}

/// Undoes the step.
pub(crate) async fn undo(
    step: &dyn BoundStep,
    cx: &StepContext,
    journal: &Arc<dyn Journal>,
    output: Option<Value>,
) -> Result<UndoEnded, Abandoned> {
    write(|| journal.step(cx.held(), cx.step(), StepEvent::BeginUndo, StepNote::default())).await?;
    let mut limits = Limits::of(step);
    loop {
        let Err(error) = limits.hold(step.undo(cx, output.clone())).await else {
            write(|| journal.step(cx.held(), cx.step(), StepEvent::FinishUndo, StepNote::default())).await?;
            return Ok(UndoEnded::Undone);
        };
        match error.kind {
            ErrorKind::FenceLost => return Err(Abandoned::FenceLost),
            ErrorKind::Transient if cx.stop().is_cancelled() => return Ok(UndoEnded::Interrupted),
            ErrorKind::Transient if limits.bear() => {
                tell_retry(cx, &error).await?;
                limits.pause(cx.stop()).await;
            }
            _ => {
                let note = StepNote { error: Some(error.clone()), ..StepNote::default() };
                write(|| journal.step(cx.held(), cx.step(), StepEvent::FailUndo, note.clone())).await?;
                return Ok(UndoEnded::Failed(error));
            }
        }
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
    limits: &mut Limits,
) -> Result<Option<Ended>, Abandoned> {
    match error.kind {
        ErrorKind::FenceLost => Err(Abandoned::FenceLost),
        ErrorKind::Unknown => Ok(Some(Ended::Unknown(error))),
        // Being asked to stop is no failure of the step: it stays as begun as it is.
        ErrorKind::Transient if cx.stop().is_cancelled() => Ok(Some(Ended::Interrupted)),
        ErrorKind::Transient if limits.bear() => {
            tell_retry(cx, &error).await?;
            limits.pause(cx.stop()).await;
            Ok(None)
        }
        ErrorKind::Transient | ErrorKind::Permanent | ErrorKind::WorldChanged => {
            let note = StepNote { error: Some(error.clone()), ..StepNote::default() };
            write(|| journal.step(cx.held(), cx.step(), StepEvent::Fail, note.clone())).await?;
            Ok(Some(Ended::Failed(error)))
        }
    }
}

async fn tell_retry(cx: &StepContext, error: &StepError) -> Result<(), Abandoned> {
    tracing::info!(job.id = %cx.held().job, step.id = cx.step(), %error, "step will be tried again");
    // News fail for a lost fence only.
    cx.progress(serde_json::json!({ "retrying": error.message })).await.map_err(|_| Abandoned::FenceLost)
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
    let (mut pause, never) = (Pause::new(), CancellationToken::new());
    loop {
        let answer = tokio::time::timeout(WRITE_LIMIT, attempt()).await;
        match answer.unwrap_or_else(|_| Err(JournalError::Unavailable(sentence!("no answer in time")))) {
            Err(JournalError::Unavailable(_)) if pause.ends_before(deadline) => pause.wait(&never).await,
            other => return other,
        }
    }
}
