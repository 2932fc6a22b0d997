//! Findings of a plan: blockers, warnings and notes, each with a stable code.

use std::collections::BTreeMap;

use sentence::{ToValue, Value};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The plan may not run.
    Blocker,
    /// A person should know before confirming.
    Warning,
    /// Worth knowing.
    Note,
}

/// Something that a person should know about a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// Stable code, see [`Code`].
    pub code: Code,
    /// How much it weighs.
    pub severity: Severity,
    /// What it is about, by name; the sentence for people is made from code and parameters.
    #[schema(value_type = BTreeMap<String, String>)]
    pub params: BTreeMap<String, Value>,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $word:literal / $severity:ident),+ $(,)?) => {
        /// The codes of findings. Each has a sentence in every language.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "kebab-case")]
        pub enum Code {
            $($(#[doc = $doc])+ $variant),+
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable word.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// How much a finding of this code weighs, unless the plan says otherwise.
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity),+ }
            }

            /// The code of that word.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.as_str() == word)
            }

            /// When it is found, for the table in `docs/errors.md`.
            pub fn when(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+)),+ }
            }
        }
    };
}

codes! {
    /// The target release is what runs already.
    ReleaseIsCurrent = "release-is-current" / Blocker,
    /// An image is not on a host that needs it.
    ImageMissing = "image-missing" / Blocker,
    /// An image is not the one whose digest this release was registered with, or not the one that it was last deployed with.
    ImageChanged = "image-changed" / Blocker,
    /// The release names no image for a service.
    ImageUnnamed = "image-unnamed" / Blocker,
    /// A container host does not answer.
    HostUnreachable = "host-unreachable" / Blocker,
    /// A data store does not answer.
    StoreUnreachable = "store-unreachable" / Blocker,
    /// A release names a data store that the environment has not. Only a warning where the target does not use it.
    StoreUnknown = "store-unknown" / Blocker,
    /// The target's ledger cannot be read, is of an unknown form, or is another tool's and no baseline was recorded.
    LedgerUnreadable = "ledger-unreadable" / Blocker,
    /// A migration to be taken back has no down script.
    DownScriptMissing = "down-script-missing" / Blocker,
    /// A script's bytes are not those that were registered.
    ScriptTampered = "script-tampered" / Blocker,
    /// Migrations in between are missing from the ledger or from the release.
    MigrationHole = "migration-hole" / Blocker,
    /// A migration of the target is older than the newest that is applied: it came late. Only a warning where a person accepts that; then it runs.
    MigrationOutOfOrder = "migration-out-of-order" / Blocker,
    /// The ledger has a migration that no registered release knows.
    MigrationUnknown = "migration-unknown" / Blocker,
    /// An applied migration has other bytes in the target release than those that were applied.
    MigrationEdited = "migration-edited" / Blocker,
    /// The release that runs carries other scripts than those that were applied; the down of the applied ones runs.
    AppliedScriptUsed = "applied-script-used" / Warning,
    /// The script that unwinding would need is missing or cannot be run: a failure before the pivot ends as `stuck`. No blocker on protected environments either: whoever types the name has read it.
    CannotBeUndone = "cannot-be-undone" / Warning,
    /// The schema is not the one that Backout left: somebody else changed it. Only a warning where the plan runs no migration on that data store, and on MongoDB, where a first write makes a collection.
    SchemaDrifted = "schema-drifted" / Blocker,
    /// Every migration that was asked for is applied already.
    NothingToMigrate = "nothing-to-migrate" / Blocker,
    /// A statement cannot be run safely as written.
    StatementRefused = "statement-refused" / Blocker,
    /// The target image does not run on the schema, and the schema is to be kept.
    SchemaIncompatible = "schema-incompatible" / Blocker,
    /// A server is older or newer than the release allows.
    RequirementNotMet = "requirement-not-met" / Blocker,
    /// A container that Backout did not make holds the name of a service's container, or publishes its port where the service does not run.
    ContainerForeign = "container-foreign" / Blocker,
    /// The container that should run is not there; going on will create it.
    ContainerMissing = "container-missing" / Warning,
    /// What runs is not what the last deployment left: the container is down or unhealthy, or on another image, or not made by Backout. Going back or forward replaces it.
    ContainerDrifted = "container-drifted" / Warning,
    /// The maintenance image is not on a host: requests are refused meanwhile.
    MaintenanceImageMissing = "maintenance-image-missing" / Blocker,
    /// The gateway does not answer for this environment, so that its page would not be seen.
    GatewayNotReady = "gateway-not-ready" / Blocker,
    /// The environment's settings name no maintenance page.
    MaintenancePageUnset = "maintenance-page-unset" / Blocker,
    /// Neither version may run meanwhile: requests are not answered by the application.
    MaintenanceWindow = "maintenance-window" / Warning,
    /// Requests reach the target while it is still being verified: there is no gateway in front.
    TrafficBeforeVerification = "traffic-before-verification" / Note,
    /// Data that a statement would destroy is put aside first.
    DataPreserved = "data-preserved" / Note,
    /// Data put aside earlier comes back.
    DataRestored = "data-restored" / Note,
    /// Data put aside earlier was dropped since, so that it does not come back.
    DataDropped = "data-dropped" / Warning,
    /// The schema stays as it is: the target runs on it.
    SchemaKept = "schema-kept" / Note,
    /// The schema of a data store that the target release does not use stays as it is.
    StoreUnused = "store-unused" / Note,
    /// There is less space than the plan is estimated to need. Only a warning for backups, which a worker on another machine may write.
    DiskLow = "disk-low" / Blocker,
    /// A script reads results, so its operations cannot be listed beforehand.
    ScriptNotPredictable = "script-not-predictable" / Warning,
    /// A statement could not be understood: what it destroys is not put aside. Only a warning where a person accepts that.
    RiskUnknown = "risk-unknown" / Blocker,
    /// A script that is to run failed when it was rehearsed here, or left another schema than it should. Only a warning where a person accepts that.
    RehearsalFailed = "rehearsal-failed" / Blocker,
    /// A migration is taken back whose way back has not been rehearsed in this environment.
    Unrehearsed = "unrehearsed" / Note,
    /// The environment has no verification probe.
    NoProbes = "no-probes" / Warning,
    /// A server did not tell its version.
    RequirementUnknown = "requirement-unknown" / Warning,
    /// The release has no configuration for this environment.
    ConfigurationMissing = "configuration-missing" / Warning,
}

