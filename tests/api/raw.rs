//! Bodies that no typed client would send.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::refusal::{Request, refused};
use crate::support::{ENVIRONMENT, Scene, release, shared_backout};

#[tokio::test]
async fn what_is_not_json_or_too_large_is_refused_and_changes_nothing() {
    let scene = Scene::new(shared_backout().await).await.unwrap();
    scene.deploy("v0.8.1").await.unwrap();
    refused(&scene, Request::to_rollbacks("{\"target\": "), "malformed-body").await;
    refused(&scene, Request::to_rollbacks("{\"tarjet\": \"v0.8.0\"}"), "malformed-body").await;
    let large = format!("{{\"reason\": \"{}\"}}", "x".repeat(10 * 1024 * 1024));
    refused(&scene, Request::to_rollbacks(large.clone()), "body-too-large").await;
    refused(&scene, Request::to_releases(large), "body-too-large").await;
    assert_eq!(scene.answering().await.unwrap(), "v0.8.1");
}

#[tokio::test]
async fn a_release_whose_version_is_no_version_is_not_registered() {
    let scene = Scene::new(shared_backout().await).await.unwrap();
    let mut spec = serde_json::to_value(release("v0.8.1").unwrap()).unwrap();
    for version in ["0.8", "v1.2.3.4", "latest", ""] {
        spec["version"] = json!(version);
        refused(&scene, Request::to_releases(spec.to_string()), "invalid-version").await;
    }
}

#[tokio::test]
async fn a_key_belongs_to_one_body() {
    let scene = Scene::on_v082(shared_backout().await).await.unwrap();
    let rollback = |reason: &str| {
        let body = json!({
            "target": "v0.8.1", "expected_current": "v0.8.2", "reason": reason, "confirm": ENVIRONMENT,
        });
        Request::to_rollbacks(body.to_string()).under("\"back-1\"")
    };
    let first = rollback("first").send(&scene).await;
    assert_eq!(first.status(), StatusCode::ACCEPTED);
    let first: Value = first.json().await.unwrap();
    let job = first["data"]["id"].as_str().unwrap().parse().unwrap();
    scene.rested(domain::ids::JobId(job)).await.unwrap();
    let jobs = scene.jobs().await.unwrap();
    refused(&scene, rollback("second"), "idempotency-mismatch").await;

    let again = rollback("first").send(&scene).await;
    assert_eq!(again.status(), StatusCode::ACCEPTED);
    let again: Value = again.json().await.unwrap();
    assert_eq!(again["data"]["id"], first["data"]["id"], "the first answer again");
    assert_eq!(scene.jobs().await.unwrap(), jobs);
    assert_eq!(scene.answering().await.unwrap(), "v0.8.1");
}
