//! The layers around small routers of their own.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Method, Request, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post, put};
use domain::environment::FieldError;
use domain::finding::{Code, Finding};
use domain::problem::ProblemType;
use domain::view::{CancelRequest, NewApplication};
use futures::stream;
use sentence::{Sentence, sentence};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tower::ServiceExt;

use super::*;
use crate::envelope::{Answer, Answered};
use crate::error::Failure;
use crate::extract::Json;
use crate::routes::finish;

async fn ask(router: Router, request: Request<Body>) -> (Response<()>, Value) {
    let (parts, body) = finish(router).oneshot(request).await.unwrap().into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
    (Response::from_parts(parts, ()), body)
}

fn request(method: Method, path: &str, body: impl Into<Body>) -> Request<Body> {
    let json = (header::CONTENT_TYPE, "application/json");
    Request::builder().method(method).uri(path).header(json.0, json.1).body(body.into()).unwrap()
}

fn with_body_limit(limit: usize, within: Duration) -> Router {
    async fn create(Json(new): Json<NewApplication>) -> Answered {
        Ok(Answer::created(format!("/applications/{}", new.name), new))
    }
    Router::new().route("/applications", post(create)).layer(from_fn_with_state(BodyRules { limit, within }, take_body))
}

fn applications() -> Router {
    with_body_limit(1024, Duration::from_secs(5))
}

