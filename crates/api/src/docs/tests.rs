use std::path::Path;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::Value;
use tower::ServiceExt;

use super::*;

#[test]
#[expect(clippy::disallowed_methods, reason = "UPDATE_OPENAPI is the test's own switch")]
fn the_checked_in_document_is_the_routers() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi/openapi.json");
    let written = openapi().to_pretty_json().unwrap() + "\n";
    if std::env::var("UPDATE_OPENAPI").is_ok() {
        std::fs::write(&path, &written).unwrap();
    }
    let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(checked_in == written, "openapi/openapi.json is out of date: UPDATE_OPENAPI=1 cargo test -p backout-api");
}

fn document() -> Value {
    serde_json::to_value(openapi()).unwrap()
}

fn every_operation(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| (format!("{method} {path}"), operation))
    });
    operations.collect()
}

#[test]
fn it_is_openapi_3_1_and_names_every_route_of_the_interface() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let mut routes = every_operation(&document).into_iter().map(|(route, _)| route).collect::<Vec<_>>();
    routes.sort();
    let environment = "/api/v1/applications/{application}/environments/{environment}";
    let mut expected = [
        "get /api/v1/applications",
        "post /api/v1/applications",
        "get /api/v1/applications/{application}",
        "get /api/v1/applications/{application}/environments",
        "post /api/v1/applications/{application}/environments",
        "get ENVIRONMENT",
        "put ENVIRONMENT",
        "get /api/v1/applications/{application}/releases",
        "post /api/v1/applications/{application}/releases",
        "get /api/v1/applications/{application}/releases/{version}",
        "get ENVIRONMENT/deployments",
        "post ENVIRONMENT/deployments",
        "post ENVIRONMENT/rollbacks",
        "post ENVIRONMENT/rollbacks/losses",
        "get ENVIRONMENT/backups",
        "get ENVIRONMENT/backups/{backup}",
        "get ENVIRONMENT/data-stores",
        "get ENVIRONMENT/data-stores/{store}/ledger",
        "get ENVIRONMENT/data-stores/{store}/drift",
        "post ENVIRONMENT/data-stores/{store}/baseline",
        "post ENVIRONMENT/data-stores/{store}/repair",
        "get /api/v1/applications/{application}/series",
        "put /api/v1/applications/{application}/series/{series}",
        "post ENVIRONMENT/backups",
        "post ENVIRONMENT/backups/{backup}/restores",
        "get ENVIRONMENT/preserved",
        "get ENVIRONMENT/preserved/{preserved}",
        "get ENVIRONMENT/preserved/{preserved}/export",
        "post ENVIRONMENT/preserved/{preserved}/drop",
        "get ENVIRONMENT/rehearsals",
        "post ENVIRONMENT/rehearsals",
        "get ENVIRONMENT/rehearsals/{rehearsal}",
        "post ENVIRONMENT/migrations",
        "put ENVIRONMENT/maintenance",
        "delete ENVIRONMENT/maintenance",
        "get /api/v1/jobs",
        "get /api/v1/jobs/{job}",
        "get /api/v1/jobs/{job}/events",
        "get /api/v1/jobs/{job}/report",
        "post /api/v1/jobs/{job}/cancel",
        "post /api/v1/jobs/{job}/resolve",
        "get /api/v1/tokens",
        "post /api/v1/tokens",
        "delete /api/v1/tokens/{token}",
        "get /health",
        "get /health/live",
        "get /health/ready",
        "get /metrics",
        "get /openapi.json",
    ]
    .map(|route| route.replace("ENVIRONMENT", environment));
    expected.sort();
    assert_eq!(routes, expected);
}

#[test]
fn versioned_routes_want_a_token_and_the_others_do_not() {
    for (route, operation) in every_operation(&document()) {
        assert_eq!(operation.get("security").is_some(), route.contains(V1), "{route}");
    }
}

#[test]
fn every_failure_is_the_envelope() {
    let document = document();
    for (route, operation) in every_operation(&document) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            if status.starts_with(['4', '5']) {
                let schema = &response["content"]["application/json"]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/Failure", "{route} {status}");
            }
        }
    }
}

#[test]
fn parameters_have_descriptions_and_stand_there_once() {
    let document = document();
    for (route, operation) in every_operation(&document) {
        let mut seen = std::collections::HashSet::new();
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            assert!(seen.insert(name), "{route}: {name} is there twice");
            assert!(!parameter["description"].as_str().unwrap_or_default().is_empty(), "{route}: {name}");
        }
    }
}

#[test]
fn envelopes_refer_to_what_they_carry() {
    let schemas = &document()["components"]["schemas"];
    let data = |name: &str| schemas[name]["properties"]["data"].clone();
    assert_eq!(data("Success_Plan")["$ref"], "#/components/schemas/Plan");
    assert_eq!(data("Success_Page_JobView")["properties"]["items"]["items"]["$ref"], "#/components/schemas/JobView");
}

#[tokio::test]
async fn the_pages_load_nothing_from_elsewhere() {
    for path in ["/docs/", "/docs/swagger-initializer.js"] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = pages::<()>().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let text = String::from_utf8(to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap();
        assert!(!text.contains("://"), "{text}");
    }
    let request = Request::get("/docs/nothing").body(Body::empty()).unwrap();
    let response = crate::routes::finish(pages::<()>()).oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let text = document.to_string();
    for (at, _) in text.match_indices("#/components/") {
        let pointer = text[at + 1..].split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
}
