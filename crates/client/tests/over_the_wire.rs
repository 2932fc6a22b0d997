//! The client against a listener that plays a service whose connections break: what is sent, and how often.

#![expect(clippy::unwrap_used, reason = "a test whose surroundings fail has failed")]

use std::sync::{Arc, Mutex};

use backout_client::{Client, Error, PageRequest, Settings};
use domain::environment::EnvironmentSpec;
use domain::finding::Code;
use domain::ids::{DeploymentId, JobId};
use domain::job::JobState;
use domain::view::{JobEventView, JobView, RollbackRequest};
use futures::TryStreamExt;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Answers each connection with the next of these; an empty one closes it without an answer.
struct Script {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Script {
    async fn play(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        tokio::spawn(async move {
            for answer in answers {
                let (mut connection, _) = listener.accept().await.unwrap();
                let request = read_request(&mut connection).await;
                seen.lock().unwrap().push(request);
                connection.write_all(answer.as_bytes()).await.unwrap();
                connection.shutdown().await.unwrap();
            }
        });
        Self { url, requests }
    }

    fn client(&self) -> Client {
        client(&self.url)
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn client(url: &str) -> Client {
    Client::new(Settings {
        url: url.to_owned(),
        ca_file: None,
        token: Some("bko_test".into()),
        language: "zh-CN".into(),
    })
    .unwrap()
}

async fn read_request(connection: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .split("content-length: ")
                .nth(1)
                .map_or(0, |rest| rest.split("\r\n").next().unwrap().parse::<usize>().unwrap());
            if body.len() >= length {
                return String::from_utf8(bytes).unwrap();
            }
        }
        let count = connection.read(&mut piece).await.unwrap();
        assert!(count > 0, "the request ended early: {text}");
        bytes.extend_from_slice(&piece[..count]);
    }
}

fn answer(status: u16, body: &serde_json::Value) -> String {
    let body = body.to_string();
    format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nx-request-id: r-1\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn success(data: &impl serde::Serialize) -> String {
    answer(200, &json!({"success": true, "code": 200, "data": data, "message": "Success"}))
}

fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    request.lines().find_map(|line| {
        let (key, value) = line.split_once(": ")?;
        key.eq_ignore_ascii_case(name).then_some(value)
    })
}

fn job(state: JobState, last_event: u64) -> JobView {
    JobView {
        id: JobId::generate(),
        kind: domain::deployment::DeploymentKind::Rollback,
        application: "shop".into(),
        environment: "production".into(),
        deployment: DeploymentId::generate(),
        from: None,
        to: "v1.0.0".parse().unwrap(),
        state,
        actor: "ann".into(),
        reason: String::new(),
        created_at: "2025-01-10T14:30:00Z".parse().unwrap(),
        started_at: None,
        ended_at: None,
        error: None,
        measurements: None,
        last_event,
        steps: Vec::new(),
        plan: None,
    }
}

fn nothing_more() -> String {
    "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n".to_owned()
}

fn stream(events: &[u64]) -> String {
    let mut text =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n: hello\n\n".to_owned();
    for seq in events {
        let event = JobEventView {
            seq: *seq,
            at: "2025-01-10T14:30:00Z".parse().unwrap(),
            kind: "step".into(),
            step: Some(0),
            data: json!({}),
        };
        let data = serde_json::to_string(&event).unwrap();
        text.extend(["id: ", &seq.to_string(), "\nevent: step\ndata: ", &data, "\n\n"]);
    }
    text
}

#[tokio::test]
async fn a_post_whose_answer_was_lost_is_sent_again_with_the_same_key() {
    let script = Script::play(vec![String::new(), String::new(), success(&job(JobState::Queued, 1))]).await;
    let request = RollbackRequest { target: Some("v1.0.0".into()), ..RollbackRequest::default() };
    script.client().start_rollback("shop", "production", &request).await.unwrap();
    let requests = script.requests();
    let keys: Vec<_> = requests.iter().map(|request| header(request, "idempotency-key").unwrap()).collect();
    assert_eq!(keys.len(), 3);
    assert!(keys.iter().all(|key| *key == keys[0] && key.starts_with('"')), "{keys:?}");
    assert!(requests[0].starts_with("POST /api/v1/applications/shop/environments/production/rollbacks "));
    assert_eq!(header(&requests[0], "authorization"), Some("Bearer bko_test"));
    assert_eq!(header(&requests[0], "accept-language"), Some("zh-CN"));
}

#[tokio::test]
async fn a_request_that_is_still_being_answered_is_waited_for() {
    let problem = json!({"success": false, "code": 409, "message": "…", "error": {"type": "idempotency-in-progress"}});
    let script = Script::play(vec![String::new(), answer(409, &problem), success(&job(JobState::Queued, 1))]).await;
    let started = script.client().start_rollback("shop", "production", &RollbackRequest::default()).await;
    assert_eq!(started.unwrap().state, JobState::Queued);
}

#[tokio::test]
async fn a_caller_who_asks_too_often_waits_as_long_as_it_is_told() {
    let problem = json!({
        "success": false, "code": 429, "message": "…", "error": {"type": "too-many-requests", "retry_after": 1},
    });
    let none = json!({"items": [], "next_cursor": null});
    let script = Script::play(vec![answer(429, &problem), success(&none)]).await;
    let begun = std::time::Instant::now();
    assert!(script.client().list_tokens(&PageRequest::default()).await.unwrap().items.is_empty());
    assert!(begun.elapsed() >= std::time::Duration::from_secs(1));
}

#[tokio::test]
async fn an_edit_of_a_known_revision_is_not_sent_twice() {
    let script = Script::play(vec![String::new(), String::new()]).await;
    let edit = script.client().replace_environment("shop", "production", &EnvironmentSpec::default(), Some(7)).await;
    assert!(matches!(edit, Err(Error::Unreachable { .. })), "{edit:?}");
    let requests = script.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(header(&requests[0], "if-match"), Some("\"7\""));
}

#[tokio::test]
async fn a_problem_is_told_with_its_findings_and_the_next_command() {
    let body = json!({
        "success": false, "code": 409, "message": "The plan may not run",
        "error": {
            "type": "plan-blocked", "title": "The plan may not run", "status": 409, "detail": "blocked", "hint": "docker pull web:v1",
            "findings": [{"code": "image-missing", "severity": "blocker", "params": {"image": "web:v1", "host": "local"}}],
        }
    });
    let script = Script::play(vec![answer(409, &body)]).await;
    let error = script.client().start_rollback("shop", "production", &RollbackRequest::default()).await.unwrap_err();
    let problem = error.problem().unwrap();
    assert_eq!((problem.status, problem.kind.as_str()), (409, "plan-blocked"));
    assert_eq!(problem.findings[0].code, Code::ImageMissing);
    assert_eq!(problem.hint.as_deref(), Some("docker pull web:v1"));
    assert_eq!(problem.request_id.as_deref(), Some("r-1"));
    assert!(!error.is_transient());
}

#[tokio::test]
async fn an_answer_of_something_else_is_not_taken_for_the_service() {
    let page = "HTTP/1.1 502 X\r\ncontent-length: 15\r\nconnection: close\r\n\r\n<h1>Proxy</h1>\n".to_owned();
    let script = Script::play(vec![page]).await;
    let error = script.client().list_tokens(&PageRequest::default()).await.unwrap_err();
    assert!(matches!(&error, Error::Protocol { detail, .. } if *detail == "status 502: <h1>Proxy</h1>"), "{error}");
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = client(&url).list_tokens(&PageRequest::default()).await.unwrap_err();
    assert!(matches!(&error, Error::Unreachable { reason, .. } if reason.to_string().contains("refused")), "{error}");
    assert!(error.is_transient());
}

#[tokio::test]
async fn names_cannot_leave_their_place_in_the_path() {
    let script = Script::play(vec![success(&json!({"items": [], "next_cursor": null}))]).await;
    script.client().list_data_stores("a/../b", "x?y").await.unwrap();
    let requests = script.requests();
    assert!(
        requests[0].starts_with("GET /api/v1/applications/a%2F..%2Fb/environments/x%3Fy/data-stores "),
        "{requests:?}"
    );
}

#[tokio::test]
async fn events_go_on_after_a_lost_connection_without_gap_or_repetition() {
    let script = Script::play(vec![stream(&[1, 2]), String::new(), stream(&[2, 3]), nothing_more()]).await;
    let events: Vec<_> = script.client().job_events(JobId::generate(), 0).try_collect().await.unwrap();
    assert_eq!(events.iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 2, 3]);
    let requests = script.requests();
    assert_eq!(header(&requests[0], "last-event-id"), Some("0"));
    assert_eq!(header(&requests[2], "last-event-id"), Some("2"));
    assert_eq!(header(&requests[3], "last-event-id"), Some("3"));
}

