//! What the first step checks: that the world is the one that was planned for, and that the steps behind it will find
//! what they rely on.

use super::PlannedStep;
use super::disk::{self, DiskAt};
use super::facts::{ContainerState, Facts, ImageState};
use super::layout::places;
use super::schema::SchemaDecision;
use super::step_spec::{Precondition, StepSpec};
use crate::deployment::DeploymentKind;
use crate::ledger::Direction;

/// Gives the preflight, where the plan begins with one, what it checks.
pub(super) fn add(facts: &Facts, schema: &SchemaDecision, steps: &mut [PlannedStep]) {
    let all: Vec<Precondition> = match facts.kind {
        // Whatever else has changed, a backup of it is as good.
        DeploymentKind::Backup => {
            vec![Precondition::Disk { disk: DiskAt::Backups { stores: facts.backed_up.clone() } }]
        }
        DeploymentKind::Restore => Vec::new(),
        _ => world(facts).chain(schemas(facts, schema)).chain(of_steps(steps)).chain(disks(schema, steps)).collect(),
    };
    if let Some(PlannedStep { spec: StepSpec::Preflight { preconditions }, .. }) = steps.first_mut() {
        *preconditions = all;
    }
}

/// Images, containers, and the ledgers of the target's data stores.
fn world(facts: &Facts) -> impl Iterator<Item = Precondition> + '_ {
    let images = facts.images.iter().filter_map(|image| match &image.state {
        ImageState::Present(id) => Some(Precondition::Image {
            host: image.host.clone(),
            reference: image.reference.clone(),
            image_id: id.clone(),
        }),
        _ => None,
    });
    let containers = places(facts).into_iter().map(|place| Precondition::Container {
        image_id: facts.containers.iter().find_map(|fact| match &fact.state {
            ContainerState::Present { image_id, .. }
                if fact.host == place.at.host && fact.service == place.at.service =>
            {
                Some(image_id.clone())
            }
            _ => None,
        }),
        at: place.at,
    });
    let ledgers = facts.target.schema.iter().filter_map(|(name, schema)| {
        let applied = facts.stores.get(name)?.applied.as_ref().ok()?;
        Some(Precondition::Ledger { store: name.clone(), engine: schema.engine, applied: applied.clone() })
    });
    images.chain(containers).chain(ledgers)
}

/// Schemas that change; one that stays may differ without harm.
fn schemas<'a>(facts: &'a Facts, schema: &'a SchemaDecision) -> impl Iterator<Item = Precondition> + 'a {
    schema.stores().into_iter().flat_map(|name| {
        let store = facts.stores.get(name);
        let fingerprint = store.and_then(|store| {
            let fingerprint = store.fingerprint.clone()?;
            Some(Precondition::Schema { store: name.to_owned(), engine: store.engine, fingerprint })
        });
        // The ledgers of the target's own data stores are there already.
        let ledger = store.filter(|_| !facts.target.schema.contains_key(name)).and_then(|store| {
            let applied = store.applied.as_ref().ok()?.clone();
            Some(Precondition::Ledger { store: name.to_owned(), engine: store.engine, applied })
        });
        ledger.into_iter().chain(fingerprint)
    })
}

fn of_steps(steps: &[PlannedStep]) -> Vec<Precondition> {
    let mut further: Vec<Precondition> = Vec::new();
    for step in steps {
        let condition = match &step.spec {
            StepSpec::MigrateDown { store, migrations, .. } => Precondition::Scripts {
                store: store.clone(),
                direction: Direction::Down,
                migrations: migrations.clone(),
            },
            StepSpec::MigrateUp { store, migrations, .. } => {
                Precondition::Scripts { store: store.clone(), direction: Direction::Up, migrations: migrations.clone() }
            }
            StepSpec::StartService { at, release, config_sha256, .. } => Precondition::Configuration {
                service: at.service.clone(),
                release: *release,
                config_sha256: config_sha256.clone(),
            },
            StepSpec::FlushCache { store, .. } => Precondition::Cache { store: store.clone() },
            _ => continue,
        };
        // A service on several hosts has one configuration.
        if !further.contains(&condition) {
            further.push(condition);
        }
    }
    further
}

fn disks(schema: &SchemaDecision, steps: &[PlannedStep]) -> Vec<Precondition> {
    let mut disks: Vec<DiskAt> = Vec::new();
    for step in steps {
        if let StepSpec::StartService { at, .. } = &step.spec {
            let disk = DiskAt::Host { host: at.host.clone() };
            if !disks.contains(&disk) {
                disks.push(disk);
            }
        }
    }
    disks.extend(disk::of_migrations(schema));
    disks.into_iter().map(|disk| Precondition::Disk { disk }).collect()
}
