//! What differs between two releases, in four layers: image, configuration, schema, code.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::facts::ReleaseFacts;
use crate::environment::EnvValue;
use crate::ledger::Direction;
use crate::release::GitRefs;
use crate::secret::MASK;

/// The four layers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Difference {
    /// Images that change.
    pub images: Vec<ImageChange>,
    /// Pinned settings that change.
    pub config: Vec<ConfigChange>,
    /// Migrations that run.
    pub schema: Vec<SchemaChange>,
    /// Where the source of the two is.
    pub code: Option<CodeChange>,
}

/// An image that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImageChange {
    /// Service.
    pub service: String,
    /// Before.
    pub from: Option<String>,
    /// After.
    pub to: Option<String>,
}

/// A pinned setting that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfigChange {
    /// Service.
    pub service: String,
    /// Key.
    pub key: String,
    /// Before; secrets are masked.
    pub from: Option<String>,
    /// After; secrets are masked.
    pub to: Option<String>,
}

/// A migration that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SchemaChange {
    /// Data store.
    pub store: String,
    /// Which way.
    pub direction: Direction,
    /// Version.
    pub version: String,
    /// Name.
    pub name: String,
}

/// Where the source of the two is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CodeChange {
    /// Before.
    pub from: GitRefs,
    /// After.
    pub to: GitRefs,
}

/// Images, settings and code; the schema is decided by the planner.
pub(super) fn between(from: Option<&ReleaseFacts>, to: &ReleaseFacts) -> Difference {
    Difference {
        images: images(from, to),
        config: config(from, to),
        schema: Vec::new(),
        code: from
            .filter(|from| from.git != to.git)
            .map(|from| CodeChange { from: from.git.clone(), to: to.git.clone() }),
    }
}

fn images(from: Option<&ReleaseFacts>, to: &ReleaseFacts) -> Vec<ImageChange> {
    let services: BTreeSet<&String> =
        from.into_iter().flat_map(|from| from.images.keys()).chain(to.images.keys()).collect();
    services
        .into_iter()
        .map(|service| ImageChange {
            service: service.clone(),
            from: from.and_then(|from| from.images.get(service)).cloned(),
            to: to.images.get(service).cloned(),
        })
        .filter(|change| change.from != change.to)
        .collect()
}

fn config(from: Option<&ReleaseFacts>, to: &ReleaseFacts) -> Vec<ConfigChange> {
    let value = |release: Option<&ReleaseFacts>, service: &str, key: &str| {
        release?.config.as_ref()?.get(service)?.get(key).cloned()
    };
    let keys: BTreeSet<(&String, &String)> = from
        .into_iter()
        .chain([to])
        .flat_map(|release| release.config.iter().flatten())
        .flat_map(|(service, settings)| settings.keys().map(move |key| (service, key)))
        .collect();
    keys.into_iter()
        .filter_map(|(service, key)| {
            let (before, after) = (value(from, service, key), value(Some(to), service, key));
            (before != after || is_secret(before.as_ref()) || is_secret(after.as_ref())).then(|| ConfigChange {
                service: service.clone(),
                key: key.clone(),
                from: before.as_ref().map(shown),
                to: after.as_ref().map(shown),
            })
        })
        // A secret that both have may differ or not; saying "may change" beats comparing what is masked.
        .collect()
}

fn is_secret(value: Option<&EnvValue>) -> bool {
    matches!(value, Some(EnvValue::Secret(_)))
}

fn shown(value: &EnvValue) -> String {
    match value {
        EnvValue::Plain(text) => text.clone(),
        EnvValue::Secret(_) => MASK.to_owned(),
    }
}
