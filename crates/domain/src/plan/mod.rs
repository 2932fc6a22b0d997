//! Plans: what will be done, in which order, what it destroys and preserves, shown before it runs.

mod build;
mod difference;
mod disk;
mod facts;
mod layout;
mod preconditions;
mod problems;
mod schema;
mod scripts;
mod statements;
mod step_spec;

pub use build::build;
pub use difference::{CodeChange, ConfigChange, Difference, ImageChange, SchemaChange, between_releases};
pub use disk::{DiskAt, Shortage};
pub use facts::{
    Condition, ContainerFacts, ContainerState, CurrentFacts, DiskFacts, DroppedData, Facts, GatewayState, ImageFacts,
    ImageState, MaintenanceFacts, MigrationFacts, ReleaseFacts, SchemaFacts, ScriptFacts, ScriptRefusal,
    ScriptStatement, StoreFacts,
};
pub use step_spec::{PageAt, Precondition, ServiceAt, StepSpec};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Version;
use crate::deployment::DeploymentKind;
use crate::finding::{Code, Finding, Severity};
use crate::ids::{DeploymentId, ReleaseId};
use crate::rehearsal::StatementClass;

/// The format of stored plans; it rises when a step's specification changes its meaning.
pub const FORMAT: u32 = 2;

/// One ordered plan over images, configuration, databases and caches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Plan {
    /// Format of the stored plan.
    pub format: u32,
    /// Whether it goes forward or back.
    pub kind: DeploymentKind,
    /// The application's name.
    pub application: String,
    /// The environment's name.
    pub environment: String,
    /// What runs now; none before the first deployment.
    pub from: Option<PlannedRelease>,
    /// What will run.
    pub to: PlannedRelease,
    /// The deployment that the plan starts from.
    pub from_deployment: Option<DeploymentId>,
    /// Revision of the environment's settings that it was made for; other settings want another plan.
    pub settings_revision: u64,
    /// The steps, ordered so that each comes after those that it depends on.
    pub steps: Vec<PlannedStep>,
    /// Until this step has finished a failure unwinds; after it, the plan only goes forward.
    pub pivot: u32,
    /// Blockers first, then warnings and notes.
    pub findings: Vec<Finding>,
    /// What would forbid to run it, had a person not accepted it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<Code>,
    /// Whether the target runs on the schemas as they are; none where no release changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<SchemaVerdict>,
    /// What the target will not know: put aside, and back with the way forward. An estimate, as data goes on changing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<PlannedLoss>,
    /// What differs between the two releases, layer by layer.
    pub difference: Difference,
    /// SHA-256 over what was approved: the steps with all their scripts, images and ledgers, but no estimate.
    pub digest: String,
    /// Expected duration from past runs, milliseconds, where every step has one.
    pub expected_ms: Option<u64>,
}

/// Whether a release runs on the schemas that are there, and what that costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SchemaVerdict {
    /// The schemas are the ones that it was released with.
    SameSchema,
    /// It runs on schemas newer than its own: they stay.
    RunsOnNewer,
    /// Migrations have to be applied for it.
    NeedsUp,
    /// Migrations have to be taken back for it.
    NeedsDown,
    /// Migrations would have to be taken back, and cannot be: restore a backup, or go forward.
    Irreversible,
}

impl SchemaVerdict {
    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SameSchema => "same_schema",
            Self::RunsOnNewer => "runs_on_newer",
            Self::NeedsUp => "needs_up",
            Self::NeedsDown => "needs_down",
            Self::Irreversible => "irreversible",
        }
    }
}

/// Something that a step takes away, and how much of it there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Loss {
    /// What, as steps name it, e.g. `column users.two_factor_secret`.
    pub object: String,
    /// Rows or documents that hold something there; none where that was not counted in time, or only the script can tell.
    pub rows: Option<u64>,
}

/// Something that a migration takes away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlannedLoss {
    /// Data store.
    pub store: String,
    /// Version of the migration that is taken back.
    pub migration: String,
    /// What, and how much.
    #[serde(flatten)]
    pub loss: Loss,
}

/// A release as a plan names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlannedRelease {
    /// Its id.
    pub id: ReleaseId,
    /// Its version.
    pub version: Version,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlannedStep {
    /// Number within the plan, from 0.
    pub id: u32,
    /// Steps that have to finish before.
    pub depends_on: Vec<u32>,
    /// What it does.
    pub spec: StepSpec,
    /// What it destroys; each entry names an object, e.g. `column users.two_factor_secret`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub destroys: Vec<String>,
    /// What it puts aside before it destroys it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preserves: Vec<String>,
    /// Duration of such a step in past runs, or of its statements as they were rehearsed, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_ms: Option<u64>,
    /// The statements that it runs, the first hundred of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<PlannedStatement>,
    /// How many more there are.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_statements: u32,
}

impl PlannedStep {
    /// A step that comes after those, of which nothing else is known.
    pub fn new(id: u32, depends_on: Vec<u32>, spec: StepSpec) -> Self {
        Self {
            id,
            depends_on,
            spec,
            destroys: Vec::new(),
            preserves: Vec::new(),
            expected_ms: None,
            statements: Vec::new(),
            more_statements: 0,
        }
    }
}

/// A statement of a step that migrates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlannedStatement {
    /// Version of the migration.
    pub migration: String,
    /// Position in its script, as `line:column`.
    pub position: String,
    /// What it does, in few words.
    pub does: String,
    /// How much it has to do, as the server said when it was rehearsed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<StatementClass>,
    /// How long it may take, from its rehearsal, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_ms: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Plan {
    /// Whether nothing forbids to run the plan.
    pub fn is_runnable(&self) -> bool {
        self.blockers().next().is_none()
    }

    /// The findings that forbid to run it.
    pub fn blockers(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Blocker)
    }

    /// The step of that number.
    pub fn step(&self, id: u32) -> Option<&PlannedStep> {
        self.steps.iter().find(|step| step.id == id)
    }
}
