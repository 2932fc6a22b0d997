//! Paths and methods that there are not.

use axum::http::{Method, Uri};
use domain::problem::ProblemType;

use crate::error::Failure;

pub(crate) async fn no_such_path(uri: Uri) -> Failure {
    let detail = format!("there is nothing at {}", uri.path());
    Failure::hinted(ProblemType::NotFound, detail, "GET /openapi.json lists every path")
}

pub(crate) async fn no_such_method(method: Method, uri: Uri) -> Failure {
    let detail = format!("{} does not take {method}; the Allow header lists what it takes", uri.path());
    Failure::new(ProblemType::MethodNotAllowed, detail)
}