#[tokio::test]
async fn a_success_has_the_envelope_the_status_and_the_location() {
    let (response, body) = ask(applications(), request(Method::POST, "/applications", r#"{"name":"cms"}"#)).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    assert_eq!(response.headers()[header::LOCATION], "/applications/cms");
    let data = json!({ "name": "cms", "description": "" });
    assert_eq!(body, json!({ "success": true, "code": 201, "data": data, "message": "Success" }));
}

#[tokio::test]
async fn a_failure_has_the_envelope_and_names_the_request() {
    let mut request = request(Method::GET, "/nowhere", "");
    request.headers_mut().insert("x-request-id", "ci-1".parse().unwrap());
    let (response, body) = ask(applications(), request).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(response.headers()["x-request-id"], "ci-1");
    assert_eq!(body["success"], false);
    assert_eq!(body["code"], 404);
    assert_eq!(body["error"]["type"], "not-found");
    assert_eq!(body["error"]["instance"], "urn:request:ci-1");
    assert_eq!(body["error"]["detail"], "there is nothing at /nowhere");
    assert!(body["message"].as_str().unwrap().ends_with("there is nothing at /nowhere"), "{body}");
    assert!(body["error"].get("lock_holder").is_none());
}

#[tokio::test]
async fn title_message_and_findings_are_in_the_callers_language() {
    async fn blocked() -> Answered {
        let mut error = control::Error::new(ProblemType::PlanBlocked, Sentence::verbatim("blocked"));
        error.findings = Box::new([Finding::new(Code::HostUnreachable, [("host", "local"), ("reason", "refused")])]);
        Err(Failure::from(error))
    }
    let router = Router::new().route("/", get(blocked));
    let mut request = request(Method::GET, "/", "");
    request.headers_mut().insert(header::ACCEPT_LANGUAGE, "zh-CN,en;q=0.5".parse().unwrap());
    let (response, body) = ask(router, request).await;
    assert_eq!(response.headers()[header::CONTENT_LANGUAGE], "zh-CN");
    assert_eq!(body["error"]["title"], "计划不能执行");
    assert_eq!(body["message"], "计划不能执行：blocked");
    assert_eq!(body["error"]["findings"][0]["message"], "容器主机 local 没有响应：refused。");
    assert_eq!(body["error"]["findings"][0]["code"], "host-unreachable");
}

#[tokio::test]
async fn details_fields_and_reasons_are_in_the_callers_language() {
    async fn refused() -> Answered {
        let fields = vec![FieldError { field: "name".into(), message: sentence!("is used twice") }];
        let mut error = control::Error::invalid_fields(fields);
        let reason = sentence!("no answer within {limit} s", limit = 10_u32);
        error.findings =
            Box::new([Finding::new(Code::HostUnreachable, []).about("host", "local").about("reason", reason)]);
        Err(Failure::from(error))
    }
    let mut request = request(Method::GET, "/", "");
    request.headers_mut().insert(header::ACCEPT_LANGUAGE, "zh-CN".parse().unwrap());
    let (_, body) = ask(Router::new().route("/", get(refused)), request).await;
    let error = &body["error"];
    assert_eq!(error["detail"], "name 重复使用");
    assert_eq!(error["fields"][0]["message"], "重复使用");
    assert_eq!(error["findings"][0]["message"], "容器主机 local 没有响应：10 秒内无应答。");
    assert_eq!(error["findings"][0]["params"]["reason"], "10 秒内无应答");
}

#[tokio::test]
async fn another_method_is_405_with_those_that_there_are() {
    let (response, body) = ask(applications(), request(Method::DELETE, "/applications", "")).await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(response.headers()[header::ALLOW], "POST");
    assert_eq!(body["error"]["type"], "method-not-allowed");
    let (response, body) = ask(applications(), request(Method::OPTIONS, "/applications", "")).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert_eq!(response.headers()[header::ALLOW], "POST");
    assert_eq!(body, Value::Null);
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let router = Router::new().route("/", get(async || Answer::ok("here")));
    let (response, body) = ask(router, request(Method::HEAD, "/", "")).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
    assert_eq!(body, Value::Null);
}

#[tokio::test]
async fn each_kind_of_bad_body_has_its_own_type() {
    let too_large = format!(r#"{{"name":"{}"}}"#, "x".repeat(2000));
    for (body, status, slug) in [
        ("{", 400, "malformed-body"),
        (r#"{"name":"cms","owner":"me"}"#, 400, "malformed-body"),
        (too_large.as_str(), 413, "body-too-large"),
    ] {
        let (response, answer) = ask(applications(), request(Method::POST, "/applications", body.to_owned())).await;
        assert_eq!((response.status().as_u16(), &answer["error"]["type"]), (status, &json!(slug)), "{answer}");
    }
    let plain = Request::post("/applications").header("content-type", "text/plain").body("{}".into()).unwrap();
    let (response, answer) = ask(applications(), plain).await;
    assert_eq!((response.status().as_u16(), &answer["error"]["type"]), (415, &json!("unsupported-media-type")));
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_also_without_a_length() {
    let chunks = stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 512])));
    let body = Body::from_stream(futures::StreamExt::take(chunks, 100));
    let (response, answer) = ask(applications(), request(Method::POST, "/applications", body)).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer["error"]["detail"].as_str().unwrap().contains("1 KiB"), "{answer}");
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_408() {
    let body = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let router = with_body_limit(1024, Duration::from_millis(20));
    let (response, answer) = ask(router, request(Method::POST, "/applications", body)).await;
    assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
    assert_eq!(answer["error"]["type"], "request-timeout");
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_503_with_retry_after() {
    let router = Router::new()
        .route("/", get(std::future::pending::<Answered>))
        .layer(from_fn_with_state(Duration::from_millis(20), answer_in_time));
    let (response, body) = ask(router, request(Method::GET, "/", "")).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[header::RETRY_AFTER], "5");
    assert_eq!(body["error"]["retry_after"], 5);
}

#[tokio::test]
async fn a_panic_is_500_and_tells_nothing() {
    #[expect(clippy::panic, reason = "that is what is tested")]
    async fn breaks() -> Answered {
        panic!("secret of ours")
    }
    let router = Router::new().route("/", put(breaks).get(breaks)).layer(from_fn(run_to_the_end));
    for method in [Method::GET, Method::PUT] {
        let (response, body) = ask(router.clone(), request(method, "/", "")).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(body["error"]["type"], "internal");
        assert!(!body.to_string().contains("secret"), "{body}");
    }
}

#[tokio::test]
async fn a_change_goes_on_when_its_caller_goes_away() {
    let (begun, has_begun) = oneshot::channel();
    let (go_on, may_go_on) = oneshot::channel::<()>();
    let (done, is_done) = oneshot::channel();
    let parts = std::sync::Arc::new(std::sync::Mutex::new(Some((begun, may_go_on, done))));
    let change = async move |Json(_): Json<CancelRequest>| -> Answered {
        let (begun, may_go_on, done) = parts.lock().unwrap().take().unwrap();
        begun.send(()).unwrap();
        may_go_on.await.unwrap();
        done.send(()).unwrap();
        Ok(Answer::ok(()))
    };
    let router = finish(Router::new().route("/", post(change)).layer(from_fn(run_to_the_end)));
    let asking = tokio::spawn(router.oneshot(request(Method::POST, "/", "{}")));
    has_begun.await.unwrap();
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    go_on.send(()).unwrap();
    is_done.await.unwrap();
}

#[tokio::test]
async fn requests_are_counted_by_route_and_not_by_path() {
    let recorder = crate::recorder().unwrap().build_recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let router = Router::new().route("/jobs/{job}", get(async || Answer::ok("a job")));
    ask(router.clone(), request(Method::GET, "/jobs/1", "")).await;
    ask(router.clone(), request(Method::GET, "/jobs/2", "")).await;
    ask(router, request(Method::GET, "/nowhere", "")).await;
    let text = recorder.handle().render();
    let counted = r#"backout_http_requests_total{route="/jobs/{job}",method="GET",status="200"} 2"#;
    assert!(text.contains(counted), "{text}");
    assert!(text.contains(r#"route="none",method="GET",status="404"} 1"#), "{text}");
    assert!(text.contains(r#"backout_http_request_duration_seconds_bucket{route="/jobs/{job}""#), "{text}");
}
