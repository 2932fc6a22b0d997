//! What a plan is built from: what the store says and what the world really is.

use sentence::Sentence;
use std::collections::{BTreeMap, BTreeSet};

use super::{Loss, StepSpec};
use crate::Version;
use crate::deployment::{DeploymentKind, SchemaMode};
use crate::environment::{Engine, EnvironmentSpec};
use crate::finding::Code;
use crate::ids::{DeploymentId, JobId, ReleaseId};
use crate::ledger::{Direction, MigrationRef};
use crate::rehearsal::RehearsedMigration;
use crate::release::{GitRefs, SchemaRange, ServiceConfig};

/// Everything that decides a plan.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Forward or back.
    pub kind: DeploymentKind,
    /// The application's name.
    pub application: String,
    /// The environment's name.
    pub environment: String,
    /// The environment's settings, secrets masked.
    pub spec: EnvironmentSpec,
    /// Revision of those settings.
    pub settings_revision: u64,
    /// What to do with a schema newer than the target.
    pub schema_mode: SchemaMode,
    /// The newest version of a migration that is to be applied where only migrations are; all if absent.
    pub through: Option<String>,
    /// The data stores to be backed up where only that is done.
    pub backed_up: Vec<String>,
    /// What is restored where only that is done.
    pub restored: Option<StepSpec>,
    /// What a person accepts, of [`Code::ACCEPTABLE`].
    pub accepted: BTreeSet<Code>,
    /// What runs now, as the store says.
    pub current: Option<CurrentFacts>,
    /// What is to run.
    pub target: ReleaseFacts,
    /// The images that the target needs, by host.
    pub images: Vec<ImageFacts>,
    /// The containers of the services.
    pub containers: Vec<ContainerFacts>,
    /// The data stores, by name.
    pub stores: BTreeMap<String, StoreFacts>,
    /// What the gateway answered, where the settings name one.
    pub gateway: Option<GatewayState>,
    /// What was closed for a person, if the maintenance page is on.
    pub maintenance: Option<MaintenanceFacts>,
    /// What may still be written where the plan writes, as far as that can be told.
    pub disks: DiskFacts,
    /// Typical duration of past steps by name, milliseconds.
    pub durations: BTreeMap<String, u64>,
}

/// Free space, bytes.
#[derive(Debug, Clone, Default)]
pub struct DiskFacts {
    /// Where backups go, on the machine that made the plan.
    pub backups: Option<u64>,
    /// Where container engines keep their data, by host.
    pub hosts: BTreeMap<String, u64>,
    /// Where database servers keep their data, by data store.
    pub servers: BTreeMap<String, u64>,
}

/// Whether the gateway will show the page of this environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GatewayState {
    /// It answers for this environment.
    Ready,
    /// It does not answer, or not for this environment: why.
    NotReady(Sentence),
}

/// A maintenance page that a person switched on.
#[derive(Debug, Clone)]
pub struct MaintenanceFacts {
    /// The job that did it.
    pub job: JobId,
    /// The steps of that job, which tell what it closed; the settings may have changed since.
    pub steps: Vec<StepSpec>,
}

/// The current deployment.
#[derive(Debug, Clone)]
pub struct CurrentFacts {
    /// Its id.
    pub deployment: DeploymentId,
    /// Its release.
    pub release: ReleaseFacts,
}

/// A registered release.
#[derive(Debug, Clone)]
pub struct ReleaseFacts {
    /// Its id.
    pub id: ReleaseId,
    /// Its version.
    pub version: Version,
    /// Where its source is.
    pub git: GitRefs,
    /// Image reference by service.
    pub images: BTreeMap<String, String>,
    /// Schema by data store.
    pub schema: BTreeMap<String, SchemaFacts>,
    /// Pinned configuration for this environment by service, secrets masked; none if the release has none for it.
    pub config: Option<BTreeMap<String, ServiceConfig>>,
    /// SHA-256 of the pinned configuration by service.
    pub config_sha256: BTreeMap<String, String>,
    /// Server versions that it needs, by engine.
    pub requires: BTreeMap<String, String>,
}

/// The schema of a release in one data store.
#[derive(Debug, Clone)]
pub struct SchemaFacts {
    /// Kind of the data store.
    pub engine: Engine,
    /// Which heads the image runs on.
    pub runs_on: SchemaRange,
    /// Its migrations, oldest first.
    pub migrations: Vec<MigrationFacts>,
}

/// A registered migration, examined.
#[derive(Debug, Clone)]
pub struct MigrationFacts {
    /// Which one.
    pub reference: MigrationRef,
    /// Whether the stored bytes still have the registered hashes.
    pub intact: bool,
    /// What the up script does.
    pub up: ScriptFacts,
    /// What the down script does.
    pub down: ScriptFacts,
    /// What came of it when it was tried on a scratch database of this environment last.
    pub rehearsed: Option<RehearsedMigration>,
}

