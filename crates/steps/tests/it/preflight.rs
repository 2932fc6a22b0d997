//! Whether the world is the one that was planned for.

use data_engine::Scripts;
use domain::environment::Engine;
use domain::ids::{MigrationId, ReleaseId};
use domain::ledger::{Direction, MigrationRef};
use domain::plan::{DiskAt, Precondition, StepSpec};
use domain::release::script_sha256;
use saga::{BoundStep, ErrorKind, StepError};
use testkit::{ChaosProxy, shared_docker, shared_mariadb};

use crate::support::{HOST, Tagged, World, fresh_cache, image};

fn with_ledger(world: &World, versions: &[&str]) {
    let database = shared_mariadb().create_database("preflight").unwrap();
    let execute = |statement: &str| shared_mariadb().execute(statement).unwrap();
    execute(&format!("CREATE TABLE {database}.schema_migrations (version VARCHAR(128) PRIMARY KEY)"));
    for version in versions {
        execute(&format!("INSERT INTO {database}.schema_migrations VALUES ('{version}')"));
    }
    world.settings().database = database;
}

fn conditions(world: &World, image: &Tagged, container: Option<&str>, applied: &[&str]) -> StepSpec {
    StepSpec::Preflight {
        preconditions: vec![
            Precondition::Image { host: HOST.to_owned(), reference: image.tag.clone(), image_id: image.id.clone() },
            Precondition::Container { at: world.at.clone(), image_id: container.map(str::to_owned) },
            Precondition::Ledger {
                store: "main".to_owned(),
                engine: Engine::MariaDb,
                applied: applied.iter().map(|version| (*version).to_owned()).collect(),
            },
        ],
    }
}

#[tokio::test]
async fn a_world_as_planned_is_reported_with_its_versions() {
    let world = World::new().await;
    let image = image(&world.engine, &[]).await;
    world.run_by_hand(&world.body(&image, "no")).await;
    with_ledger(&world, &["001", "002"]);
    let preflight = world.bind(&conditions(&world, &image, Some(&image.id), &["001", "002"])).await;

    let output = preflight.run(&world.cx(0)).await.unwrap();
    assert!(output["hosts"][HOST]["docker"].is_string());
    assert!(output["stores"]["main"].as_str().unwrap().starts_with("10."), "{output}");
}

#[tokio::test]
async fn every_difference_is_told_at_once() {
    let world = World::new().await;
    let (running, other) = (image(&world.engine, &[]).await, image(&world.engine, &[("A", "1")]).await);
    world.run_by_hand(&world.body(&running, "no")).await;
    with_ledger(&world, &["001"]);
    let planned = Tagged { tag: running.tag.clone(), id: other.id.clone() };
    let preflight = world.bind(&conditions(&world, &planned, Some(&other.id), &["001", "002"])).await;

    let error = preflight.run(&world.cx(0)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::WorldChanged);
    assert_eq!(error.message.to_string().matches("when this was planned").count(), 3, "{error}");
    assert!(error.message.to_string().contains("the ledger of main is 001 and was 001, 002"), "{error}");

    let unplanned = world.bind(&conditions(&world, &running, None, &["001"])).await;
    let error = unplanned.run(&world.cx(0)).await.unwrap_err();
    assert!(error.message.to_string().contains("was not there when this was planned"), "{error}");
    let missing = Tagged { tag: "no-such-image:1".to_owned(), id: running.id.clone() };
    let missing = world.bind(&conditions(&world, &missing, Some(&running.id), &["001"])).await;
    let error = missing.run(&world.cx(0)).await.unwrap_err();
    assert!(error.message.to_string().contains("image no-such-image:1 on host local is not there"), "{error}");
}

#[tokio::test]
async fn an_engine_that_is_away_is_no_difference() {
    let world = World::new().await;
    let image = image(&world.engine, &[]).await;
    with_ledger(&world, &[]);
    let preflight = world.bind(&conditions(&world, &image, None, &[])).await;
    preflight.run(&world.cx(0)).await.unwrap();
    let proxy = ChaosProxy::start(shared_docker().socket()).await.unwrap();
    world.settings().docker = format!("unix://{}", proxy.socket().unwrap().display());
    proxy.refuse();
    assert_eq!(preflight.run(&world.cx(0)).await.unwrap_err().kind, ErrorKind::Transient);
}

async fn checks(world: &World, preconditions: Vec<Precondition>) -> Box<dyn BoundStep> {
    world.bind(&StepSpec::Preflight { preconditions }).await
}

async fn refusal(world: &World, condition: Precondition) -> StepError {
    checks(world, vec![condition]).await.run(&world.cx(0)).await.unwrap_err()
}

