//! The verification probes.

use domain::environment::VerificationProbe;
use domain::plan::StepSpec;
use saga::{BoundStep, ErrorKind};
use serde_json::{Value, json};

use crate::support::{SOON, World, image};

fn probe(settings: &Value) -> VerificationProbe {
    let mut probe = json!({ "name": "home", "service": "web", "path": "/" });
    for (key, value) in settings.as_object().unwrap() {
        probe[key] = value.clone();
    }
    serde_json::from_value(probe).unwrap()
}

async fn verify(world: &World, version: &str) -> Box<dyn BoundStep> {
    world.bind(&StepSpec::Verify { version: version.parse().unwrap(), from_deployment: None }).await
}

async fn serving(env: &[(&str, &str)]) -> World {
    let world = World::new().await;
    let image = image(&world.engine, env).await;
    world.run_by_hand(&world.body(&image, "no")).await;
    world
}

#[tokio::test]
async fn good_answers_are_listed_with_status_and_time() {
    let world = serving(&[("VERSION", "0.8.1")]).await;
    world.settings().probes = vec![
        probe(&json!({})),
        probe(&json!({ "name": "version", "version_pointer": "/data/version", "method": "POST" })),
    ];
    let output = verify(&world, "v0.8.1").await.run(&world.cx(5)).await.unwrap();
    let probes = output["probes"].as_array().unwrap();
    assert_eq!(probes.len(), 2);
    assert_eq!(probes[1]["probe"], "version");
    assert_eq!(probes[1]["status"], 200);
    assert!(probes[1]["ms"].is_u64());
}

#[tokio::test]
async fn all_failures_are_told_together() {
    let world = serving(&[("VERSION", "v0.8.2"), ("STATUS", "404")]).await;
    world.settings().probes = vec![
        probe(&json!({ "name": "good" })),
        probe(&json!({ "name": "status", "status_below": 400 })),
        probe(&json!({ "name": "version", "version_pointer": "/data/version" })),
        probe(&json!({ "name": "pointer", "version_pointer": "/nothing" })),
    ];
    let error = verify(&world, "v0.8.1").await.run(&world.cx(5)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Permanent);
    assert!(error.message.to_string().starts_with("3 of 4 probes failed"), "{error}");
    for part in ["status 404 is not below 400", "\"v0.8.2\" and not v0.8.1", "nothing at /nothing"] {
        assert!(error.message.to_string().contains(part), "{part}: {error}");
    }
}

#[tokio::test]
async fn a_service_that_is_not_up_yet_is_asked_again() {
    let world = World::new().await;
    world.settings().probes = vec![probe(&json!({}))];
    let (verify, cx) = (verify(&world, "1.0.0").await, world.cx(5));
    let serve = async {
        let image = image(&world.engine, &[]).await;
        world.run_by_hand(&world.body(&image, "no")).await;
    };
    let (output, ()) = tokio::join!(verify.run(&cx), serve);
    assert_eq!(output.unwrap()["probes"][0]["status"], 200);
}

#[tokio::test]
async fn a_service_that_does_not_answer_fails_when_patience_is_over() {
    let world = World::new().await;
    world.settings().probes = vec![probe(&json!({}))];
    let verify = verify(&world, "1.0.0").await;
    let error = tokio::time::timeout(SOON, verify.run(&world.cx(5))).await.unwrap().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Permanent);
    assert!(error.message.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn what_a_service_answered_is_told_without_its_secrets() {
    let world = serving(&[("VERSION", "hunter2hunter2")]).await;
    world.settings().secrets = vec!["hunter2hunter2".to_owned()];
    world.settings().probes = vec![probe(&json!({ "version_pointer": "/data/version" }))];
    let error = verify(&world, "v0.8.1").await.run(&world.cx(5)).await.unwrap_err();
    assert!(error.message.to_string().contains("/data/version is \"***\" and not v0.8.1"), "{error}");
}
