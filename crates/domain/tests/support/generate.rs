//! Generated facts: random ledgers, trees, ranges, modes, hosts and containers.

use backout_domain::deployment::SchemaMode;
use backout_domain::environment::Engine;
use backout_domain::ids::{DeploymentId, MigrationId};
use backout_domain::plan::{
    Condition, ContainerFacts, ContainerState, CurrentFacts, Facts, MigrationFacts, SchemaFacts, StoreFacts,
};
use proptest::prelude::*;
use proptest::sample::subsequence;
use uuid::Uuid;

use super::{PAGE, facts, host, image, migration, release, schema, service, store};

pub(crate) const STORES: [(&str, Engine); 2] = [("main", Engine::MariaDb), ("content", Engine::MongoDb)];
const VERSIONS: [&str; 6] = ["1", "2", "3", "4", "5", "6"];

/// What is known of one store: its facts, and the schemas that target and current release bring.
#[derive(Debug, Clone)]
struct StoreCase {
    facts: StoreFacts,
    target: SchemaFacts,
    current: SchemaFacts,
}

/// As things should be: trees are prefixes of one another, and the ledger is one of them, perhaps on a baseline.
fn orderly() -> impl Strategy<Value = [Vec<&'static str>; 4]> {
    (0..=1usize, 1..=5usize, 1..=5usize).prop_map(|(baseline, target, current)| {
        let tree = |length: usize| VERSIONS[1..=length].to_vec();
        let ledger = VERSIONS[1 - baseline..=current].to_vec();
        [ledger, tree(target), tree(current), VERSIONS[1..].to_vec()]
    })
}

/// Anything at all: ledgers in any order, with holes, and with migrations that nobody knows.
fn disorderly() -> impl Strategy<Value = [Vec<&'static str>; 4]> {
    let tree = || subsequence(VERSIONS.to_vec(), 0..=VERSIONS.len());
    (tree().prop_shuffle(), tree(), tree(), tree())
        .prop_map(|(ledger, target, current, known)| [ledger, target, current, known])
}

fn any_store(name: &'static str, engine: Engine) -> impl Strategy<Value = StoreCase> {
    let trees = prop_oneof![2 => orderly(), 1 => disorderly()];
    let bound = || proptest::option::weighted(0.4, proptest::sample::select(VERSIONS.to_vec()));
    let without_down = proptest::option::weighted(0.2, proptest::sample::select(VERSIONS.to_vec()));
    // What our ledger names, and of these what was registered with other bytes than all others of that version.
    let recorded = (subsequence(VERSIONS.to_vec(), 0..=3), subsequence(VERSIONS.to_vec(), 0..=2));
    let generated = (trees, bound(), bound(), bound(), without_down, recorded);
    generated.prop_map(move |(trees, min, max, current_max, without_down, (recorded, edited))| {
        let [ledger, target, current, known] = trees;
        let migrations = |versions: &[&str]| -> Vec<MigrationFacts> {
            let mut migrations: Vec<_> = versions.iter().map(|version| migration(name, version, "any")).collect();
            for migration in &mut migrations {
                if Some(migration.reference.version.as_str()) == without_down {
                    migration.reference.down_sha256 = None;
                }
            }
            migrations
        };
        let ledger = ledger.into_iter().map(str::to_owned).collect();
        let mut facts = store(engine, "99.0.0", ledger, &migrations(&known));
        for mut migration in migrations(&recorded) {
            let reference = &mut migration.reference;
            if edited.contains(&reference.version.as_str()) {
                reference.id = MigrationId(Uuid::from_u128(reference.id.0.as_u128() + 1));
                reference.down_sha256 = reference.down_sha256.take().map(|down| format!("other than {down}"));
            }
            facts.recorded.insert(migration.reference.version.clone(), migration);
        }
        StoreCase {
            facts,
            target: schema(engine, (min, max), &migrations(&target)),
            current: schema(engine, (None, current_max), &migrations(&current)),
        }
    })
}

fn any_container() -> impl Strategy<Value = ContainerState> {
    let condition = prop_oneof![
        6 => Just(Condition::Running),
        1 => Just(Condition::Unhealthy),
        1 => Just(Condition::Down("exited".into())),
    ];
    let image = prop_oneof![6 => Just("sha256:old"), 1 => Just("sha256:other")];
    let present = (image, proptest::bool::weighted(0.85), condition)
        .prop_map(|(image_id, ours, condition)| ContainerState::Present { image_id: image_id.into(), ours, condition });
    prop_oneof![7 => present, 1 => Just(ContainerState::Absent)]
}

/// Facts of every kind, mostly such as they should be.
pub(crate) fn any_facts() -> impl Strategy<Value = Facts> {
    let stores = (any_store(STORES[0].0, STORES[0].1), any_store(STORES[1].0, STORES[1].1));
    let mode = prop_oneof![3 => Just(SchemaMode::Auto), 1 => Just(SchemaMode::Down), 1 => Just(SchemaMode::Keep)];
    let containers = proptest::collection::vec(any_container(), 4);
    let switches = (any::<bool>(), any::<bool>(), proptest::bool::weighted(0.85), 1..=2usize, 1..=2usize);
    // Whether the target uses the second data store.
    let both = proptest::bool::weighted(0.85);
    (stores, mode, containers, switches, both).prop_map(|(stores, mode, containers, switches, both)| {
        let (page, flush, deployed, hosts, services) = switches;
        let mut facts = facts(None, "v0.8.0");
        facts.schema_mode = mode;
        let hosts = &["alpha", "beta"][..hosts];
        let services = &[("web", 8000), ("api", 9000)][..services];
        facts.spec.hosts = hosts.iter().map(|name| host(name)).collect();
        facts.spec.services = services.iter().map(|(name, port)| service(name, hosts, *port)).collect();
        if !page {
            facts.spec.maintenance = None;
        }
        if !flush {
            facts.spec.data_stores[2].flush.clear();
        }
        facts.images = hosts.iter().map(|host| image(host, PAGE)).collect();
        facts.containers.clear();
        let mut states = containers.into_iter();
        for (name, _) in services {
            let reference = format!("{name}:new");
            facts.images.extend(hosts.iter().map(|host| image(host, &reference)));
            facts.target.images.insert((*name).to_owned(), reference);
            facts.containers.extend(hosts.iter().zip(&mut states).map(|(host, state)| ContainerFacts {
                host: (*host).to_owned(),
                service: (*name).to_owned(),
                state,
                left_as: deployed.then(|| "sha256:old".into()),
                port_holder: None,
            }));
        }
        let mut current = release("v0.8.2");
        for ((name, _), case) in STORES.into_iter().zip([stores.0, stores.1]) {
            facts.stores.insert(name.into(), case.facts);
            facts.target.schema.insert(name.into(), case.target);
            current.schema.insert(name.into(), case.current);
        }
        if !both {
            facts.target.schema.remove(STORES[1].0);
        }
        if deployed {
            facts.current = Some(CurrentFacts { deployment: DeploymentId(Uuid::nil()), release: current });
        }
        facts
    })
}
