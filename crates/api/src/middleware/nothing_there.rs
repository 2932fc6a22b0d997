//! Paths and methods that there are not.

use axum::http::{Method, Uri};
use domain::problem::ProblemType;
use sentence::sentence;

use crate::error::Failure;

pub(crate) async fn no_such_path(uri: Uri) -> Failure {
    let detail = sentence!("there is nothing at {path}", path = uri.path());
    Failure::hinted(ProblemType::NotFound, detail, sentence!("GET /openapi.json lists every path"))
}

pub(crate) async fn no_such_method(method: Method, uri: Uri) -> Failure {
    let detail = sentence!(
        "{path} does not take {method}; the Allow header lists what it takes",
        path = uri.path(),
        method = method.as_str()
    );
    Failure::new(ProblemType::MethodNotAllowed, detail)
}