#[tokio::test]
async fn images_versions_and_space_are_reported() {
    let world = World::new().await;
    let image = image(&world.engine, &[]).await;
    with_ledger(&world, &["001"]);
    world.settings().cache = fresh_cache();
    let store = || "main".to_owned();
    let preflight = checks(
        &world,
        vec![
            Precondition::Image { host: HOST.to_owned(), reference: image.tag.clone(), image_id: image.id.clone() },
            Precondition::Ledger { store: store(), engine: Engine::MariaDb, applied: vec!["001".to_owned()] },
            Precondition::Cache { store: "cache".to_owned() },
            Precondition::Disk { disk: DiskAt::Host { host: HOST.to_owned() } },
            Precondition::Disk {
                disk: DiskAt::Server { store: store(), copied: vec!["schema_migrations".to_owned()] },
            },
            Precondition::Disk { disk: DiskAt::Backups { stores: vec![store()] } },
        ],
    )
    .await;
    let output = preflight.run(&world.cx(0)).await.unwrap();
    assert_eq!(output["images"][HOST][&image.tag], image.id.as_str());
    assert!(output["stores"]["main"].as_str().unwrap().contains("MariaDB"), "{output}");
    assert!(output["stores"]["cache"].as_str().unwrap().contains('.'), "{output}");
    for place in ["host local", "the server of main", "the directory of backups"] {
        let space = &output["space"][place];
        assert!(space["needed"].as_u64() > Some(1024 * 1024), "{output}");
        assert!(space["available"].as_u64() > space["needed"].as_u64(), "{output}");
    }
}

#[tokio::test]
async fn a_schema_that_changed_since_the_plan_is_a_difference() {
    let world = World::new().await;
    with_ledger(&world, &[]);
    let fingerprint = "of the plan".to_owned();
    let condition = Precondition::Schema { store: "main".to_owned(), engine: Engine::MariaDb, fingerprint };
    let error = refusal(&world, condition).await;
    assert_eq!(error.kind, ErrorKind::WorldChanged);
    assert!(
        error.message.to_string().contains("the schema of main is ")
            && error.message.to_string().contains("was of the plan"),
        "{error}"
    );
}

#[tokio::test]
async fn a_configuration_that_is_not_the_registered_one_is_a_difference() {
    let world = World::new().await;
    world.settings().config_sha256 = "as registered".to_owned();
    let condition = |config_sha256: &str| Precondition::Configuration {
        service: "web".to_owned(),
        release: ReleaseId::generate(),
        config_sha256: config_sha256.to_owned(),
    };
    let error = refusal(&world, condition("another")).await;
    assert_eq!(error.kind, ErrorKind::WorldChanged);
    assert!(
        error.message.to_string().contains("the configuration of web is not the one that was registered"),
        "{error}"
    );
    checks(&world, vec![condition("as registered")]).await.run(&world.cx(0)).await.unwrap();
}

#[tokio::test]
async fn scripts_have_to_be_stored_as_they_were_planned() {
    let world = World::new().await;
    let (up, down) = ("CREATE TABLE a (id INT)".to_owned(), "DROP TABLE a".to_owned());
    let reference = MigrationRef {
        id: MigrationId::generate(),
        version: "001".to_owned(),
        name: "first".to_owned(),
        up_sha256: script_sha256(&up),
        down_sha256: Some(script_sha256(&down)),
    };
    let condition = || Precondition::Scripts {
        store: "main".to_owned(),
        direction: Direction::Down,
        migrations: vec![reference.clone()],
    };
    assert_eq!(refusal(&world, condition()).await.kind, ErrorKind::WorldChanged, "there is none");
    let other = MigrationRef { down_sha256: Some(script_sha256("DROP TABLE b")), ..reference.clone() };
    world.settings().scripts = vec![Scripts { reference: other, up: up.clone(), down: Some(down.clone()) }];
    let error = refusal(&world, condition()).await;
    assert!(
        error.message.to_string().starts_with("main: the stored scripts are not those that were planned"),
        "{error}"
    );
    world.settings().scripts = vec![Scripts { reference: reference.clone(), up, down: Some(down) }];
    checks(&world, vec![condition()]).await.run(&world.cx(0)).await.unwrap();
}

#[tokio::test]
async fn too_little_space_is_told_with_figures_before_anything_is_done() {
    let world = World::new().await;
    // Nothing can be written there.
    world.settings().backup_directory = Some("/proc/self".into());
    let error = refusal(&world, Precondition::Disk { disk: DiskAt::Backups { stores: vec!["main".to_owned()] } }).await;
    assert_eq!(error.kind, ErrorKind::Permanent);
    let told = "there is too little space on the directory of backups: 64.0 MiB are needed and 0.0 B are free";
    assert_eq!(error.message, told);
}
