//! Raw clients against a small router.

use std::net::SocketAddr;
use std::time::Instant;

use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use domain::view::CancelRequest;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::envelope::{Answer, Answered};
use crate::extract::Json;
use crate::middleware::{BodyRules, take_body};
use crate::routes::finish;

const SOON: Duration = Duration::from_millis(200);
/// Much longer than anything here takes; a test that reaches it has found something that hangs.
const NEVER: Duration = Duration::from_secs(20);

struct Served {
    address: SocketAddr,
    stopping: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Served {
    async fn with(connections: usize, head_within: Duration) -> Self {
        async fn take(Json(_): Json<CancelRequest>) -> Answered {
            Ok(Answer::ok("taken"))
        }
        let body = BodyRules { limit: 1024, within: SOON };
        let router = Router::new()
            .route("/", get(async || Answer::ok("here")))
            .route(
                "/slow",
                get(async || {
                    tokio::time::sleep(SOON).await;
                    Answer::ok("late")
                }),
            )
            .route("/", post(take))
            .layer(from_fn_with_state(body, take_body));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stopping) = (listener.local_addr().unwrap(), CancellationToken::new());
        let limits = ConnectionLimits { connections, head_within };
        let task = tokio::spawn(serve(listener, finish(router), limits, stopping.clone()));
        Self { address, stopping, task }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

/// Everything that the service says until it closes the connection: head and body.
async fn told(stream: &mut TcpStream) -> (String, Value) {
    let mut text = String::new();
    tokio::time::timeout(NEVER, stream.read_to_string(&mut text)).await.expect("the connection is closed").unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    (head.to_owned(), serde_json::from_str(body).unwrap_or_default())
}

/// One byte at a time, without an end.
async fn dribble(stream: &mut TcpStream, begun: &str) -> (String, Value) {
    stream.write_all(begun.as_bytes()).await.unwrap();
    let (mut reading, mut writing) = stream.split();
    let mut text = String::new();
    let drops = async {
        while writing.write_all(b"x").await.is_ok() {
            tokio::time::sleep(SOON / 10).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        read = tokio::time::timeout(NEVER, reading.read_to_string(&mut text)) => { read.expect("it is closed").unwrap(); }
        () = drops => {}
    }
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    (head.to_owned(), serde_json::from_str(body).unwrap_or_default())
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_is_408_and_closed() {
    let served = Served::with(4, SOON).await;
    let begun = Instant::now();
    let (head, body) = dribble(&mut served.connect().await, "GET / HTTP/1.1\r\nX-Slow: ").await;
    assert!(head.starts_with("HTTP/1.1 408 "), "{head}");
    assert_eq!(body["error"]["type"], "request-timeout", "{body}");
    assert!(begun.elapsed() >= SOON);
}

#[tokio::test]
async fn a_body_that_comes_byte_by_byte_is_408_and_closed() {
    let served = Served::with(4, NEVER).await;
    let request = "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{";
    let (head, body) = dribble(&mut served.connect().await, request).await;
    assert!(head.starts_with("HTTP/1.1 408 "), "{head}");
    assert_eq!(body["error"]["type"], "request-timeout", "{body}");
}

#[tokio::test]
async fn a_connection_that_asks_nothing_is_closed_without_a_word() {
    let served = Served::with(4, SOON).await;
    let (head, _) = told(&mut served.connect().await).await;
    assert_eq!(head, "");
}

#[tokio::test]
async fn a_connection_too_many_is_told_so_and_the_next_one_after_a_close_is_served() {
    let served = Served::with(1, NEVER).await;
    let mut first = served.connect().await;
    first.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut begun = [0; 15];
    first.read_exact(&mut begun).await.unwrap();
    assert_eq!(&begun, b"HTTP/1.1 200 OK");
    let (head, body) = told(&mut served.connect().await).await;
    assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("retry-after: "), "{head}");
    assert_eq!(body["error"]["type"], "unavailable", "{body}");
    drop(first);
    let deadline = Instant::now() + NEVER;
    loop {
        let mut next = served.connect().await;
        // Refused by a reset while the first one is still being closed.
        let asked = next.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        if asked.is_ok() && told(&mut next).await.0.starts_with("HTTP/1.1 200 ") {
            break;
        }
        assert!(Instant::now() < deadline, "the place stays taken");
    }
}

#[tokio::test]
async fn stopping_waits_for_the_answer_and_not_for_idle_connections() {
    let served = Served::with(4, NEVER).await;
    let (mut idle, mut asking) = (served.connect().await, served.connect().await);
    asking.write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    tokio::time::sleep(SOON / 4).await;
    served.stopping.cancel();
    let (head, body) = told(&mut asking).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(body["data"], "late");
    assert_eq!(told(&mut idle).await.0, "");
    tokio::time::timeout(NEVER, served.task).await.expect("it ends").unwrap();
}
