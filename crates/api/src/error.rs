//! From what a use case says to what HTTP says: the one place.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::problem::ProblemType;
use sentence::Sentence;
use serde_json::Value;

use crate::envelope::Unrendered;

/// When to try again where nobody said, seconds.
const RETRY_AFTER: u32 = 5;

/// A request that did not succeed. Shared, since a response may be cloned on its way out.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    error: Arc<control::Error>,
    data: Option<Value>,
}

impl Failure {
    pub(crate) fn new(problem: ProblemType, detail: Sentence) -> Self {
        control::Error::new(problem, detail).into()
    }

    pub(crate) fn hinted(problem: ProblemType, detail: Sentence, hint: Sentence) -> Self {
        control::Error::new(problem, detail).with_hint(hint).into()
    }

    /// The same failure with what is known in spite of it.
    pub(crate) fn with_data(mut self, data: Value) -> Self {
        self.data = Some(data);
        self
    }

    pub(crate) fn error(&self) -> &control::Error {
        &self.error
    }

    pub(crate) fn data(&self) -> Option<&Value> {
        self.data.as_ref()
    }

    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.error.problem.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Seconds; every 503 says when to come back.
    pub(crate) fn retry_after(&self) -> Option<u32> {
        self.error.retry_after.or((self.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(RETRY_AFTER))
    }

    fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let challenge = (self.status() == StatusCode::UNAUTHORIZED)
            .then(|| (header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"backout\"")));
        let retry_after = self.retry_after().map(|seconds| (header::RETRY_AFTER, HeaderValue::from(seconds)));
        challenge.into_iter().chain(retry_after)
    }
}

impl From<control::Error> for Failure {
    fn from(error: control::Error) -> Self {
        Self { error: Arc::new(error), data: None }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status();
        response.headers_mut().extend(self.headers());
        response.extensions_mut().insert(Unrendered::Failure(self));
        response
    }
}
