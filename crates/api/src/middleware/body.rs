//! Bodies arrive whole, within a limit and a time, before anything is done.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::problem::ProblemType;
use futures::StreamExt;
use sentence::sentence;

use crate::error::Failure;

/// How much of an unwanted body is read, so that the caller reads the answer instead of a reset connection.
const DISCARD_AT_MOST: usize = 16 * 1024 * 1024;
const DISCARD_WITHIN: Duration = Duration::from_secs(5);

/// How large a body may be, and how long it may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyRules {
    /// Bytes.
    pub(crate) limit: usize,
    pub(crate) within: Duration,
}

/// Reads the body; the request goes on with all of it.
pub(crate) async fn take_body(State(rules): State<BodyRules>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let announced = parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|announced: usize| announced > rules.limit) {
        discard(body).await;
        return too_large(rules.limit).into_response();
    }
    match tokio::time::timeout(rules.within, read(body, rules.limit)).await {
        Ok(Ok(bytes)) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Ok(Err(failure)) => failure.into_response(),
        Err(_) => {
            let detail =
                sentence!("the body did not arrive within {limit} s", limit = rules.within.as_secs_f32().to_string());
            Failure::new(ProblemType::RequestTimeout, detail).into_response()
        }
    }
}

async fn read(body: Body, limit: usize) -> Result<Bytes, Failure> {
    let mut chunks = body.into_data_stream();
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| {
            Failure::new(
                ProblemType::MalformedBody,
                sentence!("the body ended before its end: {error}", error = error.to_string()),
            )
        })?;
        if bytes.len() + chunk.len() > limit {
            discard(Body::from_stream(chunks)).await;
            return Err(too_large(limit));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.into())
}

fn too_large(limit: usize) -> Failure {
    Failure::new(
        ProblemType::BodyTooLarge,
        sentence!("the body is larger than {limit} KiB, the limit here", limit = limit / 1024),
    )
}

/// Reads a body that nobody wants, within bounds.
pub(super) async fn discard(body: Body) {
    let reading = async {
        let mut chunks = body.into_data_stream();
        let mut read = 0;
        while let Some(Ok(chunk)) = chunks.next().await {
            read += chunk.len();
            if read > DISCARD_AT_MOST {
                break;
            }
        }
    };
    // Late or not, the answer is the same.
    let _ = tokio::time::timeout(DISCARD_WITHIN, reading).await;
}
