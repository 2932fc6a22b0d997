//! Deployments: the history of what an environment ran.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why an environment changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentKind {
    /// Going forward, to a release that CI registered.
    Deploy,
    /// Going back, to a release that ran before.
    Rollback,
    /// A person shows the maintenance page in the application's place.
    MaintenanceOn,
    /// A person lets the application answer again.
    MaintenanceOff,
    /// Migrations of a release are applied ahead of it; what runs stays.
    Migrate,
    /// Data stores are backed up; nothing changes.
    Backup,
    /// A backup is restored into a database of its own; nothing else changes.
    Restore,
}

/// How a deployment ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentResult {
    /// Its job has not ended.
    Running,
    /// The target runs; this is what "current" means while no later one succeeded.
    Succeeded,
    /// It ended without change, or everything was put back.
    Failed,
}

/// What happens to the schema when a release older than it is deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SchemaMode {
    /// Downs run where the target cannot run on the newer schema, and only there.
    #[default]
    Auto,
    /// Downs run.
    Down,
    /// The schema stays; refused where the target cannot run on it.
    Keep,
}

macro_rules! words {
    ($name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $name {
            /// The stable word, as stored and as shown to programs.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// Reads the stable word back.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}
pub(crate) use words;

words!(DeploymentKind {
    Deploy = "deploy",
    Rollback = "rollback",
    MaintenanceOn = "maintenance_on",
    MaintenanceOff = "maintenance_off",
    Migrate = "migrate",
    Backup = "backup",
    Restore = "restore",
});
words!(DeploymentResult { Running = "running", Succeeded = "succeeded", Failed = "failed" });
