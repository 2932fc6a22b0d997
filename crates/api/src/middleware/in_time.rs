//! No request hangs.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::problem::ProblemType;
use sentence::sentence;

use crate::error::Failure;

/// Answers 503 when the handler takes longer than it may. A stream counts as answered when it begins.
pub(crate) async fn answer_in_time(State(within): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(within, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Failure::hinted(
            ProblemType::Unavailable,
            sentence!(
                "there was no answer within {limit} s; a change that was begun goes on",
                limit = within.as_secs_f32().to_string()
            ),
            sentence!("send the same request again, with the same Idempotency-Key"),
        )
        .into_response(),
    }
}
