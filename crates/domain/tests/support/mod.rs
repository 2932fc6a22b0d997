//! Facts about one environment of a content management system: two databases, a cache and a web service.

pub(crate) mod generate;

use std::collections::{BTreeMap, BTreeSet};

use backout_domain::Secret;
use backout_domain::deployment::{DeploymentKind, SchemaMode};
use backout_domain::environment::{
    DataStore, Engine, EnvValue, EnvironmentSpec, Gateway, GatewayKind, Host, MaintenancePage, Service,
    VerificationProbe,
};
use backout_domain::finding::{Code, Finding};
use backout_domain::ids::{DeploymentId, MigrationId, ReleaseId};
use backout_domain::ledger::MigrationRef;
use backout_domain::plan::{
    Condition, ContainerFacts, ContainerState, CurrentFacts, DiskFacts, Facts, ImageFacts, ImageState, MigrationFacts,
    Plan, PlannedStep, Precondition, ReleaseFacts, SchemaFacts, ScriptFacts, StepSpec, StoreFacts,
};
use backout_domain::rehearsal::{RehearsedMigration, Verdict};
use backout_domain::release::{GitRefs, SchemaRange, script_sha256};
use uuid::Uuid;

/// The image of the maintenance page.
pub(crate) const PAGE: &str = "maintenance:1";

const MAIN: [(&str, &str); 3] =
    [("20250105001", "add_cache_table"), ("20250108001", "add_audit_log"), ("20250110001", "add_2fa_columns")];
const CONTENT: [(&str, &str); 2] =
    [("20250109001", "create_media_collection"), ("20250110001", "add_article_metadata")];

/// Facts for going from one version, or from nothing, to another; everything is there and nothing is in the way.
pub(crate) fn facts(from: Option<&str>, to: &str) -> Facts {
    let target = release(to);
    let current =
        from.map(|from| CurrentFacts { deployment: DeploymentId(Uuid::from_u128(0xd0)), release: release(from) });
    let kind = match from {
        Some(from) if from > to => DeploymentKind::Rollback,
        _ => DeploymentKind::Deploy,
    };
    let applied = |store: &str| -> Vec<String> {
        let schema = current.as_ref().and_then(|current| current.release.schema.get(store));
        schema.into_iter().flat_map(|schema| &schema.migrations).map(|known| known.reference.version.clone()).collect()
    };
    let stores = [
        ("main", store(Engine::MariaDb, "10.11.6-MariaDB-0+deb12u1", applied("main"), &all_of("main"))),
        ("content", store(Engine::MongoDb, "7.0.5", applied("content"), &all_of("content"))),
        ("cache", store(Engine::Redis, "7.0.15", Vec::new(), &[])),
    ];
    Facts {
        kind,
        application: "cms-backend".into(),
        environment: "production".into(),
        spec: spec(),
        schema_mode: SchemaMode::Auto,
        through: None,
        backed_up: Vec::new(),
        restored: None,
        accepted: BTreeSet::default(),
        images: vec![image("local", &target.images["web"]), image("local", PAGE)],
        containers: vec![ContainerFacts {
            host: "local".into(),
            service: "web".into(),
            state: current
                .as_ref()
                .map_or(ContainerState::Absent, |current| runs(&image_id(&current.release.images["web"]), true)),
            left_as: current.as_ref().map(|current| image_id(&current.release.images["web"])),
            port_holder: None,
        }],
        stores: stores.into_iter().map(|(name, store)| (name.to_owned(), store)).collect(),
        current,
        target,
        settings_revision: 1,
        gateway: None,
        maintenance: None,
        disks: DiskFacts::default(),
        durations: BTreeMap::new(),
    }
}

fn spec() -> EnvironmentSpec {
    EnvironmentSpec {
        hosts: vec![host("local")],
        services: vec![service("web", &["local"], 8000)],
        data_stores: vec![
            data_store("main", Engine::MariaDb, &[]),
            data_store("content", Engine::MongoDb, &[]),
            data_store("cache", Engine::Redis, &["cms:*"]),
        ],
        probes: vec![VerificationProbe {
            name: "articles".into(),
            service: "web".into(),
            method: "GET".into(),
            path: "/api/v1/articles".into(),
            status_below: 500,
            version_pointer: None,
            deadline_ms: 1_000,
        }],
        maintenance: Some(MaintenancePage { image: PAGE.into() }),
        ..EnvironmentSpec::default()
    }
}

