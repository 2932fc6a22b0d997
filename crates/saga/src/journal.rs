//! The journal of jobs and steps, as the saga sees it.

use async_trait::async_trait;
use domain::ids::{EnvironmentId, JobId, WorkerId};
use domain::job::{JobEvent, JobState};
use domain::plan::Plan;
use domain::step::{StepEvent, StepState};
use serde_json::Value;

use crate::error::{JournalError, StepError};

/// A claim on a job. The fence rises with every claim, so a write under an older one is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// The job.
    pub job: JobId,
    /// The worker that claimed it.
    pub worker: WorkerId,
    /// Number of the claim.
    pub fence: u64,
}

/// A job as the journal has it.
#[derive(Debug, Clone)]
pub struct JobRecord {
    /// The job.
    pub id: JobId,
    /// The environment that it changes.
    pub environment: EnvironmentId,
    /// Where it stands.
    pub state: JobState,
    /// What it carries out; never planned again.
    pub plan: Plan,
    /// Its steps, in plan order.
    pub steps: Vec<StepRecord>,
}

/// A step as the journal has it.
#[derive(Debug, Clone)]
pub struct StepRecord {
    /// Number within the plan.
    pub id: u32,
    /// Where it stands.
    pub state: StepState,
    /// What it left, once finished.
    pub output: Option<Value>,
}

/// What is written down with a step's event.
#[derive(Debug, Clone, Default)]
pub struct StepNote {
    /// What the step left.
    pub output: Option<Value>,
    /// Why it gave up.
    pub error: Option<StepError>,
}

/// What is written down with a job's event.
#[derive(Debug, Clone, Default)]
pub struct JobNote {
    /// The step that decided it.
    pub step: Option<u32>,
    /// Why.
    pub error: Option<StepError>,
}

/// Where jobs and steps are written down. A transition that has been written already counts as done, so
/// that a write whose answer was lost can be repeated. Every write fails with [`JournalError::FenceLost`] once
/// another worker has claimed the job.
///
/// A person's retry of a stuck job moves its failed steps back to started, so that they are probed; a step found
/// failed in a running job is one whose worker died before it could turn the job back.
#[async_trait]
pub trait Journal: Send + Sync {
    /// The job as it stands.
    async fn load(&self, held: &Held) -> Result<JobRecord, JournalError>;

    /// Moves a step on.
    async fn step(&self, held: &Held, step: u32, event: StepEvent, note: StepNote) -> Result<StepState, JournalError>;

    /// Moves the job on.
    async fn job(&self, held: &Held, event: JobEvent, note: JobNote) -> Result<JobState, JournalError>;

    /// Writes down news of a running step for those who watch.
    async fn progress(&self, held: &Held, step: u32, message: Value) -> Result<(), JournalError>;

    /// Fails unless the claim still holds.
    async fn assert_held(&self, held: &Held) -> Result<(), JournalError>;

    /// Whether a person asked to call the job off.
    async fn cancel_requested(&self, held: &Held) -> Result<bool, JournalError>;
}