impl Code {
    /// Those that forbid a plan only until a person accepts what they say.
    pub const ACCEPTABLE: &'static [Self] = &[Self::MigrationOutOfOrder, Self::RehearsalFailed, Self::RiskUnknown];
}

impl Finding {
    /// A finding of that code, with its parameters by name.
    pub fn new<const N: usize>(code: Code, params: [(&str, &str); N]) -> Self {
        Self {
            code,
            severity: code.severity(),
            params: params.into_iter().map(|(name, value)| (name.to_owned(), value.to_value())).collect(),
        }
    }

    /// The same finding with another weight.
    #[must_use]
    pub fn weighing(self, severity: Severity) -> Self {
        Self { severity, ..self }
    }

    /// The same finding with a parameter more, unless it has one of that name.
    #[must_use]
    pub fn about(mut self, name: &str, value: impl ToValue) -> Self {
        self.params.entry(name.to_owned()).or_insert_with(|| value.to_value());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_of_a_code_is_its_serialised_form() {
        for code in Code::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }

    #[test]
    fn every_code_is_documented_with_its_weight() {
        let documented = include_str!("../../../docs/errors.md");
        for code in Code::ALL {
            let weight = serde_json::to_value(code.severity()).unwrap();
            let row = format!("| `{}` | {} | {} |", code.as_str(), weight.as_str().unwrap(), code.when().trim());
            assert!(documented.contains(&row), "docs/errors.md lacks the row:\n{row}");
        }
    }
}
