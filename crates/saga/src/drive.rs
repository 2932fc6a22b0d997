//! A claimed job: forward through its graph of steps, or back.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use domain::job::{JobEvent, JobState};
use domain::plan::PlannedStep;
use domain::step::StepState;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use sentence::sentence;
use tokio_util::sync::CancellationToken;

use crate::bind::{Unbindable, bind};
use crate::context::StepContext;
use crate::error::{Abandoned, ErrorKind, JournalError, StepError};
use crate::journal::{Held, JobNote, JobRecord, Journal};
use crate::once::{self, Ended, UndoEnded, write};
use crate::step::{BoundStep, StepFactory};

/// How a worker's hold on a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The job ended, or waits for a person, in this state.
    Rests(JobState),
    /// The worker shuts down; whoever claims the job next goes on.
    Stopped,
}

/// How often the journal is asked, while steps run, whether a person called the job off.
const LOOK: Duration = Duration::from_secs(1);

/// Carries the job on from wherever it stands until it rests.
///
/// `stop` ends it between steps, and inside those that can stop; the job stays claimed and is taken over.
pub async fn drive(
    journal: Arc<dyn Journal>,
    factory: &dyn StepFactory,
    held: Held,
    stop: CancellationToken,
) -> Result<Outcome, Abandoned> {
    let record = write(|| journal.load(&held)).await?;
    let mut saga = Saga { journal, factory, held, stop, record };
    loop {
        let next = match saga.record.state {
            JobState::Running => saga.forward().await?,
            JobState::Unwinding => saga.backward().await?,
            state => return Ok(Outcome::Rests(state)),
        };
        match next {
            Some(state) => saga.record.state = state,
            None => return Ok(Outcome::Stopped),
        }
    }
}

struct Saga<'a> {
    journal: Arc<dyn Journal>,
    factory: &'a dyn StepFactory,
    held: Held,
    stop: CancellationToken,
    record: JobRecord,
}

/// Why forward motion ended before the last step.
enum Halt {
    Failed { step: u32, error: StepError },
    Unknown { step: u32, error: StepError },
    Cancelled,
    Stopped,
}

