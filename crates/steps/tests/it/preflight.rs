//! Whether the world is the one that was planned for.

use domain::environment::Engine;
use domain::plan::{Precondition, StepSpec};
use saga::ErrorKind;
use testkit::{ChaosProxy, shared_docker, shared_mariadb};

use crate::support::{HOST, Tagged, World, image};

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
    assert_eq!(error.message.matches("when this was planned").count(), 3, "{error}");
    assert!(error.message.contains("the ledger of main is 001 and was 001, 002"), "{error}");

    let unplanned = world.bind(&conditions(&world, &running, None, &["001"])).await;
    let error = unplanned.run(&world.cx(0)).await.unwrap_err();
    assert!(error.message.contains("was not there when this was planned"), "{error}");
    let missing = Tagged { tag: "no-such-image:1".to_owned(), id: running.id.clone() };
    let missing = world.bind(&conditions(&world, &missing, Some(&running.id), &["001"])).await;
    let error = missing.run(&world.cx(0)).await.unwrap_err();
    assert!(error.message.contains("image no-such-image:1 on host local is not there"), "{error}");
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
