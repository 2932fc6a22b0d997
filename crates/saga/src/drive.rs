//! A claimed job: forward through its graph of steps, or back.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use domain::job::{JobEvent, JobState};
use domain::plan::PlannedStep;
use domain::step::StepState;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio_util::sync::CancellationToken;

use crate::context::StepContext;
use crate::error::{Abandoned, ErrorKind, StepError};
use crate::journal::{Held, JobNote, JobRecord, Journal};
use crate::once::{self, Ended, write};
use crate::step::{BoundStep, StepFactory};

/// How a worker's hold on a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The job ended, or waits for a person, in this state.
    Rests(JobState),
    /// The worker shuts down; whoever claims the job next goes on.
    Stopped,
}

/// Carries the job on from wherever it stands until it rests.
///
/// `stop` ends it between steps; the job stays claimed and is taken over.
pub async fn drive(
    journal: Arc<dyn Journal>,
    factory: &dyn StepFactory,
    held: Held,
    stop: CancellationToken,
) -> Result<Outcome, Abandoned> {
    let record = write(|| journal.load(&held)).await?;
    let mut saga = Saga::new(journal, factory, held, stop, record);
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

impl<'a> Saga<'a> {
    fn new(
        journal: Arc<dyn Journal>,
        factory: &'a dyn StepFactory,
        held: Held,
        stop: CancellationToken,
        record: JobRecord,
    ) -> Self {
        Self { journal, factory, held, stop, record }
    }

    /// Runs everything that is ready, side by side, until all is finished or something is in the way.
    async fn forward(&mut self) -> Result<Option<JobState>, Abandoned> {
        let steps_stop = self.stop.child_token();
        let mut done: HashSet<u32> = self.ids_in(StepState::Finished);
        let mut begun: HashSet<u32> = done.clone();
        let mut halt: Option<Halt> = None;
        let mut running = FuturesUnordered::new();
        loop {
            if halt.is_none() {
                halt = self.asked_to_halt(&done).await?;
            }
            if halt.is_none() {
                for planned in self.record.plan.steps.clone() {
                    let ready = !begun.contains(&planned.id) && planned.depends_on.iter().all(|id| done.contains(id));
                    if ready {
                        begun.insert(planned.id);
                        running.push(self.run_step(planned, steps_stop.clone()));
                    }
                }
            }
            let Some(ended) = running.next().await else { break };
            let (step, ended) = ended?;
            match ended {
                Ended::Finished => {
                    done.insert(step);
                }
                // The first reason is the one that is told; the others are in the journal.
                Ended::Failed(error) => {
                    halt.get_or_insert(Halt::Failed { step, error });
                    steps_stop.cancel();
                }
                Ended::Unknown(error) => {
                    halt.get_or_insert(Halt::Unknown { step, error });
                    steps_stop.cancel();
                }
            }
        }
        drop(running);
        self.record = write(|| self.journal.load(&self.held)).await?;
        match halt {
            None => self.job_event(JobEvent::StepsFinished, JobNote::default()).await.map(Some),
            Some(Halt::Stopped) => Ok(None),
            Some(Halt::Cancelled) => self.turn_back(JobEvent::CancelledUntouched, JobNote::default()).await.map(Some),
            Some(Halt::Unknown { step, error }) => {
                self.job_event(JobEvent::GotStuck, JobNote { step: Some(step), error: Some(error) }).await.map(Some)
            }
            Some(Halt::Failed { step, error }) => {
                let note = JobNote { step: Some(step), error: Some(error) };
                if done.contains(&self.record.plan.pivot) {
                    self.job_event(JobEvent::GotStuck, note).await.map(Some)
                } else {
                    self.turn_back(JobEvent::FailedUntouched, note).await.map(Some)
                }
            }
        }
    }

    async fn asked_to_halt(&self, done: &HashSet<u32>) -> Result<Option<Halt>, Abandoned> {
        if self.stop.is_cancelled() {
            return Ok(Some(Halt::Stopped));
        }
        // Past the pivot the target has traffic: going on is the shorter way to a good state.
        if !done.contains(&self.record.plan.pivot) && write(|| self.journal.cancel_requested(&self.held)).await? {
            return Ok(Some(Halt::Cancelled));
        }
        Ok(None)
    }

    async fn run_step(&self, planned: PlannedStep, stop: CancellationToken) -> Result<(u32, Ended), Abandoned> {
        let id = planned.id;
        let found = self.record.steps.iter().find(|step| step.id == id).map_or(StepState::Pending, |step| step.state);
        let cx = StepContext::new(self.held, id, Arc::clone(&self.journal), stop);
        let ended = match self.factory.bind(self.held.job, &planned.spec).await {
            Ok(step) => once::run(step.as_ref(), &cx, &self.journal, found).await?,
            Err(error) if error.kind == ErrorKind::FenceLost => return Err(Abandoned::FenceLost),
            Err(error) => once::run(&Unbindable(error), &cx, &self.journal, StepState::Pending).await?,
        };
        Ok((id, ended))
    }

    /// Ends at once if nothing was touched, and begins to unwind otherwise.
    async fn turn_back(&self, untouched: JobEvent, note: JobNote) -> Result<JobState, Abandoned> {
        let touched = !self.steps_to_undo().await?.is_empty();
        self.job_event(if touched { JobEvent::UnwindBegun } else { untouched }, note).await
    }

    /// Undoes, last first, everything that may have an effect.
    async fn backward(&mut self) -> Result<Option<JobState>, Abandoned> {
        for (id, step) in self.steps_to_undo().await? {
            if self.stop.is_cancelled() {
                return Ok(None);
            }
            let output = self.record.steps.iter().find(|step| step.id == id).and_then(|step| step.output.clone());
            let cx = StepContext::new(self.held, id, Arc::clone(&self.journal), self.stop.child_token());
            if let Some(error) = once::undo(step.as_ref(), &cx, &self.journal, output).await? {
                let note = JobNote { step: Some(id), error: Some(error) };
                return self.job_event(JobEvent::GotStuck, note).await.map(Some);
            }
        }
        self.job_event(JobEvent::UnwindFinished, JobNote::default()).await.map(Some)
    }

    /// Steps with something to take back, in reverse plan order: dependants always come before what they depend on.
    async fn steps_to_undo(&self) -> Result<Vec<(u32, Box<dyn BoundStep>)>, Abandoned> {
        let states: HashMap<u32, StepState> = self.record.steps.iter().map(|step| (step.id, step.state)).collect();
        let mut steps = Vec::new();
        for planned in self.record.plan.steps.iter().rev() {
            if !states.get(&planned.id).is_some_and(|state| state.may_have_effect()) {
                continue;
            }
            match self.factory.bind(self.held.job, &planned.spec).await {
                Ok(step) if step.has_effect() => steps.push((planned.id, step)),
                Ok(_) => {}
                Err(error) => steps.push((planned.id, Box::new(Unbindable(error)))),
            }
        }
        Ok(steps)
    }

    fn ids_in(&self, state: StepState) -> HashSet<u32> {
        self.record.steps.iter().filter(|step| step.state == state).map(|step| step.id).collect()
    }

    async fn job_event(&self, event: JobEvent, note: JobNote) -> Result<JobState, Abandoned> {
        Ok(write(|| self.journal.job(&self.held, event, note.clone())).await?)
    }
}

/// Stands in for a step whose drivers could not be had: it fails as any step does, through the journal.
struct Unbindable(StepError);

#[async_trait::async_trait]
impl BoundStep for Unbindable {
    async fn run(&self, _: &StepContext) -> Result<serde_json::Value, StepError> {
        Err(self.0.clone())
    }

    async fn probe(&self, _: &StepContext) -> Result<crate::Probe<serde_json::Value>, StepError> {
        Err(self.0.clone())
    }

    async fn undo(&self, _: &StepContext, _: Option<serde_json::Value>) -> Result<(), StepError> {
        Err(self.0.clone())
    }

    fn deadline(&self) -> std::time::Duration {
        std::time::Duration::from_secs(30)
    }

    fn has_effect(&self) -> bool {
        true
    }
}
