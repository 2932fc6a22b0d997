//! The maintenance page that a gateway shows.

use domain::environment::{Gateway, GatewayKind};
use domain::ids::JobId;
use domain::plan::{PageAt, StepSpec};
use driver_gateway::nginx::snippet;
use saga::{BoundStep, ErrorKind};
use testkit::Nginx;

use crate::support::{ENVIRONMENT, World, is_done};

struct Front {
    nginx: Nginx,
    on: Box<dyn BoundStep>,
    off: Box<dyn BoundStep>,
}

async fn front(world: &World) -> Front {
    let name = ENVIRONMENT.replace('/', ".");
    let nginx =
        Nginx::start(world.port.number(), |directory| Some((format!("{name}.conf"), snippet(directory, &name))))
            .unwrap();
    let (on, off) = bind(world, &nginx).await;
    Front { nginx, on, off }
}

async fn bind(world: &World, nginx: &Nginx) -> (Box<dyn BoundStep>, Box<dyn BoundStep>) {
    let gateway =
        Gateway { kind: GatewayKind::Nginx, directory: nginx.directory().display().to_string(), url: nginx.url() };
    let page = PageAt::Gateway { gateway };
    (
        world.bind(&StepSpec::MaintenanceOn { page: page.clone() }).await,
        world.bind(&StepSpec::MaintenanceOff { page }).await,
    )
}

async fn visit(nginx: &Nginx) -> (u16, String) {
    let answer = reqwest::get(nginx.url()).await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn the_gateway_shows_the_page_from_on_to_off() {
    let world = World::new().await;
    let front = front(&world).await;
    let (cx, off) = (world.cx(2), world.cx(9));
    // Nothing answers behind it.
    assert_eq!(visit(&front.nginx).await.0, 502);
    assert!(!is_done(&front.on.probe(&cx).await));

    let output = front.on.run(&cx).await.unwrap();
    let (status, text) = visit(&front.nginx).await;
    assert_eq!(status, 503);
    assert!(text.contains("Back to v1"), "{text}");
    assert_eq!(output["gateway"], front.nginx.url());
    assert_eq!(front.on.run(&cx).await.unwrap(), output, "showing it twice shows it once");
    assert!(is_done(&front.on.probe(&cx).await));
    assert!(!is_done(&front.off.probe(&off).await));

    let hidden = front.off.run(&off).await.unwrap();
    assert_eq!(visit(&front.nginx).await.0, 502);
    assert!(is_done(&front.off.probe(&off).await));
    assert_eq!(front.off.run(&off).await.unwrap(), hidden);

    front.off.undo(&off, Some(hidden)).await.unwrap();
    front.off.undo(&off, None).await.unwrap();
    assert_eq!(visit(&front.nginx).await.0, 503);
    front.on.undo(&cx, None).await.unwrap();
    front.on.undo(&cx, None).await.unwrap();
    assert_eq!(visit(&front.nginx).await.0, 502);
}

#[tokio::test]
async fn undoing_leaves_the_page_of_another_job() {
    let mut world = World::new().await;
    let front = front(&world).await;
    front.on.run(&world.cx(2)).await.unwrap();
    world.job = JobId::generate();
    let (on, off) = bind(&world, &front.nginx).await;
    assert!(!is_done(&on.probe(&world.cx(2)).await), "it is another job's");

    on.undo(&world.cx(2), None).await.unwrap();
    assert_eq!(visit(&front.nginx).await.0, 503);
    off.run(&world.cx(0)).await.unwrap();
    assert_eq!(visit(&front.nginx).await.0, 502);
}

#[tokio::test]
async fn a_worker_that_lost_its_job_switches_nothing() {
    let world = World::new().await;
    let front = front(&world).await;
    front.on.run(&world.cx(2)).await.unwrap();
    world.journal.lose();
    assert_eq!(front.off.run(&world.cx(9)).await.unwrap_err().kind, ErrorKind::FenceLost);
    assert_eq!(visit(&front.nginx).await.0, 503);
    front.on.undo(&world.cx(2), None).await.unwrap_err();
    assert_eq!(visit(&front.nginx).await.0, 503);
}

#[tokio::test]
async fn a_gateway_that_is_down_is_waited_for() {
    let world = World::new().await;
    let front = front(&world).await;
    front.nginx.server().kill9().unwrap();
    assert_eq!(front.on.run(&world.cx(2)).await.unwrap_err().kind, ErrorKind::Transient);
    front.nginx.restart().unwrap();
    assert!(is_done(&front.on.probe(&world.cx(2)).await), "the file was written before the gateway was asked");
    front.off.run(&world.cx(9)).await.unwrap();
}
