//! `backout diff A B`: what differs between two registered releases, in four layers.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use domain::environment::EnvValue;
use domain::ledger::{Direction, MigrationRef};
use domain::plan::{CodeChange, ConfigChange, Difference, ImageChange, SchemaChange};
use domain::release::ServiceConfig;
use domain::secret::MASK;
use domain::view::ReleaseDetail;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::{output, render};

#[derive(Debug, Args)]
pub(crate) struct Diff {
    #[arg(value_name = "A")]
    from: String,
    #[arg(value_name = "B")]
    to: String,
}

impl Diff {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let app = context.application().await?;
        let (from, to) = tokio::try_join!(
            context.client.get_release(&app, &self.from),
            context.client.get_release(&app, &self.to),
        )?;
        let found = difference(&from, &to, context.named_environment().as_deref());
        if context.json {
            output::json(&found);
        } else {
            output::line(render::difference(context.language, &found).trim_end());
        }
        Ok(Exit::Done)
    }
}

/// What going from one release to the other changes; configuration of one environment, or of all.
fn difference(from: &ReleaseDetail, to: &ReleaseDetail, environment: Option<&str>) -> Difference {
    let git = (&from.release.git, &to.release.git);
    Difference {
        images: union(&from.release.images, &to.release.images)
            .map(|service| ImageChange {
                service: service.clone(),
                from: from.release.images.get(service).cloned(),
                to: to.release.images.get(service).cloned(),
            })
            .filter(|change| change.from != change.to)
            .collect(),
        config: config(from, to, environment),
        schema: schema(from, to),
        code: (git.0 != git.1).then(|| CodeChange { from: git.0.clone(), to: git.1.clone() }),
    }
}

fn union<'a, V>(
    a: &'a BTreeMap<String, V>,
    b: &'a BTreeMap<String, V>,
) -> impl Iterator<Item = &'a String> + use<'a, V> {
    a.keys().chain(b.keys()).collect::<BTreeSet<_>>().into_iter()
}

fn config(from: &ReleaseDetail, to: &ReleaseDetail, environment: Option<&str>) -> Vec<ConfigChange> {
    let mut changes = Vec::new();
    for name in union(&from.config, &to.config).filter(|name| environment.is_none_or(|wanted| wanted == *name)) {
        let none = BTreeMap::new();
        let (before, after) = (from.config.get(name).unwrap_or(&none), to.config.get(name).unwrap_or(&none));
        for service in union(before, after) {
            let label = if environment.is_some() { service.clone() } else { format!("{name}/{service}") };
            changes.extend(settings(&label, before.get(service), after.get(service)));
        }
    }
    changes
}

/// Secrets are masked in what the API answers: whether they differ cannot be seen, so they are always named.
fn settings(service: &str, before: Option<&ServiceConfig>, after: Option<&ServiceConfig>) -> Vec<ConfigChange> {
    let none = ServiceConfig::new();
    let (before, after) = (before.unwrap_or(&none), after.unwrap_or(&none));
    let changed = |key: &&String| {
        let values = (before.get(*key), after.get(*key));
        values.0 != values.1 || matches!(values.0, Some(EnvValue::Secret(_)))
    };
    union(before, after)
        .filter(changed)
        .map(|key| ConfigChange {
            service: service.to_owned(),
            key: key.clone(),
            from: before.get(key).map(shown),
            to: after.get(key).map(shown),
        })
        .collect()
}

fn shown(value: &EnvValue) -> String {
    match value {
        EnvValue::Plain(text) => text.clone(),
        EnvValue::Secret(_) => MASK.to_owned(),
    }
}

/// Downs newest first, then ups oldest first, as they would run.
fn schema(from: &ReleaseDetail, to: &ReleaseDetail) -> Vec<SchemaChange> {
    let mut changes = Vec::new();
    for store in union(&from.migrations, &to.migrations) {
        let (before, after) = (of(from, store), of(to, store));
        let missing_in = |others: &[MigrationRef], one: &MigrationRef| {
            !others.iter().any(|other| other.version == one.version && other.up_sha256 == one.up_sha256)
        };
        let change = |direction, migration: &MigrationRef| SchemaChange {
            store: store.clone(),
            direction,
            version: migration.version.clone(),
            name: migration.name.clone(),
        };
        let downs = before.iter().rev().filter(|migration| missing_in(after, migration));
        changes.extend(downs.map(|migration| change(Direction::Down, migration)));
        let ups = after.iter().filter(|migration| missing_in(before, migration));
        changes.extend(ups.map(|migration| change(Direction::Up, migration)));
    }
    changes
}

fn of<'a>(release: &'a ReleaseDetail, store: &str) -> &'a [MigrationRef] {
    release.migrations.get(store).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use domain::Secret;
    use domain::ids::{MigrationId, ReleaseId};
    use domain::release::GitRefs;
    use domain::version::VersionKind;
    use domain::view::ReleaseView;

    use super::*;

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
                heads: BTreeMap::new(),
                irreversible: Vec::new(),
            },
            migrations: BTreeMap::from([("main".to_owned(), migrations.collect())]),
            config: BTreeMap::from([("production".to_owned(), BTreeMap::from([("web".to_owned(), settings)]))]),
            requires: BTreeMap::new(),
        }
    }

    #[test]
    fn all_four_layers_are_compared() {
        let (newer, older) = (release("v2.0.0", &["1", "2", "3"], "60"), release("v1.0.0", &["1"], "300"));
        let back = difference(&newer, &older, Some("production"));
        assert_eq!(back.images[0].to.as_deref(), Some("web:v1.0.0"));
        let keys: Vec<_> = back.config.iter().map(|change| change.key.as_str()).collect();
        assert_eq!(keys, ["KEY", "TTL"], "secrets cannot be compared, equal values are left out");
        let downs: Vec<_> = back.schema.iter().map(|change| (change.direction, change.version.as_str())).collect();
        assert_eq!(downs, [(Direction::Down, "3"), (Direction::Down, "2")]);
        assert_eq!(back.code.unwrap().to.tag.as_deref(), Some("v1.0.0"));
        let forth = difference(&older, &newer, None);
        assert_eq!(forth.schema[0].version, "2");
        assert_eq!(forth.config[0].service, "production/web");
    }

    #[test]
    fn a_release_does_not_differ_from_itself() {
        let one = release("v1.0.0", &["1"], "60");
        let none = difference(&one, &one, Some("elsewhere"));
        assert_eq!(none, Difference::default());
    }
}
