//! A journal in memory, with the rules of the real one and planned faults.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use backout_saga::{Held, JobNote, JobRecord, Journal, JournalError, StepError, StepNote, StepRecord};
use domain::ids::{EnvironmentId, JobId, WorkerId};
use domain::job::{self, JobEvent, JobState};
use domain::plan::Plan;
use domain::step::{self, StepEvent, StepState};
use sentence::Sentence;
use serde_json::Value;

use super::chaos::Chaos;

/// What goes wrong with a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing is written, and the caller is told that the journal is away.
    Away,
    /// It is written, and the caller is told that the journal is away.
    AnswerLost,
    /// Another worker claims the job just before it.
    TakenOver,
    /// Nothing is written, for a reason that no waiting helps.
    Broken,
}

pub(crate) struct MemoryJournal {
    chaos: Arc<Chaos>,
    inner: Mutex<Inner>,
}

struct Inner {
    record: JobRecord,
    owner: Option<WorkerId>,
    fence: u64,
    writes: u32,
    faults: BTreeMap<u32, Fault>,
    cancel: bool,
    job_error: Option<StepError>,
    step_errors: BTreeMap<u32, StepError>,
    progress: Vec<Value>,
    lines: Vec<String>,
    illegal: Vec<String>,
}

impl MemoryJournal {
    pub(super) fn new(plan: Plan, chaos: Arc<Chaos>) -> Self {
        let pending = |planned: &domain::plan::PlannedStep| StepRecord {
            id: planned.id,
            state: StepState::Pending,
            output: None,
        };
        let steps = plan.steps.iter().map(pending).collect();
        let record = JobRecord {
            id: JobId::generate(),
            environment: EnvironmentId::generate(),
            state: JobState::Running,
            plan,
            steps,
        };
        let inner = Inner {
            record,
            owner: None,
            fence: 0,
            writes: 0,
            faults: BTreeMap::new(),
            cancel: false,
            job_error: None,
            step_errors: BTreeMap::new(),
            progress: Vec::new(),
            lines: Vec::new(),
            illegal: Vec::new(),
        };
        Self { chaos, inner: Mutex::new(inner) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    pub(super) fn claim(&self, worker: WorkerId) -> Held {
        let mut inner = self.inner();
        inner.fence += 1;
        inner.owner = Some(worker);
        let fence = inner.fence;
        inner.lines.push(format!("claimed, fence {fence}"));
        Held { job: inner.record.id, worker, fence }
    }

    /// The n-th write from now (from 1) goes wrong.
    pub(crate) fn fault_at(&self, n: u32, fault: Fault) {
        let mut inner = self.inner();
        let at = inner.writes + n;
        inner.faults.insert(at, fault);
    }

    /// Every planned fault has happened.
    pub(crate) fn is_over(&self) -> bool {
        let inner = self.inner();
        inner.faults.keys().all(|at| *at <= inner.writes)
    }

    pub(crate) fn forget_faults(&self) {
        self.inner().faults.clear();
    }

    pub(crate) fn cancel(&self) {
        self.inner().cancel = true;
    }

    /// A person's word on a stuck job. A retry moves failed steps back to started, as the store does.
    pub(super) fn resolve(&self, event: JobEvent) {
        let mut inner = self.inner();
        inner.record.state = job::apply(inner.record.state, event).unwrap();
        inner.owner = None;
        if event == JobEvent::RetryWanted {
            inner.cancel = false;
            for step in inner.record.steps.iter_mut().filter(|step| step.state == StepState::Failed) {
                step.state = step::apply(step.state, StepEvent::Start).unwrap();
            }
        }
    }

    /// Puts the record into a state that a dead worker may have left.
    pub(crate) fn found(&self, states: &[(u32, StepState)]) {
        let mut inner = self.inner();
        for (id, state) in states {
            inner.record.steps.iter_mut().find(|step| step.id == *id).unwrap().state = *state;
        }
    }

    pub(crate) fn writes(&self) -> u32 {
        self.inner().writes
    }

    pub(crate) fn job_state(&self) -> JobState {
        self.inner().record.state
    }

    pub(crate) fn job_error(&self) -> Option<StepError> {
        self.inner().job_error.clone()
    }

    pub(crate) fn step_error(&self, id: u32) -> Option<StepError> {
        self.inner().step_errors.get(&id).cloned()
    }

    pub(super) fn step_state(&self, id: u32) -> StepState {
        self.inner().record.steps.iter().find(|step| step.id == id).unwrap().state
    }

    /// Whether a claim still holds.
    pub(super) fn holds(&self, held: &Held) -> bool {
        self.inner().holds(held)
    }

    pub(super) fn illegal(&self) -> Vec<String> {
        self.inner().illegal.clone()
    }

    pub(crate) fn progress(&self) -> Vec<Value> {
        self.inner().progress.clone()
    }

    /// What happened, for messages.
    pub(crate) fn log(&self) -> String {
        self.inner().lines.iter().fold(String::new(), |mut text, line| {
            let _ = writeln!(text, "{line}");
            text
        })
    }

    /// A write with its faults and its two points of death.
    async fn write<T>(
        &self,
        held: &Held,
        what: String,
        change: impl FnOnce(&mut Inner) -> Result<T, String>,
    ) -> Result<T, JournalError> {
        self.chaos.point().await;
        let (result, fault) = {
            let mut inner = self.inner();
            inner.writes += 1;
            let number = inner.writes;
            let fault = inner.faults.get(&number).copied();
            inner
                .lines
                .push(format!("{number}: {what} {}", fault.map(|fault| format!("{fault:?}")).unwrap_or_default()));
            match fault {
                Some(Fault::Away) => return Err(away()),
                Some(Fault::Broken) => return Err(JournalError::Corrupt(Sentence::verbatim("planned"))),
                Some(Fault::TakenOver) => {
                    inner.fence += 1;
                    inner.owner = Some(WorkerId::generate());
                }
                Some(Fault::AnswerLost) | None => {}
            }
            if !inner.holds(held) {
                return Err(JournalError::FenceLost { job: held.job, fence: held.fence });
            }
            let result = change(&mut inner).map_err(|illegal| {
                inner.illegal.push(format!("{number}: {what}: {illegal}"));
                JournalError::Illegal(Sentence::verbatim(illegal))
            });
            (result, fault)
        };
        self.chaos.point().await;
        if fault == Some(Fault::AnswerLost) { Err(away()) } else { result }
    }
}

impl Inner {
    fn holds(&self, held: &Held) -> bool {
        self.fence == held.fence && self.owner == Some(held.worker)
    }
}

fn away() -> JournalError {
    JournalError::Unavailable(Sentence::verbatim("planned"))
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn load(&self, held: &Held) -> Result<JobRecord, JournalError> {
        self.assert_held(held).await?;
        Ok(self.inner().record.clone())
    }

    async fn step(&self, held: &Held, id: u32, event: StepEvent, note: StepNote) -> Result<StepState, JournalError> {
        self.write(held, format!("step {id} {event:?} {note:?}"), |inner| {
            let step = inner.record.steps.iter_mut().find(|step| step.id == id).ok_or("no such step")?;
            let next = match step::apply(step.state, event) {
                Ok(next) => next,
                Err(illegal) => match StepState::ALL.into_iter().find_map(|from| step::apply(from, event).ok()) {
                    Some(target) if target == step.state => return Ok(target),
                    _ => return Err(illegal.to_string()),
                },
            };
            step.state = next;
            if note.output.is_some() {
                step.output = note.output;
            }
            if let Some(error) = note.error {
                inner.step_errors.insert(id, error);
            }
            Ok(next)
        })
        .await
    }

    async fn job(&self, held: &Held, event: JobEvent, note: JobNote) -> Result<JobState, JournalError> {
        self.write(held, format!("job {event:?} {note:?}"), |inner| {
            let state = inner.record.state;
            let next = match job::apply(state, event) {
                Ok(next) => next,
                Err(illegal) => match JobState::ALL.into_iter().find_map(|from| job::apply(from, event).ok()) {
                    Some(target) if target == state => return Ok(target),
                    _ => return Err(illegal.to_string()),
                },
            };
            inner.record.state = next;
            inner.job_error = note.error.or(inner.job_error.take());
            Ok(next)
        })
        .await
    }

    async fn progress(&self, held: &Held, step: u32, message: Value) -> Result<(), JournalError> {
        self.write(held, format!("progress {step} {message}"), |inner| {
            inner.progress.push(message);
            Ok(())
        })
        .await
    }

    async fn assert_held(&self, held: &Held) -> Result<(), JournalError> {
        if self.holds(held) { Ok(()) } else { Err(JournalError::FenceLost { job: held.job, fence: held.fence }) }
    }

    async fn cancel_requested(&self, held: &Held) -> Result<bool, JournalError> {
        self.assert_held(held).await?;
        Ok(self.inner().cancel)
    }
}
