//! Registered releases as the planner sees them, scripts examined.

use std::collections::{BTreeMap, HashMap};

use domain::environment::EnvValue;
use domain::ids::MigrationId;
use domain::plan::{MigrationFacts, ReleaseFacts, SchemaFacts, ScriptFacts};
use domain::rehearsal::RehearsedMigration;
use domain::release::ServiceConfig;
use domain::series::SeriesRules;
use store::{StoredMigration, StoredRelease};

/// Every migration of an application, examined once.
pub(crate) struct Examined {
    by_id: HashMap<MigrationId, (String, MigrationFacts)>,
    series: BTreeMap<String, SeriesRules>,
}

impl Examined {
    pub(crate) fn new(
        migrations: &[StoredMigration],
        rehearsed: &mut HashMap<MigrationId, RehearsedMigration>,
        series: BTreeMap<String, SeriesRules>,
    ) -> Self {
        let by_id = migrations
            .iter()
            .map(|migration| {
                let rehearsed = rehearsed.remove(&migration.reference.id);
                (migration.reference.id, (migration.store.clone(), examine(migration, rehearsed)))
            })
            .collect();
        Self { by_id, series }
    }

    /// The migrations of one data store by version; where a version stands for several contents, the one
    /// registered last.
    pub(crate) fn known(&self, store: &str) -> BTreeMap<String, MigrationFacts> {
        let mut known: Vec<&MigrationFacts> =
            self.by_id.values().filter(|(of, _)| of == store).map(|(_, facts)| facts).collect();
        known.sort_by_key(|facts| facts.reference.id);
        known.into_iter().map(|facts| (facts.reference.version.clone(), facts.clone())).collect()
    }

    /// The registration of that id.
    pub(crate) fn migration(&self, id: MigrationId) -> Option<&MigrationFacts> {
        self.by_id.get(&id).map(|(_, facts)| facts)
    }

    pub(crate) fn release(&self, release: &StoredRelease, environment: &str) -> ReleaseFacts {
        // What a release does not say itself, its series may.
        let rules = self.series.get(&release.version.series()).cloned().unwrap_or_default();
        let schema = release
            .schema
            .iter()
            .map(|(store, schema)| {
                let migrations = schema
                    .migrations
                    .iter()
                    .filter_map(|reference| self.by_id.get(&reference.id).map(|(_, facts)| facts.clone()))
                    .collect();
                let facts =
                    SchemaFacts { engine: schema.engine, runs_on: rules.range_of(store, &schema.runs_on), migrations };
                (store.clone(), facts)
            })
            .collect();
        ReleaseFacts {
            id: release.id,
            version: release.version.clone(),
            git: release.git.clone(),
            images: release.images.clone(),
            schema,
            config: release.config.get(environment).map(masked),
            config_sha256: release.config_sha256.get(environment).cloned().unwrap_or_default(),
            requires: rules.requires_of(&release.requires),
        }
    }
}

fn examine(migration: &StoredMigration, rehearsed: Option<RehearsedMigration>) -> MigrationFacts {
    MigrationFacts {
        rehearsed,
        reference: migration.reference.clone(),
        intact: migration.is_intact(),
        up: data_engine::examine(migration.engine, &migration.up),
        down: migration
            .down
            .as_deref()
            .map_or_else(ScriptFacts::default, |down| data_engine::examine(migration.engine, down)),
    }
}

fn masked(services: &BTreeMap<String, ServiceConfig>) -> BTreeMap<String, ServiceConfig> {
    let mask = |value: &EnvValue| match value {
        EnvValue::Secret(secret) => EnvValue::Secret(secret.masked()),
        plain @ EnvValue::Plain(_) => plain.clone(),
    };
    services
        .iter()
        .map(|(service, config)| {
            (service.clone(), config.iter().map(|(key, value)| (key.clone(), mask(value))).collect())
        })
        .collect()
}