pub(crate) fn gateway() -> Gateway {
    let (directory, url) = ("/etc/nginx/backout".into(), "http://127.0.0.1:80".into());
    Gateway { kind: GatewayKind::Nginx, directory, url }
}

pub(crate) fn host(name: &str) -> Host {
    Host { name: name.into(), docker: "unix:///var/run/docker.sock".into() }
}

pub(crate) fn service(name: &str, hosts: &[&str], port: u16) -> Service {
    Service {
        name: name.into(),
        hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
        container: format!("cms-{name}"),
        port,
        colours: BTreeMap::new(),
        env: BTreeMap::new(),
        volumes: Vec::new(),
        network: "host".into(),
        command: None,
        health: backout_domain::environment::HealthCheck::default(),
    }
}

fn data_store(name: &str, engine: Engine, flush: &[&str]) -> DataStore {
    DataStore {
        name: name.into(),
        engine,
        url: Secret::new("masked").masked(),
        database: Some(format!("cms_{name}")),
        flush: flush.iter().map(|pattern| (*pattern).to_owned()).collect(),
    }
}

/// One of the three releases. v0.8.0 bears newer schemas; v0.8.1 bears its own in `main` only; v0.8.2 needs its own.
pub(crate) fn release(version: &str) -> ReleaseFacts {
    let (nth, main, content, runs_on) = match version {
        "v0.8.0" => (0, 1, 0, (Some(MAIN[0].0), None)),
        "v0.8.1" => (1, 2, 0, (Some(MAIN[1].0), Some(MAIN[1].0))),
        "v0.8.2" => (2, 3, 2, (Some(MAIN[2].0), None)),
        other => panic!("there is no release {other}"),
    };
    let settings = [
        ("LOG_LEVEL".to_owned(), EnvValue::Plain(if nth == 2 { "debug" } else { "info" }.into())),
        ("JWT_SECRET".to_owned(), EnvValue::Secret(Secret::new("masked").masked())),
    ];
    ReleaseFacts {
        id: ReleaseId(Uuid::from_u128(0x80 + nth)),
        version: version.parse().unwrap(),
        git: GitRefs { tag: Some(format!("release/{version}")), commit: None, branch: None },
        images: [("web".to_owned(), format!("cms-backend:{version}"))].into(),
        schema: [
            ("main".to_owned(), schema(Engine::MariaDb, runs_on, &all_of("main")[..main])),
            ("content".to_owned(), schema(Engine::MongoDb, (None, None), &all_of("content")[..content])),
        ]
        .into(),
        config: Some([("web".to_owned(), settings.into())].into()),
        config_sha256: [("web".to_owned(), script_sha256(&format!("config of {version}")))].into(),
        requires: [("mariadb", ">=10.6"), ("mongodb", ">=5.0"), ("redis", ">=7.0")]
            .map(|(engine, requirement)| (engine.to_owned(), requirement.to_owned()))
            .into(),
    }
}

pub(crate) fn schema(
    engine: Engine,
    (min, max): (Option<&str>, Option<&str>),
    migrations: &[MigrationFacts],
) -> SchemaFacts {
    let runs_on = SchemaRange { min: min.map(str::to_owned), max: max.map(str::to_owned) };
    SchemaFacts { engine, runs_on, migrations: migrations.to_vec() }
}

/// Every migration that is registered for the store.
pub(crate) fn all_of(store: &str) -> Vec<MigrationFacts> {
    let names: &[_] = if store == "main" { &MAIN } else { &CONTENT };
    let mut migrations: Vec<_> = names.iter().map(|(version, name)| migration(store, version, name)).collect();
    if let ("main", Some(last)) = (store, migrations.last_mut()) {
        let columns = ["column users.two_factor_enabled", "column users.two_factor_secret"].map(str::to_owned);
        last.down.destroys = columns.to_vec();
        last.down.preserves = columns.to_vec();
    }
    migrations
}

