//! The typed specifications of steps, as stored in plans.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Version;
use crate::environment::{Engine, Gateway};
use crate::ids::{BackupId, DeploymentId, JobId, ReleaseId};
use crate::ledger::{Direction, MigrationRef};
use crate::plan::DiskAt;

/// A service's container on one host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub struct ServiceAt {
    /// The host's name.
    pub host: String,
    /// The service's name.
    pub service: String,
    /// The container's name.
    pub container: String,
}

impl std::fmt::Display for ServiceAt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.service, self.host)
    }
}

/// Where a maintenance page is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum PageAt {
    /// A container of its own answers on the service's port.
    Container {
        /// Which container it stands in for.
        at: ServiceAt,
        /// Image of the page.
        image: String,
        /// Port of the service.
        port: u16,
    },
    /// The gateway answers with it, for all services.
    Gateway {
        /// The gateway as the settings name it.
        gateway: Gateway,
    },
}

impl std::fmt::Display for PageAt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Container { at, .. } => at.fmt(f),
            Self::Gateway { .. } => f.write_str("gateway"),
        }
    }
}

/// What has to be true of the world before the first effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Precondition {
    /// The image is on the host and has this id.
    Image {
        /// Host.
        host: String,
        /// Reference as the release names it.
        reference: String,
        /// Image id (`sha256:…`).
        image_id: String,
    },
    /// The container runs this image; none means that there is no such container.
    Container {
        /// Which container.
        at: ServiceAt,
        /// Image id, if the container exists.
        image_id: Option<String>,
    },
    /// The target's ledger holds exactly these versions, in applied order.
    Ledger {
        /// Data store.
        store: String,
        /// Kind of the data store.
        engine: Engine,
        /// Versions, in applied order.
        applied: Vec<String>,
    },
    /// The schema is still the one that was planned for.
    Schema {
        /// Data store.
        store: String,
        /// Kind of the data store.
        engine: Engine,
        /// Its fingerprint.
        fingerprint: String,
    },
    /// The scripts that run, and those that would take them back, are stored with these hashes.
    Scripts {
        /// Data store.
        store: String,
        /// Which way they run.
        direction: Direction,
        /// The migrations.
        migrations: Vec<MigrationRef>,
    },
    /// The release's pinned configuration is the one that was registered, and its secrets open.
    Configuration {
        /// Whose configuration.
        service: String,
        /// The release that pins it.
        release: ReleaseId,
        /// Its keyed hash as registered; empty where the release pins none.
        config_sha256: String,
    },
    /// The cache answers.
    Cache {
        /// Data store.
        store: String,
    },
    /// There is space for what the plan writes.
    Disk {
        /// Where.
        disk: DiskAt,
    },
}

