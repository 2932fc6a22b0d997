//! A mistake of ours is an answer too.

use std::any::Any;

use axum::response::{IntoResponse, Response};
use domain::problem::ProblemType;
use sentence::sentence;

use crate::error::Failure;

/// Answers 500; what the panic said goes to the log, under the request's id.
#[expect(clippy::needless_pass_by_value, reason = "CatchPanicLayer gives it away")]
pub(crate) fn answer_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let said = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("something that is no text");
    tracing::error!(said, "a handler panicked");
    Failure::new(
        ProblemType::Internal,
        sentence!("the request could not be answered; the log has the reason under this request's id"),
    )
    .into_response()
}
