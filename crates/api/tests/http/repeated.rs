//! The same change asked for again with the same key, after its process died before the answer was kept.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use backout_api::{Options, recorder, router};
use control::{Control, Setup};
use secrecy::SecretString;
use serde_json::Value;
use store::{Database, Keyring, Settings};
use testkit::shared_mariadb;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::service::{GENEROUS, PLACE};

const BODY: &str = r#"{"version":"v1.0.0","reason":"because"}"#;

/// A service whose answers can be lost.
struct Forgetful {
    router: Router,
    token: String,
    schema: String,
    _folder: tempfile::TempDir,
}

impl Forgetful {
    /// With the application `shop`, its environment `production` and two releases; there is no host, so that every
    /// deployment can be accepted, and no worker takes it.
    async fn start() -> Self {
        let schema = shared_mariadb().create_database("api").unwrap();
        let keys = Keyring::parse(&Keyring::generate()).unwrap();
        let url = SecretString::from(shared_mariadb().url(&schema));
        let database = Database::open(&Settings { url, max_connections: 4, keys: keys.clone() }).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let data_directory = folder.path().to_owned();
        let control = Control::new(Setup { database, keys, data_directory, wake_url: None });
        let token = control.first_token().await.unwrap().unwrap().secret;
        let metrics = recorder().unwrap().build_recorder().handle();
        let router = router(control, Options::new(metrics, CancellationToken::new(), GENEROUS));
        let service = Self { router, token, schema, _folder: folder };
        for (path, body) in [
            ("applications", r#"{"name":"shop"}"#),
            ("applications/shop/environments", r#"{"name":"production","spec":{}}"#),
            ("applications/shop/releases", r#"{"version":"v1.0.0","images":{"web":"web:1"}}"#),
            ("applications/shop/releases", r#"{"version":"v1.1.0","images":{"web":"web:1"}}"#),
        ] {
            let (status, _, made) = service.post(&format!("/api/v1/{path}"), None, body).await;
            assert_eq!(status, StatusCode::CREATED, "{made}");
        }
        service
    }

    async fn post(&self, path: &str, key: Option<&str>, body: &'static str) -> (StatusCode, HeaderMap, Value) {
        let mut request = Request::post(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let request = request.body(Body::from(body)).unwrap();
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        (parts.status, parts.headers, serde_json::from_slice(&bytes).unwrap())
    }

    async fn deploy(&self, body: &'static str) -> (StatusCode, HeaderMap, Value) {
        self.post(&format!("{PLACE}/deployments"), Some("key-1"), body).await
    }

    /// What is left of the keys when their process dies before it keeps an answer.
    fn lose_answers(&self) {
        let forget =
            "SET status = NULL, location = NULL, body = NULL, reserved_until = UTC_TIMESTAMP(6) - INTERVAL 1 HOUR";
        shared_mariadb().execute(&format!("UPDATE `{}`.idempotency_keys {forget}", self.schema)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_the_job_and_its_answer_still_answers_the_same_job() {
    let service = Forgetful::start().await;
    let (status, headers, first) = service.deploy(BODY).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{first}");
    assert!(!headers.contains_key("idempotency-replayed"));
    service.lose_answers();
    for _ in 0..2 {
        let (status, again, body) = service.deploy(BODY).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{body}");
        assert_eq!(again["idempotency-replayed"], "true");
        assert_eq!(again[header::LOCATION], headers[header::LOCATION]);
        assert_eq!(body["data"]["id"], first["data"]["id"]);
        assert_eq!((&body["success"], &body["code"]), (&true.into(), &202.into()));
    }
    let (status, _, other) = service.deploy(r#"{"version":"v1.1.0"}"#).await;
    assert_eq!((status, &other["error"]["type"]), (StatusCode::UNPROCESSABLE_ENTITY, &"idempotency-mismatch".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_deployment_gives_its_key_back() {
    let service = Forgetful::start().await;
    let (status, _, refused) = service.deploy(r#"{"version":"v9.0.0"}"#).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{refused}");
    let (status, headers, made) = service.deploy(BODY).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{made}");
    assert!(!headers.contains_key("idempotency-replayed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_shows_a_secret_is_not_answered_with_it_again() {
    let service = Forgetful::start().await;
    let mint = || service.post("/api/v1/tokens", Some("key-2"), r#"{"name":"ci","permissions":["read"]}"#);
    let (status, _, minted) = mint().await;
    assert_eq!(status, StatusCode::CREATED, "{minted}");
    let secret = minted["data"]["secret"].as_str().unwrap().to_owned();
    let (status, _, again) = mint().await;
    assert_eq!(status, StatusCode::CONFLICT, "{again}");
    assert!(!again.to_string().contains(&secret));
}
