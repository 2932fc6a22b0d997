//! A request that is refused: what its answer says, and that nothing changed.

use std::collections::BTreeMap;

use client::{DeploymentFilter, JobFilter, PageRequest, ReleaseFilter};
use domain::problem::ProblemType;
use domain::view::{DeployRequest, DeploymentView, EnvironmentView, JobView, LedgerView, ReleaseView, RollbackRequest};
use reqwest::Response;
use serde_json::Value;

use crate::support::{ENVIRONMENT, Scene};

/// A POST as it goes over the wire, also one that no typed client would send.
pub(super) struct Request {
    path: String,
    key: Option<&'static str>,
    body: String,
}

impl Request {
    pub(super) fn rollback(request: &RollbackRequest) -> Self {
        Self::to_rollbacks(serde_json::to_string(request).unwrap())
    }

    pub(super) fn to_rollbacks(body: impl Into<String>) -> Self {
        Self::to(format!("/environments/{ENVIRONMENT}/rollbacks"), body)
    }

    pub(super) fn deployment(request: &DeployRequest) -> Self {
        Self::to(format!("/environments/{ENVIRONMENT}/deployments"), serde_json::to_string(request).unwrap())
    }

    pub(super) fn to_releases(body: impl Into<String>) -> Self {
        Self::to("/releases".into(), body)
    }

    pub(super) fn under(self, key: &'static str) -> Self {
        Self { key: Some(key), ..self }
    }

    fn to(path: String, body: impl Into<String>) -> Self {
        Self { path, key: None, body: body.into() }
    }

    pub(super) async fn send(self, scene: &Scene) -> Response {
        let url = format!("{}/api/v1/applications/{}{}", scene.url, scene.app, self.path);
        let request = reqwest::Client::new().post(url).bearer_auth(&scene.token);
        let mut request = request.header("content-type", "application/json");
        if let Some(key) = self.key {
            request = request.header("idempotency-key", key);
        }
        request.body(self.body).send().await.unwrap()
    }
}

/// What no refused request may change.
#[derive(Debug, PartialEq)]
struct State {
    environment: EnvironmentView,
    jobs: Vec<JobView>,
    deployments: Vec<DeploymentView>,
    releases: Vec<ReleaseView>,
    ledgers: Vec<LedgerView>,
    containers: BTreeMap<String, String>,
}

impl State {
    async fn of(scene: &Scene) -> Self {
        let (client, app, all) = (&scene.client, scene.app.as_str(), PageRequest::first(200));
        let jobs = JobFilter { application: Some(app.into()), ..JobFilter::default() };
        let (any, every) = (DeploymentFilter::default(), ReleaseFilter::default());
        let mut ledgers = Vec::new();
        for store in ["main", "content"] {
            ledgers.push(client.get_ledger(app, ENVIRONMENT, store, &all).await.unwrap());
        }
        Self {
            environment: client.get_environment(app, ENVIRONMENT).await.unwrap(),
            jobs: client.list_jobs(&jobs, &all).await.unwrap().items,
            deployments: client.list_deployments(app, ENVIRONMENT, &any, &all).await.unwrap().items,
            releases: client.list_releases(app, &every, &all).await.unwrap().items,
            ledgers,
            containers: scene.containers().await.unwrap(),
        }
    }
}

/// Sends a request that has to be refused with a problem of that type, the sentence for a person and the next command,
/// and to leave everything as it is; the problem.
pub(super) async fn refused(scene: &Scene, request: Request, code: &str) -> Value {
    let before = State::of(scene).await;
    let answer = request.send(scene).await;
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.unwrap();
    let error = &body["error"];
    let problem = ProblemType::ALL.iter().find(|problem| problem.slug() == code).unwrap();
    assert_eq!((status, error["type"].as_str()), (problem.status(), Some(code)), "{body}");
    assert!((400..500).contains(&status), "{body}");
    assert_eq!((body["success"].as_bool(), body["code"].as_u64()), (Some(false), Some(status.into())), "{body}");
    for said in [&body["message"], &error["detail"], &error["hint"]] {
        assert!(says(said), "{body}");
    }
    assert_eq!(State::of(scene).await, before, "{code} changed something");
    error.clone()
}

/// The same for a change whose plan has one blocker, of that code; the blocker's parameters.
pub(super) async fn blocked(scene: &Scene, request: Request, code: &str) -> Value {
    let error = refused(scene, request, "plan-blocked").await;
    let [finding] = error["findings"].as_array().unwrap().as_slice() else { panic!("{error}") };
    assert_eq!((finding["code"].as_str(), finding["severity"].as_str()), (Some(code), Some("blocker")), "{error}");
    assert!(says(&finding["message"]) && says(&finding["hint"]), "{error}");
    assert!(error["detail"].as_str().unwrap().contains(code), "{error}");
    finding["params"].clone()
}

fn says(text: &Value) -> bool {
    text.as_str().is_some_and(|text| !text.trim().is_empty())
}