#[tokio::test]
async fn events_that_may_not_be_seen_are_not_asked_for_again() {
    let problem = json!({"success": false, "code": 404, "message": "…", "error": {"type": "not-found"}});
    let script = Script::play(vec![answer(404, &problem), nothing_more()]).await;
    let error = script.client().job_events(JobId::generate(), 0).try_next().await.unwrap_err();
    assert_eq!(error.problem().map(|problem| problem.status), Some(404));
    assert_eq!(script.requests().len(), 1);
}

#[tokio::test]
async fn a_service_that_is_not_ready_still_names_what_it_depends_on() {
    let body = json!({
        "success": false, "code": 503, "message": "…", "error": {"type": "unavailable"},
        "data": {"status": "unready", "version": "0.1.0", "dependencies": [{"name": "redis", "ready": false, "problem": "refused"}]},
    });
    let script = Script::play(vec![answer(503, &body)]).await;
    let readiness = script.client().readiness().await.unwrap();
    assert_eq!(readiness.status, "unready");
    assert_eq!(readiness.dependencies[0].problem.as_deref(), Some("refused"));
}

#[test]
fn an_address_that_cannot_be_spoken_to_is_refused_at_once() {
    for url in ["ftp://backout.example", "127.0.0.1:7420", "mailto:a@b", "https://"] {
        let settings = Settings { url: url.to_owned(), ca_file: None, token: None, language: "en".into() };
        assert!(matches!(Client::new(settings), Err(Error::Settings(_))), "{url}");
    }
}
