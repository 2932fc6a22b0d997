//! Identifiers: UUIDv7, so that ids made later sort later.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Makes a new id, ordered by the time of its making.
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl sentence::ToValue for $name {
            fn to_value(&self) -> sentence::Value {
                sentence::Value::Text(self.to_string())
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    )+};
}

id! {
    /// An application: what is released and deployed as one.
    ApplicationId,
    /// One place where an application runs.
    EnvironmentId,
    /// A registered release of an application.
    ReleaseId,
    /// One change of what an environment runs.
    DeploymentId,
    /// A durable job: one plan being carried out.
    JobId,
    /// A migration script pair as registered.
    MigrationId,
    /// What a person said about a ledger.
    CorrectionId,
    /// Data put aside before a statement destroyed it.
    PreservationId,
    /// A release's migrations being tried on a scratch database.
    RehearsalId,
    /// A backup of one data store.
    BackupId,
    /// A process that runs jobs.
    WorkerId,
    /// An API token (never the token's secret).
    TokenId,
}
