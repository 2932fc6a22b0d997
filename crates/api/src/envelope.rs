//! The envelope around every answer.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::environment::FieldError;
use domain::finding::Finding;
use domain::ids::JobId;
use domain::problem::ProblemType;
use sentence::sentence;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::error::Failure;

/// What a request is answered with when it succeeded.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names are the interface's")]
pub(crate) struct Success<T> {
    /// Always true.
    #[schema(example = true)]
    pub(crate) success: bool,
    /// The HTTP status.
    pub(crate) code: u16,
    /// What was asked for.
    pub(crate) data: T,
    /// `Success`.
    #[schema(example = "Success")]
    pub(crate) message: &'static str,
}

/// What a request is answered with when it failed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Failure)]
pub(crate) struct FailureBody {
    /// Always false.
    #[schema(example = false)]
    pub(crate) success: bool,
    /// The HTTP status.
    pub(crate) code: u16,
    /// A sentence for a person, in the language of `Accept-Language`.
    pub(crate) message: String,
    /// The problem, for programs.
    pub(crate) error: Problem,
    /// What is known in spite of the failure; only `/health` and `/health/ready` have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(crate) data: Option<Value>,
}

/// The problem (RFC 9457) with what helps to mend it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Stable slug, see `docs/errors.md`.
    #[schema(example = "environment-locked")]
    pub(crate) r#type: &'static str,
    /// What the type is called, in the language of `Accept-Language`.
    pub(crate) title: String,
    /// What happened, to what, and why.
    pub(crate) detail: String,
    /// The request, as `urn:request:` with its `X-Request-Id`.
    #[schema(example = "urn:request:0190c9a4-3f0e-7cc0-8a53-0d5f0a6f2f6b")]
    pub(crate) instance: String,
    /// The command or call that mends it, or that is next.
    pub(crate) hint: String,
    /// What forbids the plan.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) findings: Vec<Finding>,
    /// Fields with values that cannot be accepted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) fields: Vec<FieldError>,
    /// The job that holds the environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lock_holder: Option<JobId>,
    /// When to try again, seconds; the same as the `Retry-After` header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after: Option<u32>,
}

/// The data of an answer that has none: `null`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Nothing;

/// What a handler answers. It becomes an envelope only where the request's language and id are known, in `render`.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    headers: Vec<(HeaderName, String)>,
    data: serde_json::Result<Value>,
    carries_secret: bool,
}

/// The result of a handler.
pub(crate) type Answered = Result<Answer, Failure>;

/// An answer or failure on its way to `render`.
#[derive(Debug, Clone)]
pub(crate) enum Unrendered {
    Success(Value),
    Failure(Failure),
}

/// Marks an answer that may not be kept for a second request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CarriesSecret;

impl Answer {
    fn new(status: StatusCode, data: impl Serialize) -> Self {
        Self { status, headers: Vec::new(), data: serde_json::to_value(data), carries_secret: false }
    }

    /// 200.
    pub(crate) fn ok(data: impl Serialize) -> Self {
        Self::new(StatusCode::OK, data)
    }

    /// 201, with where the new thing is.
    pub(crate) fn created(location: String, data: impl Serialize) -> Self {
        Self::new(StatusCode::CREATED, data).with(header::LOCATION, location)
    }

    /// 202, with where to look how it goes.
    pub(crate) fn accepted(location: String, data: impl Serialize) -> Self {
        Self::new(StatusCode::ACCEPTED, data).with(header::LOCATION, location)
    }

    /// The same answer with a header.
    pub(crate) fn with(mut self, name: HeaderName, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same answer, never kept for a second request.
    pub(crate) fn carrying_a_secret(mut self) -> Self {
        self.carries_secret = true;
        self
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let data = match self.data {
            Ok(data) => data,
            Err(error) => {
                let failure = control::Error {
                    cause: Some(Box::new(error)),
                    ..control::Error::new(ProblemType::Internal, sentence!("the answer could not be written as JSON"))
                };
                return Failure::from(failure).into_response();
            }
        };
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        for (name, value) in self.headers {
            match HeaderValue::from_str(&value) {
                Ok(value) => {
                    response.headers_mut().insert(name, value);
                }
                Err(error) => tracing::error!(%name, value, %error, "an answer lacks a header that has no valid value"),
            }
        }
        if self.carries_secret {
            response.extensions_mut().insert(CarriesSecret);
        }
        response.extensions_mut().insert(Unrendered::Success(data));
        response
    }
}
