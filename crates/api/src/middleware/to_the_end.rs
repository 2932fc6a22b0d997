//! A change that was begun is not dropped half way when its caller goes away.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::problem::ProblemType;
use sentence::sentence;
use tracing::Instrument;

use crate::error::Failure;

/// Runs requests that may change something on a task of their own.
pub(crate) async fn run_to_the_end(request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    match tokio::spawn(next.run(request).in_current_span()).await {
        Ok(response) => response,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Failure::new(ProblemType::Unavailable, sentence!("the service stops")).into_response(),
        },
    }
}
