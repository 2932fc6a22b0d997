//! What differs between two releases, in four layers: image, configuration, schema, code.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::facts::ReleaseFacts;
use crate::environment::EnvValue;
use crate::ledger::{Direction, MigrationRef};
use crate::release::{GitRefs, ServiceConfig};
use crate::secret::MASK;
use crate::view::ReleaseDetail;

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

/// What is compared of a release.
#[derive(Clone, Copy)]
struct Side<'a> {
    images: &'a BTreeMap<String, String>,
    config: Option<&'a BTreeMap<String, ServiceConfig>>,
    git: &'a GitRefs,
}

impl<'a> From<&'a ReleaseFacts> for Side<'a> {
    fn from(release: &'a ReleaseFacts) -> Self {
        Self { images: &release.images, config: release.config.as_ref(), git: &release.git }
    }
}

/// Images, settings and code; the schema is decided by the planner.
pub(super) fn between(from: Option<&ReleaseFacts>, to: &ReleaseFacts) -> Difference {
    layers(from.map(Side::from), to.into())
}

/// What going from one registered release to the other would change, wherever it runs: configuration of that
/// environment, or of all (services are then named `environment/service`), and the migrations that one has and the
/// other has not.
pub fn between_releases(from: &ReleaseDetail, to: &ReleaseDetail, environment: Option<&str>) -> Difference {
    let (before, after) = (settings_of(from, environment), settings_of(to, environment));
    Difference { schema: migrations(from, to), ..layers(Some(side_of(from, &before)), side_of(to, &after)) }
}

fn side_of<'a>(release: &'a ReleaseDetail, config: &'a BTreeMap<String, ServiceConfig>) -> Side<'a> {
    Side { images: &release.release.images, config: Some(config), git: &release.release.git }
}

fn settings_of(release: &ReleaseDetail, environment: Option<&str>) -> BTreeMap<String, ServiceConfig> {
    if let Some(name) = environment {
        return release.config.get(name).cloned().unwrap_or_default();
    }
    let services = release.config.iter().flat_map(|(name, services)| {
        services.iter().map(move |(service, settings)| (format!("{name}/{service}"), settings.clone()))
    });
    services.collect()
}

fn layers(from: Option<Side<'_>>, to: Side<'_>) -> Difference {
    Difference {
        images: images(from, to),
        config: config(from, to),
        schema: Vec::new(),
        code: from
            .filter(|from| from.git != to.git)
            .map(|from| CodeChange { from: from.git.clone(), to: to.git.clone() }),
    }
}

fn images(from: Option<Side<'_>>, to: Side<'_>) -> Vec<ImageChange> {
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

fn config(from: Option<Side<'_>>, to: Side<'_>) -> Vec<ConfigChange> {
    let value = |side: Option<Side<'_>>, service: &str, key: &str| side?.config?.get(service)?.get(key).cloned();
    let keys: BTreeSet<(&String, &String)> = from
        .into_iter()
        .chain([to])
        .flat_map(|side| side.config.into_iter().flatten())
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

/// Downs newest first, then ups oldest first, as they would run.
fn migrations(from: &ReleaseDetail, to: &ReleaseDetail) -> Vec<SchemaChange> {
    let stores: BTreeSet<&String> = from.migrations.keys().chain(to.migrations.keys()).collect();
    let of = |release: &ReleaseDetail, store: &String| release.migrations.get(store).cloned().unwrap_or_default();
    let lacks = |others: &[MigrationRef], one: &MigrationRef| {
        !others.iter().any(|other| other.version == one.version && other.up_sha256 == one.up_sha256)
    };
    stores
        .into_iter()
        .flat_map(|store| {
            let (before, after) = (of(from, store), of(to, store));
            let change = |direction, migration: &MigrationRef| SchemaChange {
                store: store.clone(),
                direction,
                version: migration.version.clone(),
                name: migration.name.clone(),
            };
            let downs = before.iter().rev().filter(|one| lacks(&after, one)).map(|one| change(Direction::Down, one));
            let ups = after.iter().filter(|one| lacks(&before, one)).map(|one| change(Direction::Up, one));
            downs.chain(ups).collect::<Vec<_>>()
        })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;
    use crate::ids::{MigrationId, ReleaseId};
    use crate::version::VersionKind;
    use crate::view::ReleaseView;

    fn release(version: &str, migrations: &[&str], ttl: &str) -> ReleaseDetail {
        let at = "2025-01-10T14:30:00Z".parse().unwrap();
        let migrations = migrations.iter().map(|version| MigrationRef {
            id: MigrationId::generate(),
            version: (*version).to_owned(),
            name: "m".into(),
            up_sha256: format!("sha-{version}"),
            down_sha256: None,
        });
        let settings = ServiceConfig::from([
            ("TTL".to_owned(), EnvValue::Plain(ttl.to_owned())),
            ("LEVEL".to_owned(), EnvValue::Plain("debug".into())),
            ("KEY".to_owned(), EnvValue::Secret(Secret::new(MASK))),
        ]);
        ReleaseDetail {
            release: ReleaseView {
                id: ReleaseId::generate(),
                version: version.parse().unwrap(),
                series: String::new(),
                kind: VersionKind::Patch,
                released_at: at,
                registered_at: at,
                notes: String::new(),
                notes_zh: String::new(),
                git: GitRefs { tag: Some(version.to_owned()), ..GitRefs::default() },
                images: BTreeMap::from([("web".to_owned(), format!("web:{version}"))]),
                image_digests: BTreeMap::new(),
                heads: BTreeMap::new(),
                irreversible: Vec::new(),
                ways_back: Vec::new(),
            },
            migrations: BTreeMap::from([("main".to_owned(), migrations.collect())]),
            config: BTreeMap::from([("production".to_owned(), BTreeMap::from([("web".to_owned(), settings)]))]),
            requires: BTreeMap::new(),
        }
    }

    #[test]
    fn all_four_layers_are_compared() {
        let (newer, older) = (release("v2.0.0", &["1", "2", "3"], "60"), release("v1.0.0", &["1"], "300"));
        let back = between_releases(&newer, &older, Some("production"));
        assert_eq!(back.images[0].to.as_deref(), Some("web:v1.0.0"));
        let keys: Vec<_> = back.config.iter().map(|change| change.key.as_str()).collect();
        assert_eq!(keys, ["KEY", "TTL"], "secrets cannot be compared, equal values are left out");
        let downs: Vec<_> = back.schema.iter().map(|change| (change.direction, change.version.as_str())).collect();
        assert_eq!(downs, [(Direction::Down, "3"), (Direction::Down, "2")]);
        assert_eq!(back.code.unwrap().to.tag.as_deref(), Some("v1.0.0"));
        let forth = between_releases(&older, &newer, None);
        assert_eq!(forth.schema[0].version, "2");
        assert_eq!(forth.config[0].service, "production/web");
    }

    #[test]
    fn a_release_does_not_differ_from_itself() {
        let one = release("v1.0.0", &["1"], "60");
        let none = between_releases(&one, &one, Some("elsewhere"));
        assert_eq!(none, Difference::default());
    }
}
