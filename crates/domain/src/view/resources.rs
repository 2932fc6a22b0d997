//! Applications, environments, releases, deployments and tokens.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Version;
use crate::deployment::{DeploymentKind, DeploymentResult};
use crate::environment::EnvironmentSpec;
use crate::ids::{ApplicationId, DeploymentId, EnvironmentId, JobId, ReleaseId, TokenId};
use crate::release::{GitRefs, ServiceConfig};
use crate::series::SeriesRules;
use crate::version::VersionKind;

/// A page of a list; the cursor asks for the next one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Pass it as `cursor` for the next page; absent on the last.
    pub next_cursor: Option<String>,
}

/// An application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApplicationView {
    /// Its id.
    pub id: ApplicationId,
    /// Its name, unique.
    pub name: String,
    /// What it is, for people.
    pub description: String,
    /// When it was made known.
    pub created_at: DateTime<Utc>,
}

/// An environment with what it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EnvironmentView {
    /// Its id.
    pub id: EnvironmentId,
    /// The application's name.
    pub application: String,
    /// Its name, unique within the application.
    pub name: String,
    /// Its settings, secrets masked.
    pub spec: EnvironmentSpec,
    /// Rises with every edit; the ETag is made of it.
    pub revision: u64,
    /// What runs; none before the first deployment.
    pub current: Option<CurrentView>,
    /// The job that holds it, if any.
    pub active_job: Option<JobId>,
    /// Whether a person switched the maintenance page on, and why.
    pub maintenance: Option<String>,
    /// When it was last edited.
    pub updated_at: DateTime<Utc>,
}

/// What an environment runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CurrentView {
    /// The deployment that put it there.
    pub deployment: DeploymentId,
    /// The version.
    pub version: Version,
    /// Image reference by service.
    pub images: BTreeMap<String, String>,
    /// Where its source is.
    pub git: GitRefs,
    /// Since when.
    pub since: DateTime<Utc>,
    /// How it came there.
    pub kind: DeploymentKind,
}

/// A release, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReleaseView {
    /// Its id.
    pub id: ReleaseId,
    /// Its version.
    pub version: Version,
    /// Its series, e.g. `v0.8.x`.
    pub series: String,
    /// How it differs from the one before it.
    pub kind: VersionKind,
    /// When it was released.
    pub released_at: DateTime<Utc>,
    /// When it was registered.
    pub registered_at: DateTime<Utc>,
    /// What changed.
    pub notes: String,
    /// The same in Chinese, if the team wrote it.
    pub notes_zh: String,
    /// Where its source is.
    pub git: GitRefs,
    /// Image reference by service.
    pub images: BTreeMap<String, String>,
    /// Digest of the image by service, where CI registered one.
    #[serde(default)]
    pub image_digests: BTreeMap<String, String>,
    /// Newest migration by data store.
    pub heads: BTreeMap<String, String>,
    /// Migrations that have no down script, as `store/version`: rolling back beyond them is impossible.
    pub irreversible: Vec<String>,
    /// What the newest rehearsal of the way back came to, by environment.
    #[serde(default)]
    pub ways_back: Vec<super::WayBack>,
}

/// A release with everything that was registered, scripts by hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReleaseDetail {
    /// As lists show it.
    #[serde(flatten)]
    pub release: ReleaseView,
    /// Migrations by data store, oldest first.
    pub migrations: BTreeMap<String, Vec<crate::ledger::MigrationRef>>,
    /// Pinned configuration by environment and service, secrets masked.
    pub config: BTreeMap<String, BTreeMap<String, ServiceConfig>>,
    /// Server versions that it needs, by engine.
    pub requires: BTreeMap<String, String>,
}

/// A series of releases, and what holds for all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SeriesView {
    /// Its name, e.g. `v0.8.x`.
    pub series: String,
    /// What holds for it.
    #[serde(flatten)]
    pub rules: SeriesRules,
}

/// A deployment: one change of what an environment runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeploymentView {
    /// Its id.
    pub id: DeploymentId,
    /// Forward or back.
    pub kind: DeploymentKind,
    /// The version that ran before.
    pub from: Option<Version>,
    /// The deployment that had put it there: what a rollback came from.
    pub from_deployment: Option<DeploymentId>,
    /// The version that was to run.
    pub to: Version,
    /// Who asked.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// How it ended.
    pub result: DeploymentResult,
    /// The job that carries it out.
    pub job: JobId,
    /// When it was asked for.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
}

/// An API token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenView {
    /// Its id.
    pub id: TokenId,
    /// What it is for.
    pub name: String,
    /// Its first characters, to recognise it.
    pub prefix: String,
    /// What it may do, e.g. `rollback.request`; `*` is everything.
    pub permissions: Vec<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// A new token with its secret: the only time that it is shown.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MintedToken {
    /// The token.
    #[serde(flatten)]
    pub token: TokenView,
    /// `bko_…`; keep it, it is not stored.
    pub secret: String,
}
