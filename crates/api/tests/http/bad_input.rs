//! Each kind of bad input has a type of its own and the next command, and changes nothing.

use domain::problem::ProblemType;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::service::{PLACE, Service, answer};

const APPLICATIONS: &str = "/api/v1/applications";
const ENVIRONMENTS: &str = "/api/v1/applications/shop/environments";
const RELEASES: &str = "/api/v1/applications/shop/releases";

fn raw(request: RequestBuilder, body: impl Into<reqwest::Body>) -> RequestBuilder {
    request.header("content-type", "application/json").body(body)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_has_its_type_and_the_next_command_and_changes_nothing() {
    let service = Service::start().await;
    service.furnish().await;
    service.deploy().await;
    let before = service.state().await;
    let rollbacks = format!("{PLACE}/rollbacks");
    let jobs = "/api/v1/jobs";
    let request = |method, path: &str| service.request(method, path);
    let post = |path: &str| request(Method::POST, path);
    let get = |path: &str| request(Method::GET, path);
    let rollback = |body: serde_json::Value| post(&rollbacks).json(&body);
    let ten_megabytes = format!(r#"{{"name":"{}"}}"#, "x".repeat(10 << 20));
    let release = |version: &str| post(RELEASES).json(&json!({ "version": version, "images": { "web": "web:1" } }));
    for (what, request, status, slug) in [
        ("no JSON", raw(post(APPLICATIONS), "{"), 400, "malformed-body"),
        ("no body", raw(post(APPLICATIONS), ""), 400, "malformed-body"),
        ("two bodies", raw(post(APPLICATIONS), r#"{"name":"a"} {}"#), 400, "malformed-body"),
        ("unknown field", raw(post(APPLICATIONS), r#"{"name":"a","owner":"b"}"#), 400, "malformed-body"),
        ("10 MB", raw(post(APPLICATIONS), ten_megabytes.clone()), 413, "body-too-large"),
        ("10 MB release", raw(post(RELEASES), ten_megabytes), 413, "body-too-large"),
        ("other media type", post(APPLICATIONS).body("name=a"), 415, "unsupported-media-type"),
        ("unknown parameter", get("/api/v1/jobs?offset=5"), 400, "invalid-query"),
        ("dry_run as parameter", post(&format!("{rollbacks}?dry_run=true")).json(&json!({})), 400, "invalid-query"),
        ("limit", get("/api/v1/jobs?limit=0"), 400, "invalid-query"),
        ("cursor", get("/api/v1/jobs?cursor=abc"), 400, "invalid-query"),
        ("state", get("/api/v1/jobs?state=asleep"), 400, "invalid-query"),
        (
            "key twice",
            post(APPLICATIONS).header("idempotency-key", "a").header("idempotency-key", "b").json(&json!({})),
            400,
            "invalid-header",
        ),
        ("unknown path", get("/api/v1/nothing"), 404, "not-found"),
        ("unknown application", get("/api/v1/applications/none"), 404, "not-found"),
        ("no id", get("/api/v1/jobs/1"), 404, "not-found"),
        ("unknown version", get(&format!("{RELEASES}/v9.9.9")), 404, "unknown-version"),
        ("unknown target", rollback(json!({ "target": "v9.9.9" })), 404, "unknown-version"),
        ("other method", request(Method::DELETE, jobs), 405, "method-not-allowed"),
        (
            "name taken",
            post(APPLICATIONS).json(&json!({ "name": "shop", "description": "another" })),
            409,
            "already-exists",
        ),
        (
            "wrong current",
            rollback(json!({ "target": "v1.0.0", "expected_current": "v1.1.0" })),
            409,
            "current-mismatch",
        ),
        ("no target named, none known", rollback(json!({ "expected_current": "v1.0.0" })), 409, "no-rollback-target"),
        ("current version", rollback(json!({ "target": "v1.0.0" })), 409, "plan-blocked"),
        ("newer version", rollback(json!({ "target": "v1.1.0" })), 422, "invalid-field"),
        ("neither target nor current", rollback(json!({})), 422, "invalid-field"),
        ("target that is no version", rollback(json!({ "target": "yesterday" })), 422, "invalid-version"),
        ("release that is no version", release("1.2"), 422, "invalid-version"),
        ("name", post(APPLICATIONS).json(&json!({ "name": "Not A Name" })), 422, "invalid-field"),
        ("kind of deployment", get(&format!("{PLACE}/deployments?kind=sideways")), 400, "invalid-query"),
        ("cursor of backups", get(&format!("{PLACE}/backups?cursor=abc")), 400, "invalid-query"),
        ("unknown backup", get(&format!("{PLACE}/backups/01890000-0000-7000-8000-000000000000")), 404, "not-found"),
        ("backup without id", get(&format!("{PLACE}/backups/newest")), 404, "not-found"),
        ("cursor of tokens", get("/api/v1/tokens?cursor=abc"), 400, "invalid-query"),
    ] {
        let answer = answer(request).await;
        assert_eq!(answer.problem(), (status, slug), "{what}: {}", answer.body);
        assert!(ProblemType::ALL.iter().any(|problem| problem.slug() == slug && problem.status() == status), "{what}");
        let error = &answer.body["error"];
        assert_eq!((&answer.body["success"], &answer.body["code"]), (&json!(false), &json!(status)), "{what}");
        assert!(!error["hint"].as_str().unwrap_or_default().is_empty(), "{what} names no next command: {error}");
        assert_eq!(error["instance"], format!("urn:request:{}", answer.header("x-request-id")), "{what}");
    }
    assert_eq!(service.state().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_stored_is_refused_by_the_name_of_its_field_and_changes_nothing() {
    let service = Service::start().await;
    service.furnish().await;
    service.deploy().await;
    let jobs = service.get("/api/v1/jobs").await;
    let job = jobs.body["data"]["items"][0]["id"].as_str().unwrap();
    let before = service.state().await;
    let (prose, name, reason) = ("x".repeat(65_536), "x".repeat(256), "x".repeat(2_001));
    let send = |method, path: &str, body: Value| service.request(method, path).json(&body);
    let post = |path: &str, body: Value| send(Method::POST, path, body);
    let release = |field: &str, value: Value| {
        let mut spec = json!({ "version": "v2.0.0", "images": { "web": "web:1" } });
        spec[field] = value;
        post(RELEASES, spec)
    };
    let schema = |store: &str, name: &str| {
        let migration = json!({ "version": "1", "name": name, "up": "SELECT 1" });
        release("schema", json!({ store: { "engine": "mariadb", "migrations": [migration] } }))
    };
    let version = |version: &str| post(RELEASES, json!({ "version": version, "images": { "web": "web:1" } }));
    let settings = json!({ "hosts": [{ "name": "local", "docker": format!("unix:///{name}") }] });
    let token = |name: &str, ends: &str| {
        post("/api/v1/tokens", json!({ "name": name, "permissions": ["read"], "expires_at": ends }))
    };
    let with_reason = json!({ "reason": reason });
    let resolution = json!({ "choice": "retry", "reason": reason });
    let rollback = json!({ "target": "v1.0.0", "reason": reason });
    let deployment = json!({ "version": "v1.1.0", "reason": reason });
    let ends = "2100-01-01T00:00:00Z";
    for (field, request) in [
        ("notes", release("notes", json!(prose))),
        ("notes_zh", release("notes_zh", json!(prose))),
        ("released_at", release("released_at", json!("+10000-01-01T00:00:00Z"))),
        ("schema.main.migrations[0].name", schema("main", &name)),
        ("schema.Main", schema("Main", "first")),
        (format!("schema.{}", &name[..64]).as_str(), schema(&name[..64], "first")),
        ("images.web", release("images", json!({ "web": name }))),
        ("image_digests.web", release("image_digests", json!({ "web": "sha256:abc" }))),
        ("image_digests.api", release("image_digests", json!({ "api": format!("sha256:{}", "0".repeat(64)) }))),
        ("", version(&format!("1.2.3-{}", "x".repeat(58)))),
        ("", version(&format!("1.2.3-{}", ["1"; 9].join(".")))),
        ("description", post(APPLICATIONS, json!({ "name": "another", "description": prose }))),
        ("hosts[0].docker", send(Method::PUT, PLACE, settings.clone())),
        ("hosts[0].docker", post(ENVIRONMENTS, json!({ "name": "staging", "spec": settings }))),
        ("reason", send(Method::PUT, &format!("{PLACE}/maintenance"), with_reason.clone())),
        ("reason", post(&format!("/api/v1/jobs/{job}/cancel"), with_reason)),
        ("reason", post(&format!("/api/v1/jobs/{job}/resolve"), resolution)),
        ("reason", post(&format!("{PLACE}/rollbacks"), rollback)),
        ("reason", post(&format!("{PLACE}/deployments"), deployment)),
        ("name", token(&name[..101], ends)),
        ("expires_at", token("ci", "+10000-01-01T00:00:00Z")),
    ] {
        let answer = answer(request).await;
        let expected = if field.is_empty() { "invalid-version" } else { "invalid-field" };
        assert_eq!(answer.problem(), (422, expected), "{field}: {}", answer.body);
        let error = &answer.body["error"];
        assert!(!error["hint"].as_str().unwrap_or_default().is_empty(), "{field}: {error}");
        if !field.is_empty() {
            assert_eq!(error["fields"][0]["field"], field, "{error}");
            assert_eq!(error["fields"].as_array().unwrap().len(), 1, "{error}");
        }
        assert_eq!(service.state().await, before, "{field}");
    }
    // As long as they may be, the same texts are taken.
    let longest = token(&"名".repeat(100), ends);
    assert_eq!(answer(longest).await.status, 201);
    assert_eq!(answer(release("notes", json!("x".repeat(65_535)))).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_chinese_is_refused_in_chinese() {
    let service = Service::start().await;
    service.furnish().await;
    let job = service.queue().await;
    let chinese = |text: &Value| {
        text.as_str().is_some_and(|text| text.chars().any(|one| ('\u{4e00}'..='\u{9fff}').contains(&one)))
    };
    let post = |path: &str, body: Value| service.request(Method::POST, path).json(&body);
    for (field, request) in [
        ("name", post(APPLICATIONS, json!({ "name": "Not A Name" }))),
        ("images", post(RELEASES, json!({ "version": "v2.0.0", "images": {} }))),
        ("", post(RELEASES, json!({ "version": "1.2", "images": { "web": "web:1" } }))),
        ("", post(APPLICATIONS, json!({ "name": "shop" }))),
        ("", service.request(Method::PUT, PLACE).json(&json!({}))),
        ("", service.request(Method::GET, "/api/v1/applications/none")),
        ("", service.request(Method::GET, "/api/v1/jobs?limit=0")),
        ("", service.request(Method::GET, &format!("/api/v1/jobs/{job}?wait=1h"))),
    ] {
        let refused = answer(request.header("accept-language", "zh-CN")).await;
        let error = &refused.body["error"];
        assert!(chinese(&error["detail"]), "{error}");
        if !field.is_empty() {
            assert_eq!(error["fields"][0]["field"], field, "{error}");
            assert!(chinese(&error["fields"][0]["message"]), "{error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_of_a_host_that_another_environment_has_is_refused_with_its_address() {
    let service = Service::start().await;
    service.furnish().await;
    let settings = |port: u16| {
        json!({
            "hosts": [{ "name": "local", "docker": "unix:///run/docker.sock" }],
            "services": [{ "name": "web", "hosts": ["local"], "container": "shop", "port": port }],
        })
    };
    let put = answer(service.request(Method::PUT, PLACE).json(&settings(8080))).await;
    assert_eq!(put.status, 200, "{put:?}");
    let staging = json!({ "name": "staging", "spec": settings(8081) });
    assert_eq!(service.post(ENVIRONMENTS, &staging).await.status, 201);
    let before = service.state().await;
    let third = json!({ "name": "third", "spec": settings(8080) });
    let edit = service.request(Method::PUT, &format!("{ENVIRONMENTS}/staging")).json(&settings(8080));
    for refused in [service.post(ENVIRONMENTS, &third).await, answer(edit).await] {
        assert_eq!(refused.problem(), (409, "port-reserved"), "{}", refused.body);
        let error = &refused.body["error"];
        assert!(!error["hint"].as_str().unwrap().is_empty(), "{error}");
        let detail = error["detail"].as_str().unwrap();
        assert!(detail.contains("port 8080") && detail.contains("unix:///run/docker.sock"), "{detail}");
        assert!(detail.ends_with("/production/web"), "it says who has it: {detail}");
        assert_eq!(service.state().await, before);
    }
    let nameless = json!({ "name": "", "spec": settings(8082) });
    for (body, told) in [(third, "预留"), (nameless, "name 必须为 1 到 63 个")] {
        let request = service.request(Method::POST, ENVIRONMENTS).header("accept-language", "zh-CN").json(&body);
        let refused = answer(request).await;
        let detail = refused.body["error"]["detail"].as_str().unwrap();
        assert!(detail.contains(told), "{detail}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_none_and_one_that_lacks_the_permission_are_refused() {
    let service = Service::start().await;
    service.furnish().await;
    let anonymous = answer(service.anonymous(Method::GET, APPLICATIONS)).await;
    assert_eq!(anonymous.problem(), (401, "unauthenticated"));
    assert!(anonymous.header("www-authenticate").starts_with("Bearer"));
    let guessed = format!("bko_{}", "0".repeat(service.token.len() - 4));
    let refused = answer(service.anonymous(Method::GET, APPLICATIONS).bearer_auth(guessed)).await;
    assert_eq!(refused.problem(), (401, "unauthenticated"));
    let reader = service.post("/api/v1/tokens", &json!({ "name": "reader", "permissions": ["read"] })).await;
    let secret = reader.body["data"]["secret"].as_str().unwrap();
    let asked = service.anonymous(Method::POST, APPLICATIONS).bearer_auth(secret).json(&json!({ "name": "b" }));
    let refused = answer(asked).await;
    assert_eq!(refused.problem(), (403, "forbidden"));
    assert!(refused.body["error"]["hint"].as_str().unwrap().starts_with("backout token create"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_gets_the_first_answer_again_and_another_body_is_refused() {
    let service = Service::start().await;
    let create = async |name: &str| {
        let request = service.request(Method::POST, APPLICATIONS).header("idempotency-key", "\"ci-1\"");
        answer(request.json(&json!({ "name": name }))).await
    };
    let first = create("one").await;
    assert_eq!(first.status, 201);
    let again = create("one").await;
    assert_eq!((again.status, &again.body), (201, &first.body));
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(create("two").await.problem(), (422, "idempotency-mismatch"));
    let there = service.get(APPLICATIONS).await;
    assert_eq!(there.body["data"]["items"].as_array().unwrap().len(), 1, "{there:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_no_token_is_answered_without_one() {
    let service = Service::start().await;
    for path in ["/health", "/health/live", "/health/ready", "/openapi.json", "/metrics", "/docs/"] {
        let response = service.anonymous(Method::GET, path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        assert!(response.headers().contains_key("x-request-id"), "{path}");
    }
}
