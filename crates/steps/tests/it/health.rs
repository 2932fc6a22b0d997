//! Waiting for the started container.

use std::time::{Duration, Instant};

use domain::plan::StepSpec;
use saga::{BoundStep, ErrorKind};
use serde_json::json;
use testkit::eventually;

use crate::support::{SOON, World, image};

async fn check(world: &World, deadline_seconds: u32) -> Box<dyn BoundStep> {
    let (at, port) = (world.at.clone(), world.port.number());
    world.bind(&StepSpec::CheckHealth { at, port, path: "/health".to_owned(), deadline_seconds }).await
}

async fn run(world: &World, env: &[(&str, &str)], policy: &str) {
    let image = image(&world.engine, env).await;
    world.run_by_hand(&world.body(&image, policy)).await;
}

#[tokio::test]
async fn a_service_that_answers_is_healthy() {
    let world = World::new().await;
    run(&world, &[], "no").await;
    let check = check(&world, 20).await;
    let output = check.run(&world.cx(3)).await.unwrap();
    assert!(output["healthy_at"].is_string());
    assert!(output["tries"].as_u64().unwrap() >= 1);
    assert!(!check.has_effect());
    assert!(check.deadline() > Duration::from_secs(20));
}

#[tokio::test]
async fn a_service_that_ends_is_told_with_its_exit_code_and_its_last_words_at_once() {
    let world = World::new().await;
    run(&world, &[("EXIT", "78")], "no").await;
    let start = Instant::now();
    let error = check(&world, 60).await.run(&world.cx(3)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Permanent);
    assert!(error.message.to_string().contains("exit code 78"), "{error}");
    assert!(error.message.to_string().contains("cannot go on"), "{error}");
    assert!(start.elapsed() < SOON);
}

#[tokio::test]
async fn a_service_in_a_restart_loop_is_told_at_once() {
    let world = World::new().await;
    run(&world, &[("EXIT", "78")], "always").await;
    let start = Instant::now();
    let error = check(&world, 60).await.run(&world.cx(3)).await.unwrap_err();
    assert!(error.message.to_string().contains("cannot go on"), "{error}");
    assert!(start.elapsed() < SOON);
}

#[tokio::test]
async fn a_service_that_never_answers_well_is_told_with_its_last_answer() {
    let world = World::new().await;
    run(&world, &[("STATUS", "503")], "no").await;
    let error = check(&world, 3).await.run(&world.cx(3)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Permanent);
    assert!(error.message.to_string().contains("status 503"), "{error}");
}

#[tokio::test]
async fn an_answer_from_somebody_else_on_the_port_does_not_count() {
    let world = World::new().await;
    run(&world, &[], "no").await;
    assert_eq!(world.answers().await, 200);
    // Another container wants the same port and ends.
    let other = World::new().await;
    let image = image(&other.engine, &[]).await;
    let mut body = other.body(&image, "no");
    body["Env"] = json!([format!("PORT={}", world.port.number())]);
    other.run_by_hand(&body).await;
    let has_ended = || async { other.container().await.is_some_and(|found| found["State"]["Running"] == false) };
    eventually(SOON, has_ended).await.unwrap();

    let (at, port) = (other.at.clone(), world.port.number());
    let spec = StepSpec::CheckHealth { at, port, path: "/".to_owned(), deadline_seconds: 20 };
    let error = other.bind(&spec).await.run(&other.cx(3)).await.unwrap_err();
    assert!(error.message.to_string().contains("exit code 69"), "{error}");
}

#[tokio::test]
async fn a_check_that_is_asked_to_stop_ends_as_transient() {
    let world = World::new().await;
    run(&world, &[("STATUS", "503")], "no").await;
    let (check, cx) = (check(&world, 60).await, world.cx(3));
    world.stop.cancel();
    let error = tokio::time::timeout(SOON, check.run(&cx)).await.unwrap().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Transient);
}

#[tokio::test]
async fn the_last_words_of_a_service_are_told_without_its_secrets() {
    let world = World::new().await;
    world.settings().secrets = vec!["hunter2hunter2".to_owned(), "mysql://cms:s3cr3t@db/cms".to_owned()];
    let image = image(&world.engine, &[("EXIT", "78")]).await;
    let mut body = world.body(&image, "no");
    let said = "key hunter2hunter2, db mysql://cms:s3cr3t@db/cms and s3cr3t, queue amqp://app:unheard-of@mq/";
    body["Env"].as_array_mut().unwrap().push(json!(format!("SAYS={said}")));
    world.run_by_hand(&body).await;
    let error = check(&world, 60).await.run(&world.cx(3)).await.unwrap_err();
    let told = "key ***, db *** and ***, queue amqp://app:***@mq/";
    assert!(error.message.to_string().contains(told) && error.message.to_string().contains("cannot go on"), "{error}");
}

#[tokio::test]
async fn a_long_output_is_told_by_its_end() {
    let world = World::new().await;
    let image = image(&world.engine, &[("EXIT", "78")]).await;
    let mut body = world.body(&image, "no");
    body["Env"].as_array_mut().unwrap().push(json!(format!("SAYS=begin {}", "x".repeat(20_000))));
    world.run_by_hand(&body).await;
    let error = check(&world, 60).await.run(&world.cx(3)).await.unwrap_err();
    assert!(
        error.message.to_string().contains("cannot go on") && !error.message.to_string().contains("begin"),
        "{error}"
    );
    assert!(error.message.to_string().chars().count() < 2_500, "{}", error.message.to_string().len());
}
