//! The maintenance page.

use domain::ids::{JobId, ReleaseId};
use domain::plan::{PageAt, StepSpec};
use saga::{BoundStep, ErrorKind};
use serde_json::Value;
use testkit::{ChaosProxy, shared_docker};

use crate::support::{ENVIRONMENT, World, id, image, is_done, is_running, page_image};

struct Switches {
    on: Box<dyn BoundStep>,
    off: Box<dyn BoundStep>,
}

async fn switches(world: &World) -> Switches {
    let image = page_image(&world.engine).await.tag;
    let page = PageAt::Container { at: world.at.clone(), image, port: world.port.number() };
    Switches {
        on: world.bind(&StepSpec::MaintenanceOn { page: page.clone() }).await,
        off: world.bind(&StepSpec::MaintenanceOff { page }).await,
    }
}

async fn page(world: &World) -> Option<Value> {
    world.engine.inspect(&format!("{}.maintenance", world.at.container)).await.unwrap()
}

#[tokio::test]
async fn the_page_answers_once_it_is_on_and_is_gone_once_it_is_off() {
    let world = World::new().await;
    let switches = switches(&world).await;
    let cx = world.cx(2);
    assert!(!is_done(&switches.on.probe(&cx).await));

    let output = switches.on.run(&cx).await.unwrap();
    assert_eq!(world.answers().await, 503);
    let found = page(&world).await.unwrap();
    assert_eq!(output["container_id"], id(&found));
    let labels = &found["Config"]["Labels"];
    assert_eq!(labels["io.backout.role"], "maintenance");
    assert_eq!(labels["io.backout.job"], world.job.to_string());
    assert_eq!(labels["io.backout.environment"], ENVIRONMENT);
    let text = reqwest::get(format!("http://{}/", world.port.address())).await.unwrap().text().await.unwrap();
    assert!(text.contains("Back to v1"));
    assert_eq!(switches.on.run(&cx).await.unwrap(), output, "a second page is not made");
    assert!(is_done(&switches.on.probe(&cx).await));

    let cx = world.cx(5);
    assert!(!is_done(&switches.off.probe(&cx).await));
    let output = switches.off.run(&cx).await.unwrap();
    assert!(page(&world).await.is_none());
    assert_eq!(switches.off.run(&cx).await.unwrap(), output);
    assert!(is_done(&switches.off.probe(&cx).await));

    switches.off.undo(&cx, Some(output)).await.unwrap();
    switches.off.undo(&cx, None).await.unwrap();
    assert_eq!(world.answers().await, 503);
    switches.on.undo(&world.cx(2), None).await.unwrap();
    switches.on.undo(&world.cx(2), None).await.unwrap();
    assert!(page(&world).await.is_none());
}

#[tokio::test]
async fn a_page_that_was_created_and_not_started_is_started() {
    let world = World::new().await;
    let switches = switches(&world).await;
    let proxy = ChaosProxy::start(shared_docker().socket()).await.unwrap();
    world.settings().docker = format!("unix://{}", proxy.socket().unwrap().display());
    let cx = world.cx(2);
    proxy.reset_reply_to(b"/containers/create");
    assert_eq!(switches.on.run(&cx).await.unwrap_err().kind, ErrorKind::Transient);
    proxy.pass();
    let made = page(&world).await.unwrap();
    assert!(!is_running(&made));

    assert!(!is_done(&switches.on.probe(&cx).await));
    switches.on.run(&cx).await.unwrap();
    assert_eq!(id(&page(&world).await.unwrap()), id(&made));
    assert_eq!(world.answers().await, 503);
}

#[tokio::test]
async fn a_page_that_another_job_of_the_environment_shows_is_taken_away() {
    let mut world = World::new().await;
    switches(&world).await.on.run(&world.cx(2)).await.unwrap();
    world.job = JobId::generate();
    let switches = switches(&world).await;

    switches.on.undo(&world.cx(2), None).await.unwrap();
    assert!(page(&world).await.is_some(), "this job did not show it");
    switches.off.run(&world.cx(0)).await.unwrap();
    assert!(page(&world).await.is_none());
}

#[tokio::test]
async fn a_foreign_container_under_the_pages_name_is_left_alone() {
    let world = World::new().await;
    let image = image(&world.engine, &[]).await;
    let name = format!("{}.maintenance", world.at.container);
    world.engine.create(&name, &world.body(&image, "no")).await.unwrap();
    let switches = switches(&world).await;
    let cx = world.cx(2);
    for error in [
        switches.on.run(&cx).await.unwrap_err(),
        switches.on.undo(&cx, None).await.unwrap_err(),
        switches.off.run(&cx).await.unwrap_err(),
    ] {
        assert_eq!(error.kind, ErrorKind::Permanent);
        assert!(error.message.to_string().contains(&name), "{error}");
    }
    assert!(page(&world).await.is_some());
}

#[tokio::test]
async fn a_page_that_ends_is_told() {
    let world = World::new().await;
    let broken = image(&world.engine, &[("EXIT", "7")]).await;
    let (at, port) = (world.at.clone(), world.port.number());
    let place = PageAt::Container { at, image: broken.tag, port };
    let on = world.bind(&StepSpec::MaintenanceOn { page: place }).await;
    let error = on.run(&world.cx(2)).await.unwrap_err();
    assert!(error.message.to_string().contains("cannot go on"), "{error}");
    on.undo(&world.cx(2), None).await.unwrap();
    assert!(page(&world).await.is_none());
}

#[tokio::test]
async fn a_whole_window_stands_on_one_port() {
    let world = World::new().await;
    let old = image(&world.engine, &[("VERSION", "2")]).await;
    world.run_by_hand(&world.body(&old, "unless-stopped")).await;
    let target = image(&world.engine, &[("VERSION", "1")]).await;
    let switches = switches(&world).await;
    assert_eq!(world.answers().await, 200);

    world.stop_service().await.run(&world.cx(1)).await.unwrap();
    switches.on.run(&world.cx(2)).await.unwrap();
    assert_eq!(world.answers().await, 503);
    switches.off.run(&world.cx(3)).await.unwrap();
    world.start_service(ReleaseId::generate(), &target).await.run(&world.cx(4)).await.unwrap();
    assert_eq!(world.answers().await, 200);
}