pub(crate) fn migration(store: &str, version: &str, name: &str) -> MigrationFacts {
    let number = u128::from_str_radix(&script_sha256(&format!("{store} {version}"))[..24], 16).unwrap();
    let script = ScriptFacts { predictable: true, ..ScriptFacts::default() };
    MigrationFacts {
        reference: MigrationRef {
            id: MigrationId(Uuid::from_u128(number)),
            version: version.into(),
            name: name.into(),
            up_sha256: script_sha256(&format!("up of {store} {version}")),
            down_sha256: Some(script_sha256(&format!("down of {store} {version}"))),
        },
        intact: true,
        up: script.clone(),
        down: script,
        rehearsed: Some(RehearsedMigration {
            id: MigrationId(Uuid::from_u128(number)),
            version: version.into(),
            verdict: Verdict::Passed,
            statements: Vec::new(),
        }),
    }
}

pub(crate) fn store(engine: Engine, version: &str, applied: Vec<String>, known: &[MigrationFacts]) -> StoreFacts {
    StoreFacts {
        engine,
        unreachable: None,
        version: Some(version.into()),
        fingerprint: Some(script_sha256(&applied.join(" "))),
        left_as: None,
        recorded: BTreeMap::new(),
        sizes: BTreeMap::new(),
        applied: Ok(applied),
        known: known.iter().map(|known| (known.reference.version.clone(), known.clone())).collect(),
        losses: BTreeMap::new(),
        kept: BTreeMap::new(),
        dropped: Vec::new(),
    }
}

pub(crate) fn image(host: &str, reference: &str) -> ImageFacts {
    let state = ImageState::Present(image_id(reference));
    ImageFacts {
        host: host.into(),
        reference: reference.into(),
        state,
        known_id: None,
        digest: None,
        repo_digests: vec![],
    }
}

/// A container that runs that image.
pub(crate) fn runs(image_id: &str, ours: bool) -> ContainerState {
    ContainerState::Present { image_id: image_id.into(), ours, condition: Condition::Running }
}

pub(crate) fn image_id(reference: &str) -> String {
    format!("sha256:{}", script_sha256(reference))
}

/// Does the same to a migration wherever the facts name it.
pub(crate) fn change_migration(facts: &mut Facts, store: &str, version: &str, change: impl Fn(&mut MigrationFacts)) {
    let releases = [Some(&mut facts.target), facts.current.as_mut().map(|current| &mut current.release)];
    let in_releases = releases.into_iter().flatten().filter_map(|release| release.schema.get_mut(store));
    let known = facts
        .stores
        .get_mut(store)
        .into_iter()
        .flat_map(|store| store.known.values_mut().chain(store.recorded.values_mut()));
    in_releases
        .flat_map(|schema| schema.migrations.iter_mut())
        .chain(known)
        .filter(|migration| migration.reference.version == version)
        .for_each(change);
}

pub(crate) fn applied<'a>(facts: &'a mut Facts, store: &str) -> &'a mut Vec<String> {
    facts.stores.get_mut(store).unwrap().applied.as_mut().unwrap()
}

pub(crate) fn blockers(plan: &Plan) -> Vec<Code> {
    plan.blockers().map(|finding| finding.code).collect()
}

pub(crate) fn codes(plan: &Plan) -> Vec<Code> {
    plan.findings.iter().map(|finding| finding.code).collect()
}

/// The one finding of that code.
pub(crate) fn finding(plan: &Plan, code: Code) -> &Finding {
    let found: Vec<_> = plan.findings.iter().filter(|finding| finding.code == code).collect();
    let [finding] = found[..] else {
        panic!("{} is there {} times in {:?}", code.as_str(), found.len(), codes(plan));
    };
    finding
}

/// What the plan's preflight checks.
pub(crate) fn preconditions(plan: &Plan) -> &[Precondition] {
    match &plan.steps[0].spec {
        StepSpec::Preflight { preconditions } => preconditions,
        other => panic!("{} comes first", other.name()),
    }
}

/// The migrations that a step runs: their store, whether they are taken back, and which.
pub(crate) fn moved(step: &PlannedStep) -> Option<(&str, bool, &[MigrationRef])> {
    match &step.spec {
        StepSpec::MigrateDown { store, migrations, .. } => Some((store, true, migrations)),
        StepSpec::MigrateUp { store, migrations, .. } => Some((store, false, migrations)),
        _ => None,
    }
}

/// The versions that the plan takes back or applies in a store, in the order in which it does.
pub(crate) fn versions(plan: &Plan, store: &str, down: bool) -> Vec<String> {
    plan.steps
        .iter()
        .filter_map(moved)
        .filter(|(name, back, _)| *name == store && *back == down)
        .flat_map(|(_, _, migrations)| migrations.iter().map(|migration| migration.version.clone()))
        .collect()
}
