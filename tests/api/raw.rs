//! Bodies that no typed client would send.

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::support::{ENVIRONMENT, Scene, release, shared_backout};

struct Raw<'a> {
    scene: &'a Scene,
    client: reqwest::Client,
}

impl<'a> Raw<'a> {
    fn of(scene: &'a Scene) -> Self {
        Self { scene, client: reqwest::Client::new() }
    }

    async fn post(&self, path: &str, key: Option<&str>, body: impl Into<reqwest::Body>) -> Response {
        let backout = shared_backout().await;
        let url = format!("{}/api/v1/applications/{}{path}", backout.url(), self.scene.app);
        let mut request = self.client.post(url).bearer_auth(backout.token()).header("content-type", "application/json");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        request.body(body).send().await.unwrap()
    }

    /// Status and type of a refusal; every one carries the sentence for a person.
    async fn refused(&self, path: &str, key: Option<&str>, body: impl Into<reqwest::Body>) -> (u16, String) {
        let answer = self.post(path, key, body).await;
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["success"], false, "{body}");
        assert_eq!(body["code"], status, "{body}");
        assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
        (status, body["error"]["type"].as_str().unwrap().to_owned())
    }

    async fn jobs(&self) -> usize {
        let query = client::JobFilter { application: Some(self.scene.app.clone()), ..Default::default() };
        self.scene.client.list_jobs(&query, &client::PageRequest::first(100)).await.unwrap().items.len()
    }
}

fn rollbacks() -> String {
    format!("/environments/{ENVIRONMENT}/rollbacks")
}

#[tokio::test]
async fn what_is_not_json_or_too_large_is_refused_and_changes_nothing() {
    let scene = Scene::new(shared_backout().await).await.unwrap();
    scene.deploy("v0.8.1").await.unwrap();
    let raw = Raw::of(&scene);
    let jobs = raw.jobs().await;
    assert_eq!(raw.refused(&rollbacks(), None, "{\"target\": ").await, (400, "malformed-body".into()));
    assert_eq!(raw.refused(&rollbacks(), None, "{\"tarjet\": \"v0.8.0\"}").await, (400, "malformed-body".into()));
    let large = format!("{{\"reason\": \"{}\"}}", "x".repeat(10 * 1024 * 1024));
    assert_eq!(raw.refused(&rollbacks(), None, large).await, (413, "body-too-large".into()));
    assert_eq!(raw.jobs().await, jobs);
    assert_eq!(scene.answering().await.unwrap(), "v0.8.1");
}

#[tokio::test]
async fn a_release_whose_version_is_no_version_is_not_registered() {
    let scene = Scene::new(shared_backout().await).await.unwrap();
    let mut spec = serde_json::to_value(release("v0.8.1").unwrap()).unwrap();
    for version in ["0.8", "v1.2.3.4", "latest", ""] {
        spec["version"] = json!(version);
        let (status, kind) = Raw::of(&scene).refused("/releases", None, spec.to_string()).await;
        assert_eq!((status, kind.as_str()), (422, "invalid-version"), "{version:?}");
    }
}

#[tokio::test]
async fn a_key_belongs_to_one_body() {
    let scene = Scene::on_v082(shared_backout().await).await.unwrap();
    let raw = Raw::of(&scene);
    let body = |reason: &str| {
        json!({ "target": "v0.8.1", "expected_current": "v0.8.2", "reason": reason, "confirm": ENVIRONMENT })
            .to_string()
    };
    let first = raw.post(&rollbacks(), Some("\"back-1\""), body("first")).await;
    assert_eq!(first.status(), StatusCode::ACCEPTED);
    let first: Value = first.json().await.unwrap();
    let jobs = raw.jobs().await;
    assert_eq!(
        raw.refused(&rollbacks(), Some("\"back-1\""), body("second")).await,
        (422, "idempotency-mismatch".into())
    );

    let job = first["data"]["id"].as_str().unwrap().parse().unwrap();
    scene.rested(domain::ids::JobId(job)).await.unwrap();
    let again = raw.post(&rollbacks(), Some("\"back-1\""), body("first")).await;
    assert_eq!(again.status(), StatusCode::ACCEPTED);
    let again: Value = again.json().await.unwrap();
    assert_eq!(again["data"]["id"], first["data"]["id"], "the first answer again");
    assert_eq!(raw.jobs().await, jobs);
    assert_eq!(scene.answering().await.unwrap(), "v0.8.1");
}