/// What a script does, as far as it can be told without running it.
#[derive(Debug, Clone, Default)]
pub struct ScriptFacts {
    /// Objects whose data it destroys, e.g. `column users.two_factor_secret`.
    pub destroys: Vec<String>,
    /// Objects among them that are put aside first.
    pub preserves: Vec<String>,
    /// Statements that cannot be run safely as written.
    pub refusals: Vec<ScriptRefusal>,
    /// Positions of statements that could not be understood, as `line:column`.
    pub unknown: Vec<String>,
    /// Whether its operations can be listed beforehand.
    pub predictable: bool,
    /// Its statements in order, as far as they can be listed.
    pub statements: Vec<ScriptStatement>,
}

/// A statement of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptStatement {
    /// Position as `line:column`.
    pub position: String,
    /// What it does, in few words and without values.
    pub does: String,
}

/// Data that was put aside and dropped, so that no script brings it back any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DroppedData {
    /// Version of the migration with which it would have come back.
    pub migration: String,
    /// Which way that migration would have gone.
    pub direction: Direction,
    /// What it was, e.g. `column users.two_factor_secret`.
    pub object: String,
}

/// A statement that is refused, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptRefusal {
    /// Position as `line:column`.
    pub position: String,
    /// Why, and what to write instead.
    pub reason: Sentence,
}

/// An image that a host needs.
#[derive(Debug, Clone)]
pub struct ImageFacts {
    /// Host.
    pub host: String,
    /// Reference.
    pub reference: String,
    /// What is there.
    pub state: ImageState,
    /// The id that the reference had when this release was last deployed to that host, if it ever was.
    pub known_id: Option<String>,
    /// The digest that the release was registered with, if it names one.
    pub digest: Option<String>,
    /// The digests under which registries know the image that is there, as `name@sha256:…`.
    pub repo_digests: Vec<String>,
}

impl ImageFacts {
    /// Whether the image of this id is another one than the release was registered or last deployed with.
    pub(super) fn is_changed(&self, id: &str) -> bool {
        let is_the = |digest: &str| {
            id == digest || self.repo_digests.iter().any(|known| known.rsplit('@').next() == Some(digest))
        };
        self.known_id.as_ref().is_some_and(|known| known != id)
            || self.digest.as_ref().is_some_and(|digest| !is_the(digest))
    }
}

/// What a host has under a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageState {
    /// The image, by id.
    Present(String),
    /// Nothing.
    Absent,
    /// The host did not answer: why.
    Unreachable(Sentence),
}

/// A service's container on one host.
#[derive(Debug, Clone)]
pub struct ContainerFacts {
    /// Host.
    pub host: String,
    /// Service.
    pub service: String,
    /// What is there.
    pub state: ContainerState,
    /// Id of the image that the current deployment left there, where that is known.
    pub left_as: Option<String>,
    /// Name of a container that runs, that Backout did not make for this environment and that publishes the service's
    /// port, if there is one besides the service's own.
    pub port_holder: Option<String>,
}

/// What a host has under a container's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContainerState {
    /// A container.
    Present {
        /// Id of the image that it was made from.
        image_id: String,
        /// Whether Backout made it for this environment.
        ours: bool,
        /// Whether it runs.
        condition: Condition,
    },
    /// Nothing.
    Absent,
    /// The host did not answer: why.
    Unreachable(Sentence),
}

/// Whether a container runs, as its engine says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// It runs, and its health check, if it has one, has not failed.
    Running,
    /// It runs, and its health check fails.
    Unhealthy,
    /// It does not: the engine's word for its state, such as `exited`.
    Down(String),
}

/// A data store as it answered.
#[derive(Debug, Clone)]
pub struct StoreFacts {
    /// Kind of the data store.
    pub engine: Engine,
    /// Why it did not answer, if so.
    pub unreachable: Option<Sentence>,
    /// Version that the server reports.
    pub version: Option<String>,
    /// Versions in its ledger in applied order, or why they cannot be read.
    pub applied: Result<Vec<String>, Sentence>,
    /// Fingerprint of its schema.
    pub fingerprint: Option<String>,
    /// Fingerprint that its schema had when Backout last changed it; none where it never did.
    pub left_as: Option<String>,
    /// The scripts that our ledger names as applied last, by version.
    pub recorded: BTreeMap<String, MigrationFacts>,
    /// Bytes of its tables or collections by name; empty where that cannot be told.
    pub sizes: BTreeMap<String, u64>,
    /// Every migration that any release registered for it, by version.
    pub known: BTreeMap<String, MigrationFacts>,
    /// What the down script of an applied migration would take away, counted now, by version.
    pub losses: BTreeMap<String, Vec<Loss>>,
    /// Data put aside earlier that an up of its migration brings back: migration version to the objects.
    pub kept: BTreeMap<String, Vec<String>>,
    /// Data put aside earlier that was dropped before it could come back.
    pub dropped: Vec<DroppedData>,
}