impl Saga<'_> {
    /// Runs everything that is ready, side by side, until all is finished or something is in the way.
    async fn forward(&mut self) -> Result<Option<JobState>, Abandoned> {
        if let Some(state) = self.decided_before().await? {
            return Ok(Some(state));
        }
        let steps_stop = self.stop.child_token();
        let mut done = self.finished();
        let mut begun = done.clone();
        let mut halt: Option<Halt> = None;
        let mut running = FuturesUnordered::new();
        loop {
            let past_pivot = done.contains(&self.record.plan.pivot);
            let ready: Vec<PlannedStep> = match halt {
                None => self.ready(&begun, &done),
                Some(_) => Vec::new(),
            };
            // What runs goes on while the journal is asked.
            let ended = if ready.is_empty() {
                tokio::select! {
                    ended = running.next() => match ended {
                        Some(ended) => Some(ended),
                        None => break,
                    },
                    asked = self.asked_in_a_while(past_pivot), if halt.is_none() => {
                        halt = asked?;
                        None
                    }
                }
            } else {
                tokio::select! {
                    Some(ended) = running.next() => Some(ended),
                    asked = self.asked_to_halt(past_pivot) => {
                        halt = asked?;
                        if halt.is_none() {
                            begun.extend(ready.iter().map(|planned| planned.id));
                            running.extend(ready.into_iter().map(|planned| self.run_step(planned, steps_stop.clone())));
                        }
                        None
                    }
                }
            };
            match ended.transpose()? {
                Some((step, Ended::Finished)) => {
                    done.insert(step);
                }
                // The first reason is the one that is told; the others are in the journal.
                Some((step, Ended::Failed(error))) if in_motion(halt.as_ref()) => {
                    halt = Some(Halt::Failed { step, error });
                }
                Some((step, Ended::Unknown(error))) if in_motion(halt.as_ref()) => {
                    halt = Some(Halt::Unknown { step, error });
                }
                None | Some((_, Ended::Failed(_) | Ended::Unknown(_))) => {}
                // Without another reason only a shutdown interrupts.
                Some((_, Ended::Interrupted)) => {
                    halt.get_or_insert(Halt::Stopped);
                }
            }
            if halt.is_some() {
                steps_stop.cancel();
            }
        }
        drop(running);
        self.rest(halt, &done).await
    }
    /// Writes down why forward motion ended.
    async fn rest(&mut self, halt: Option<Halt>, done: &HashSet<u32>) -> Result<Option<JobState>, Abandoned> {
        self.record = write(|| self.journal.load(&self.held)).await?;
        let past_pivot = done.contains(&self.record.plan.pivot);
        let next = match halt {
            None => match self.record.plan.steps.iter().find(|planned| !done.contains(&planned.id)) {
                None => self.job_event(JobEvent::StepsFinished, JobNote::default()).await?,
                Some(planned) => {
                    let error = StepError::permanent(sentence!("waits for a step that the plan does not have"));
                    self.failed(planned.id, error, past_pivot).await?
                }
            },
            Some(Halt::Stopped) => return Ok(None),
            // The pivot finished while the steps were being stopped: the target has traffic, so go on.
            Some(Halt::Cancelled) if past_pivot => JobState::Running,
            Some(Halt::Cancelled) => self.turn_back(JobEvent::CancelledUntouched, JobNote::default()).await?,
            Some(Halt::Unknown { step, error }) => {
                self.job_event(JobEvent::GotStuck, JobNote { step: Some(step), error: Some(error) }).await?
            }
            Some(Halt::Failed { step, error }) => self.failed(step, error, past_pivot).await?,
        };
        Ok(Some(next))
    }

    /// What an earlier worker had decided when it died before writing the decision down: a step that gave up, or
    /// whose undo began, is not run again. (A person's retry moves failed steps back to started.)
    async fn decided_before(&self) -> Result<Option<JobState>, Abandoned> {
        let first = |wanted: &[StepState]| {
            self.record.steps.iter().find(|step| wanted.contains(&step.state)).map(|step| step.id)
        };
        if let Some(step) = first(&[StepState::Undoing, StepState::Undone, StepState::UndoFailed]) {
            let note = JobNote { step: Some(step), error: None };
            return self.job_event(JobEvent::UnwindBegun, note).await.map(Some);
        }
        let Some(step) = first(&[StepState::Failed]) else { return Ok(None) };
        let error = StepError::permanent(sentence!("gave up; the step itself says why"));
        let past_pivot = self.finished().contains(&self.record.plan.pivot);
        self.failed(step, error, past_pivot).await.map(Some)
    }

    /// Steps that have not begun and wait for nothing.
    fn ready(&self, begun: &HashSet<u32>, done: &HashSet<u32>) -> Vec<PlannedStep> {
        let waits_for_nothing = |planned: &&PlannedStep| {
            !begun.contains(&planned.id) && planned.depends_on.iter().all(|id| done.contains(id))
        };
        self.record.plan.steps.iter().filter(waits_for_nothing).cloned().collect()
    }

    fn finished(&self) -> HashSet<u32> {
        let finished = self.record.steps.iter().filter(|step| step.state == StepState::Finished);
        finished.map(|step| step.id).collect()
    }

    async fn asked_to_halt(&self, past_pivot: bool) -> Result<Option<Halt>, Abandoned> {
        if self.stop.is_cancelled() {
            return Ok(Some(Halt::Stopped));
        }
        // Past the pivot the target has traffic: going on is the shorter way to a good state.
        if !past_pivot && write(|| self.journal.cancel_requested(&self.held)).await? {
            return Ok(Some(Halt::Cancelled));
        }
        Ok(None)
    }

    async fn asked_in_a_while(&self, past_pivot: bool) -> Result<Option<Halt>, Abandoned> {
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = self.stop.cancelled() => {}
        }
        match self.asked_to_halt(past_pivot).await {
            // Steps that run do not need the journal for that: they go on for as long as they can do without it.
            Err(Abandoned::Journal(JournalError::Unavailable(error))) => {
                tracing::warn!(job.id = %self.held.job, %error, "the journal does not tell whether the job was called off");
                Ok(None)
            }
            asked => asked,
        }
    }

    async fn run_step(&self, planned: PlannedStep, stop: CancellationToken) -> Result<(u32, Ended), Abandoned> {
        let id = planned.id;
        let found = self.record.steps.iter().find(|step| step.id == id).map_or(StepState::Pending, |step| step.state);
        let bound = bind(self.factory, self.held.job, &planned.spec, &stop).await;
        let cx = StepContext::new(self.held, id, Arc::clone(&self.journal), stop);
        let ended = match bound {
            Ok(step) => once::run(step.as_ref(), &cx, &self.journal, found).await?,
            Err(error) => once::unbindable(error, &cx, found)?,
        };
        Ok((id, ended))
    }

    async fn failed(&self, step: u32, error: StepError, past_pivot: bool) -> Result<JobState, Abandoned> {
        let note = JobNote { step: Some(step), error: Some(error) };
        if past_pivot {
            self.job_event(JobEvent::GotStuck, note).await
        } else {
            self.turn_back(JobEvent::FailedUntouched, note).await
        }
    }

    /// Ends at once if nothing was touched, and begins to unwind otherwise.
    async fn turn_back(&self, untouched: JobEvent, note: JobNote) -> Result<JobState, Abandoned> {
        let touched = !self.steps_to_undo().await?.is_empty();
        self.job_event(if touched { JobEvent::UnwindBegun } else { untouched }, note).await
    }

    /// Undoes, last first, everything that may have an effect.
    async fn backward(&mut self) -> Result<Option<JobState>, Abandoned> {
        let mut left = None;
        for (id, step) in self.steps_to_undo().await? {
            if self.stop.is_cancelled() {
                return Ok(None);
            }
            let output = self.record.steps.iter().find(|step| step.id == id).and_then(|step| step.output.clone());
            let cx = StepContext::new(self.held, id, Arc::clone(&self.journal), self.stop.child_token());
            match once::undo(step.as_ref(), &cx, &self.journal, output).await? {
                UndoEnded::Undone => {}
                UndoEnded::Interrupted => return Ok(None),
                UndoEnded::Failed(error) => {
                    let note = JobNote { step: Some(id), error: Some(error) };
                    if step.holds_up_unwinding() {
                        return self.job_event(JobEvent::GotStuck, note).await.map(Some);
                    }
                    left.get_or_insert(note);
                }
            }
        }
        let ended = match left {
            None => self.job_event(JobEvent::UnwindFinished, JobNote::default()),
            Some(note) => self.job_event(JobEvent::GotStuck, note),
        };
        ended.await.map(Some)
    }

    /// Steps with something to take back, in reverse plan order: dependants always come before what they depend on.
    async fn steps_to_undo(&self) -> Result<Vec<(u32, Box<dyn BoundStep>)>, Abandoned> {
        let states: HashMap<u32, StepState> = self.record.steps.iter().map(|step| (step.id, step.state)).collect();
        let mut steps = Vec::new();
        for planned in self.record.plan.steps.iter().rev() {
            if !states.get(&planned.id).is_some_and(|state| state.may_have_effect()) {
                continue;
            }
            match bind(self.factory, self.held.job, &planned.spec, &self.stop).await {
                Ok(step) if step.has_effect() => steps.push((planned.id, step)),
                Ok(_) => {}
                Err(error) if error.kind == ErrorKind::FenceLost => return Err(Abandoned::FenceLost),
                Err(error) => steps.push((planned.id, Box::new(Unbindable(error)))),
            }
        }
        Ok(steps)
    }

    async fn job_event(&self, event: JobEvent, note: JobNote) -> Result<JobState, Abandoned> {
        Ok(write(|| self.journal.job(&self.held, event, note.clone())).await?)
    }
}

/// Whether nothing but a shutdown is in the way: what a step says now is still the first reason.
fn in_motion(halt: Option<&Halt>) -> bool {
    matches!(halt, None | Some(Halt::Stopped))
}
