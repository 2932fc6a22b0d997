//! What the first step checks besides images, containers and the ledgers of the target's data stores.

use super::PlannedStep;
use super::disk::{self, DiskAt};
use super::facts::Facts;
use super::schema::SchemaDecision;
use super::step_spec::{Precondition, StepSpec};
use crate::ledger::Direction;

/// Adds to the preflight what the steps behind it rely on.
pub(super) fn add(facts: &Facts, schema: &SchemaDecision, steps: &mut [PlannedStep]) {
    let further: Vec<Precondition> =
        schemas(facts, schema).chain(of_steps(steps)).chain(disks(schema, steps)).collect();
    if let Some(PlannedStep { spec: StepSpec::Preflight { preconditions }, .. }) = steps.first_mut() {
        preconditions.extend(further);
    }
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
