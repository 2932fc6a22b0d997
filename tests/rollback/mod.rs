//! The main job: back, and forward again.

use domain::job::JobState;
use domain::step::StepState;

use crate::support::{Scene, broken_release, shared_backout};

#[tokio::test]
async fn a_rollback_brings_the_older_version_back_and_keeps_what_its_downs_would_destroy() {
    let scene = Scene::on_v082(shared_backout().await).await.unwrap();
    let secret = scene.secret().await.unwrap();

    let plan = scene.plan_rollback("v0.8.1").await.unwrap();
    let names: Vec<&str> = plan.steps.iter().map(|step| step.spec.name()).collect();
    assert!(plan.is_runnable(), "{:?}", plan.findings);
    assert!(names.contains(&"migrate_down") && names.contains(&"maintenance_on"), "{names:?}");

    let job = scene.roll_back("v0.8.1").await.unwrap();
    assert!(job.steps.iter().all(|step| step.state == StepState::Finished && step.attempts == 1));
    assert_eq!(scene.answering().await.unwrap(), "v0.8.1");
    assert_eq!(scene.applied().await.unwrap().last().unwrap(), "20250108001");
    assert_eq!(scene.containers().await.unwrap().len(), 1, "no retired container, no page is left");
    let measured = job.measurements.unwrap();
    assert!(measured.rows_preserved > 0 && measured.recovery_ms.is_some() && measured.downtime_ms.is_some());

    let job = scene.deploy("v0.8.2").await.unwrap();
    assert!(job.measurements.unwrap().rows_restored > 0);
    assert_eq!(scene.answering().await.unwrap(), "v0.8.2");
    assert_eq!(scene.secret().await.unwrap(), secret);
}

#[tokio::test]
async fn the_container_of_the_older_version_gets_its_own_environment_and_keeps_current_settings() {
    let scene = Scene::on_v082(shared_backout().await).await.unwrap();
    scene.roll_back("v0.8.1").await.unwrap();
    let env = container_env(&scene).await;
    assert!(env.contains(&"RELEASE_NAME=v0.8.1".to_owned()), "pinned settings go back with the image: {env:?}");
    assert!(env.contains(&"CMS_VERSION=v0.8.1".to_owned()), "the bad image's own variables are not pinned: {env:?}");
    assert!(env.iter().any(|entry| entry.starts_with("DATABASE_URL=")), "current settings stay: {env:?}");
}

#[tokio::test]
async fn a_target_that_does_not_become_healthy_brings_the_newer_version_back_with_its_data() {
    let backout = shared_backout().await;
    let scene = Scene::new(backout).await.unwrap();
    scene.client.register_release(&scene.app, &broken_release().unwrap()).await.unwrap();
    scene.settle_on_v082().await.unwrap();
    let secret = scene.secret().await.unwrap();

    let job = scene.start_rollback("v0.8.1-broken").await.unwrap();
    let job = scene.rested(job.id).await.unwrap();

    assert_eq!(job.state, JobState::Undone, "{:?}", job.error);
    assert!(job.error.unwrap().message.to_string().contains("exit"), "the reason names the exit of the container");
    assert_eq!(scene.answering().await.unwrap(), "v0.8.2");
    assert_eq!(scene.secret().await.unwrap(), secret);
    assert_eq!(scene.containers().await.unwrap().len(), 1);
}

#[tokio::test]
async fn maintenance_by_a_person_answers_503_until_it_is_taken_away() {
    let backout = shared_backout().await;
    let scene = Scene::new(backout).await.unwrap();
    scene.deploy("v0.8.1").await.unwrap();
    let unconfirmed = domain::view::MaintenanceRequest { reason: "moving disks".into(), confirm: None };
    let refused = scene.client.maintenance_on(&scene.app, crate::support::ENVIRONMENT, &unconfirmed).await;
    assert_eq!(crate::support::problem(refused), (422, "confirmation-required".into()));
    assert_eq!(scene.answering().await.unwrap(), "v0.8.1");

    let request = domain::view::MaintenanceRequest {
        reason: "moving disks".into(),
        confirm: Some(crate::support::ENVIRONMENT.into()),
    };
    let job = scene.client.maintenance_on(&scene.app, crate::support::ENVIRONMENT, &request).await.unwrap();
    assert_eq!(scene.rested(job.id).await.unwrap().state, JobState::Succeeded);
    assert_eq!(scene.ask("GET", "/", None).await.unwrap().0, 503);

    let refused = scene.start_rollback("v0.8.0").await;
    assert_eq!(crate::support::problem(refused), (409, "environment-locked".into()));

    let job = scene.client.maintenance_off(&scene.app, crate::support::ENVIRONMENT).await.unwrap();
    assert_eq!(scene.rested(job.id).await.unwrap().state, JobState::Succeeded);
    assert_eq!(scene.answering().await.unwrap(), "v0.8.1");
}

async fn container_env(scene: &Scene) -> Vec<String> {
    let world = testkit::World::shared().await;
    let client = reqwest::Client::builder().unix_socket(world.docker.socket()).build().unwrap();
    let url = format!("http://docker/containers/{}/json", scene.site.container());
    let inspect: serde_json::Value = client.get(url).send().await.unwrap().json().await.unwrap();
    serde_json::from_value(inspect["Config"]["Env"].clone()).unwrap()
}
