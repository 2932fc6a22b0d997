//! What callers send.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::deployment::SchemaMode;
use crate::environment::EnvironmentSpec;

/// Makes an application known.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApplication {
    /// Its name: 1 to 63 of a-z, 0-9, '-' and '_'.
    pub name: String,
    /// What it is, for people.
    #[serde(default)]
    pub description: String,
}

/// Makes an environment.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEnvironment {
    /// Its name.
    pub name: String,
    /// Its settings.
    pub spec: EnvironmentSpec,
}

/// Starts a deployment.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DeployRequest {
    /// The version to run; kept as text, so that a bad one is answered with its own error.
    pub version: String,
    /// Why.
    pub reason: String,
    /// The version that the caller believes to run (`none` for nothing); another one is refused with 409.
    pub expected_current: Option<String>,
    /// What happens to a schema newer than the version.
    pub schema: SchemaMode,
    /// The environment's name, where its protection asks for it.
    pub confirm: Option<String>,
    /// Digest of the plan that was shown; another plan is refused with 409.
    pub plan_digest: Option<String>,
    /// Codes of findings that forbid the plan until a person accepts them, such as `risk-unknown`.
    pub accept: Vec<String>,
    /// Only plan.
    pub dry_run: bool,
}

/// Asks for a rollback.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RollbackRequest {
    /// The version to go back to; the last one known to be good if absent.
    pub target: Option<String>,
    /// Why.
    pub reason: String,
    /// The version that the caller believes to run; needed where no target is named.
    pub expected_current: Option<String>,
    /// What happens to a schema newer than the target.
    pub schema: SchemaMode,
    /// The environment's name, where its protection asks for it.
    pub confirm: Option<String>,
    /// Digest of the plan that was shown; another plan is refused with 409.
    pub plan_digest: Option<String>,
    /// Codes of findings that forbid the plan until a person accepts them, such as `risk-unknown`.
    pub accept: Vec<String>,
    /// Only plan.
    pub dry_run: bool,
}

/// Applies a release's migrations ahead of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MigrateRequest {
    /// The release whose migrations are applied.
    pub release: String,
    /// The newest of them that is, by version; all if absent.
    pub through: Option<String>,
    /// Why.
    pub reason: String,
    /// The environment's name, where its protection asks for it.
    pub confirm: Option<String>,
    /// Digest of the plan that was shown; another plan is refused with 409.
    pub plan_digest: Option<String>,
    /// Codes of findings that forbid the plan until a person accepts them, such as `migration-out-of-order`.
    pub accept: Vec<String>,
    /// Only plan.
    pub dry_run: bool,
}

/// Backs data stores up.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BackupRequest {
    /// The data stores; all but caches if empty.
    pub stores: Vec<String>,
    /// Why.
    pub reason: String,
}

/// Restores a backup into a database of its own.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RestoreRequest {
    /// The database, on the data store's server, which must not be there, or be empty; absent: a scratch database, which goes again once the
    /// backup was seen to be whole.
    pub into: Option<String>,
    /// Why.
    pub reason: String,
}

/// Calls a job off.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CancelRequest {
    /// Why.
    pub reason: String,
}

/// What a person chooses for a stuck job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StuckChoice {
    /// Go on from where it stands.
    Retry,
    /// Take everything back.
    Unwind,
}

/// Decides on a stuck job.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolveRequest {
    /// Forward or back.
    pub choice: StuckChoice,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// Switches the maintenance page on.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MaintenanceRequest {
    /// Shown on the page.
    pub reason: String,
    /// The environment's name, where its protection asks for it.
    pub confirm: Option<String>,
}

/// Adopts a data store that was there before: says which registered migrations count as applied, and accepts its schema.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BaselineRequest {
    /// The release whose migrations count as applied.
    pub release: String,
    /// The newest of them that does; all if absent.
    pub through: Option<String>,
    /// Why.
    pub reason: String,
    /// The environment's name, where its protection asks for it.
    pub confirm: Option<String>,
}

/// Drops data that was put aside, for good.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DropKeptRequest {
    /// Why.
    pub reason: String,
    /// The environment's name, where its protection asks for it.
    pub confirm: Option<String>,
}

/// Says what holds for a ledger in spite of what it says.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RepairRequest {
    /// Accepts the schema, and the target's own ledgers, as they are now.
    pub accept_schema: bool,
    /// The fingerprint that was shown; another schema is not accepted, and refused with 409.
    pub expected_fingerprint: Option<String>,
    /// Versions of migrations that count as applied.
    pub applied: Vec<String>,
    /// Versions of migrations that count as not applied.
    pub not_applied: Vec<String>,
    /// The release whose scripts count as run; the current one if absent.
    pub release: Option<String>,
    /// Why.
    pub reason: String,
    /// The environment's name, where its protection asks for it.
    pub confirm: Option<String>,
}

/// Makes an API token.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it is for.
    pub name: String,
    /// What it may do; `*` is everything.
    pub permissions: Vec<String>,
    /// When it ends; never if absent.
    #[serde(default)]
    pub expires_at: Option<DateTime<Utc>>,
}
