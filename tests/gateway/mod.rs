//! The gateway's maintenance page, end to end: visitors come through nginx.

use domain::finding::Code;
use domain::job::JobState;
use driver_gateway::nginx::{file_stem, snippet};
use serde_json::json;
use testkit::{Backout, Nginx};

use crate::support::{ENVIRONMENT, Scene, broken_release, problem, rollback_request, shared_backout};

/// A scene whose visitors come through an nginx that includes Backout's snippet, or does not.
async fn behind_nginx(backout: &Backout, is_included: bool) -> (Scene, Nginx) {
    let mut front = None;
    let scene = Scene::with_settings(backout, |site| {
        let name = file_stem(&format!("{}/{ENVIRONMENT}", site.container()));
        let nginx = Nginx::start(site.port(), |directory| {
            is_included.then(|| (format!("{name}.conf"), snippet(directory, &name)))
        })
        .unwrap();
        let mut settings = site.environment();
        settings["gateway"] = json!({ "kind": "nginx", "directory": nginx.directory(), "url": nginx.url() });
        front = Some(nginx);
        settings
    })
    .await
    .unwrap();
    (scene, front.unwrap())
}

fn deploy(version: &str) -> domain::view::DeployRequest {
    domain::view::DeployRequest { version: version.into(), ..crate::support::deploy_request() }
}

async fn visit(nginx: &Nginx) -> u16 {
    reqwest::get(format!("{}/health", nginx.url())).await.unwrap().status().as_u16()
}

/// Every status that a visitor meets until told to stop, one request at a time.
async fn visitor(url: String, mut stop: tokio::sync::oneshot::Receiver<()>) -> Vec<u16> {
    let client = reqwest::Client::new();
    let mut met = Vec::new();
    while stop.try_recv().is_err() {
        let answer = client.get(format!("{url}/health")).send().await;
        met.push(answer.map_or(0, |answer| answer.status().as_u16()));
    }
    met
}

#[tokio::test(flavor = "multi_thread")]
async fn visitors_meet_the_application_or_the_page_and_nothing_else() {
    let (scene, nginx) = behind_nginx(shared_backout().await, true).await;
    scene.settle_on_v082().await.unwrap();
    let plan = scene.plan_rollback("v0.8.1").await.unwrap();
    assert!(plan.findings.iter().all(|finding| finding.code != Code::TrafficBeforeVerification));

    let (stop, stopped) = tokio::sync::oneshot::channel();
    let visits = tokio::spawn(visitor(nginx.url(), stopped));
    scene.roll_back("v0.8.1").await.unwrap();
    stop.send(()).unwrap();
    let mut met = visits.await.unwrap();
    assert!(met.contains(&503), "the page was never seen");
    met.retain(|status| ![200, 503].contains(status));
    assert_eq!(met, [0; 0], "something else than the application and the page");
    assert_eq!(visit(&nginx).await, 200);
    assert_eq!(scene.answering().await.unwrap(), "v0.8.1");
    assert_eq!(scene.containers().await.unwrap().len(), 1, "no page container where the gateway shows the page");
}

#[tokio::test(flavor = "multi_thread")]
async fn maintenance_by_a_person_keeps_the_services_running_behind_the_page() {
    let (scene, nginx) = behind_nginx(shared_backout().await, true).await;
    scene.deploy("v0.8.1").await.unwrap();
    let request = domain::view::MaintenanceRequest { reason: "moving disks".into(), confirm: Some(ENVIRONMENT.into()) };
    let job = scene.client.maintenance_on(&scene.app, ENVIRONMENT, &request).await.unwrap();
    assert_eq!(scene.rested(job.id).await.unwrap().state, JobState::Succeeded);
    assert_eq!(visit(&nginx).await, 503);
    assert_eq!(scene.answering().await.unwrap(), "v0.8.1", "behind the gateway it goes on answering");

    let job = scene.client.maintenance_off(&scene.app, ENVIRONMENT).await.unwrap();
    assert_eq!(scene.rested(job.id).await.unwrap().state, JobState::Succeeded);
    assert_eq!(visit(&nginx).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_does_not_include_the_snippet_blocks_the_plan() {
    let (scene, _nginx) = behind_nginx(shared_backout().await, false).await;
    let refused = scene.client.start_deployment(&scene.app, ENVIRONMENT, &deploy("v0.8.1")).await;
    assert_eq!(problem(refused), (409, "plan-blocked".into()));
    let plan = scene.client.plan_deployment(&scene.app, ENVIRONMENT, &deploy("v0.8.1")).await.unwrap();
    assert_eq!(plan.blockers().map(|finding| finding.code).collect::<Vec<_>>(), [Code::GatewayNotReady]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_that_fails_takes_the_page_away_again() {
    let (scene, nginx) = behind_nginx(shared_backout().await, true).await;
    scene.client.register_release(&scene.app, &broken_release().unwrap()).await.unwrap();
    scene.settle_on_v082().await.unwrap();
    let request = rollback_request("v0.8.1-broken");
    let job = scene.client.start_rollback(&scene.app, ENVIRONMENT, &request).await.unwrap();
    assert_eq!(scene.rested(job.id).await.unwrap().state, JobState::Undone);
    assert_eq!(visit(&nginx).await, 200);
    assert_eq!(scene.answering().await.unwrap(), "v0.8.2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_at_the_switches_of_the_page_leaves_none_behind() {
    let backout = Backout::serve(&[]).unwrap();
    let (scene, nginx) = behind_nginx(&backout, true).await;
    scene.settle_on_v082().await.unwrap();
    for (step, state) in [("maintenance_on", "started"), ("maintenance_on", "finished"), ("maintenance_off", "started")]
    {
        let job = scene.start_rollback("v0.8.1").await.unwrap();
        scene.step(&job, step, state).await.unwrap();
        backout.server().kill9().unwrap();
        backout.restart().unwrap();
        let job = scene.rested(job.id).await.unwrap();
        assert_eq!(job.state, JobState::Succeeded, "{step} {state}: {:?}", job.error);
        assert_eq!(visit(&nginx).await, 200, "{step} {state}");
        assert_eq!(scene.answering().await.unwrap(), "v0.8.1");
        assert!(!nginx.directory().join(format!("{}.{ENVIRONMENT}.on", scene.app)).exists(), "{step} {state}");
        scene.deploy("v0.8.2").await.unwrap();
    }
}
