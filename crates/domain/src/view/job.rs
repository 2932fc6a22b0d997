//! Jobs, their steps and events.

use chrono::{DateTime, Utc};
use sentence::Sentence;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::Version;
use crate::deployment::DeploymentKind;
use crate::ids::{DeploymentId, JobId};
use crate::job::JobState;
use crate::plan::Plan;
use crate::step::StepState;

/// A job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobView {
    /// Its id.
    pub id: JobId,
    /// Forward or back.
    pub kind: DeploymentKind,
    /// The application's name.
    pub application: String,
    /// The environment's name.
    pub environment: String,
    /// The deployment that it carries out.
    pub deployment: DeploymentId,
    /// The version that ran before.
    pub from: Option<Version>,
    /// The version that is to run.
    pub to: Version,
    /// Where it stands.
    pub state: JobState,
    /// Who asked.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When it was accepted.
    pub created_at: DateTime<Utc>,
    /// When a worker first claimed it.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// Why it did not succeed.
    pub error: Option<ErrorView>,
    /// What was measured, once it ended.
    pub measurements: Option<Measurements>,
    /// Number of its newest event.
    pub last_event: u64,
    /// Its steps; empty in lists.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepView>,
    /// What it carries out; absent in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
}

/// Why a job or a step did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorView {
    /// The step that decided it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
    /// What happened, to what, and why; in an answer a text in the language of `Accept-Language`.
    #[schema(value_type = String)]
    pub message: Sentence,
    /// The next command; in an answer a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub hint: Option<Sentence>,
}

/// A step of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StepView {
    /// Number within the plan.
    pub id: u32,
    /// Stable name, e.g. `stop_service`.
    pub name: String,
    /// What it works on, e.g. `web@local`.
    pub subject: String,
    /// Where it stands.
    pub state: StepState,
    /// How often it was begun.
    pub attempts: u32,
    /// When it was first begun.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// What it left.
    pub output: Option<Value>,
    /// Why it gave up.
    pub error: Option<ErrorView>,
}

/// Something that happened to a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobEventView {
    /// Number within the job, from 1, without gaps.
    pub seq: u64,
    /// When.
    pub at: DateTime<Utc>,
    /// `job`, `step` or `progress`.
    pub kind: String,
    /// The step, where it is about one.
    pub step: Option<u32>,
    /// The new state, a message, an error: by kind.
    pub data: Value,
}

/// What a job measured of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Measurements {
    /// From accepted to verified (the pivot), milliseconds.
    pub recovery_ms: Option<u64>,
    /// From the moment the first container stopped to the moment the last one was healthy, milliseconds.
    pub downtime_ms: Option<u64>,
    /// Rows and documents put aside.
    pub rows_preserved: u64,
    /// Rows and documents brought back.
    pub rows_restored: u64,
    /// Age of the backup taken, at the moment of the first destructive statement, milliseconds.
    pub backup_age_ms: Option<u64>,
}