/// What a step does. The variant's name is the step's name in journals, events and metrics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum StepSpec {
    /// Checks that the world is still the one that was planned for; touches nothing.
    Preflight {
        /// What has to be true.
        preconditions: Vec<Precondition>,
    },
    /// Writes and verifies a backup of one data store.
    Backup {
        /// Data store.
        store: String,
        /// Kind of the data store.
        engine: Engine,
        /// Whether it has to be a new one, however young another is.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        anew: bool,
    },
    /// Restores a backup into a database of its own.
    Restore {
        /// Data store.
        store: String,
        /// Kind of the data store.
        engine: Engine,
        /// The backup.
        backup: BackupId,
        /// Its file.
        path: String,
        /// SHA-256 of the file.
        sha256: String,
        /// The database, which must not be there before, or be empty.
        database: String,
        /// Whether it goes again: only whether it can be restored is of interest.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        check: bool,
    },
    /// Stops the container and keeps it under another name.
    StopService {
        /// Which container.
        at: ServiceAt,
    },
    /// Shows the maintenance page.
    MaintenanceOn {
        /// Where.
        page: PageAt,
    },
    /// Takes migrations back, newest applied first; what they destroy is put aside before.
    MigrateDown {
        /// Data store.
        store: String,
        /// Kind of the data store.
        engine: Engine,
        /// In the order in which they run.
        migrations: Vec<MigrationRef>,
    },
    /// Applies migrations, oldest first; what was put aside comes back.
    MigrateUp {
        /// Data store.
        store: String,
        /// Kind of the data store.
        engine: Engine,
        /// In the order in which they run.
        migrations: Vec<MigrationRef>,
    },
    /// Removes cached keys.
    FlushCache {
        /// Data store.
        store: String,
        /// Key patterns.
        patterns: Vec<String>,
    },
    /// Removes the maintenance page.
    MaintenanceOff {
        /// Where; all that is needed to show it again when the plan unwinds.
        page: PageAt,
    },
    /// Starts the container again that an earlier job stopped and kept.
    ResumeService {
        /// Which container.
        at: ServiceAt,
        /// The job that stopped it.
        stopped_by: JobId,
    },
    /// Creates and starts the container of the target release, with its configuration.
    StartService {
        /// Which container.
        at: ServiceAt,
        /// The release whose configuration it gets.
        release: ReleaseId,
        /// Image reference.
        image: String,
        /// Image id that the reference has to have.
        image_id: String,
        /// Keyed hash of the release's pinned configuration for this service; empty where it pins none.
        config_sha256: String,
        /// Whether a container was there before, whose own settings live on in this one. (Plans from before this was
        /// written down do not say so.)
        #[serde(default)]
        replaces: bool,
    },
    /// Waits until the started container is healthy.
    CheckHealth {
        /// Which container.
        at: ServiceAt,
        /// Port that is asked.
        port: u16,
        /// Path that is asked.
        path: String,
        /// How long it may take, seconds.
        deadline_seconds: u32,
    },
    /// Asks the verification probes of the environment.
    Verify {
        /// The version that has to answer.
        version: Version,
        /// The deployment being verified from; only to tell two verifications apart.
        from_deployment: Option<DeploymentId>,
    },
    /// Removes what was kept for going back.
    Finish {
        /// Containers whose retired predecessors are removed.
        retired: Vec<ServiceAt>,
    },
}

impl StepSpec {
    /// The stable name of the step.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Preflight { .. } => "preflight",
            Self::Backup { .. } => "backup",
            Self::Restore { .. } => "restore",
            Self::StopService { .. } => "stop_service",
            Self::MaintenanceOn { .. } => "maintenance_on",
            Self::MigrateDown { .. } => "migrate_down",
            Self::MigrateUp { .. } => "migrate_up",
            Self::FlushCache { .. } => "flush_cache",
            Self::MaintenanceOff { .. } => "maintenance_off",
            Self::ResumeService { .. } => "resume_service",
            Self::StartService { .. } => "start_service",
            Self::CheckHealth { .. } => "check_health",
            Self::Verify { .. } => "verify",
            Self::Finish { .. } => "finish",
        }
    }

    /// What the step works on, e.g. `web@local` or `main (mariadb)`; empty where the name says it all.
    pub fn subject(&self) -> String {
        match self {
            Self::Preflight { .. } | Self::Verify { .. } | Self::Finish { .. } => String::new(),
            Self::Backup { store, engine, .. }
            | Self::Restore { store, engine, .. }
            | Self::MigrateDown { store, engine, .. }
            | Self::MigrateUp { store, engine, .. } => format!("{store} ({engine})"),
            Self::FlushCache { store, .. } => store.clone(),
            Self::MaintenanceOn { page } | Self::MaintenanceOff { page } => page.to_string(),
            Self::StopService { at }
            | Self::ResumeService { at, .. }
            | Self::StartService { at, .. }
            | Self::CheckHealth { at, .. } => at.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_step_is_its_tag() {
        let spec = StepSpec::Finish { retired: vec![] };
        assert_eq!(serde_json::to_value(&spec).unwrap()["step"], spec.name());
    }
}
