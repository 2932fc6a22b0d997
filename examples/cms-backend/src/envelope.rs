//! The one shape of all answers: `{success, code, data, message}`.

use axum::{
    Json,
    body::Bytes,
    extract::{FromRequest, Request},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// An answer in the envelope.
pub(crate) struct Answer {
    status: StatusCode,
    data: Value,
    message: String,
}

impl Answer {
    pub(crate) fn ok(data: Value) -> Self {
        Self { status: StatusCode::OK, data, message: "Success".into() }
    }

    pub(crate) fn created(data: Value) -> Self {
        Self { status: StatusCode::CREATED, data, message: "Created".into() }
    }

    pub(crate) fn failed(status: StatusCode, data: Value, message: impl Into<String>) -> Self {
        Self { status, data, message: message.into() }
    }

    /// A list of things as `data.items`.
    pub(crate) fn items(items: &[impl Serialize]) -> Self {
        Self::ok(json!({ "items": items }))
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let body = json!({
            "success": self.status.is_success(),
            "code": self.status.as_u16(),
            "data": self.data,
            "message": self.message,
        });
        (self.status, Json(body)).into_response()
    }
}

/// Why a request has no result. Causes inside are logged, not shown.
#[derive(Debug)]
pub(crate) enum ApiError {
    BadRequest(String),
    TooLarge,
    Unauthorized,
    NotFound,
    Conflict(String),
    MariaDb(sqlx::Error),
    MongoDb(mongodb::error::Error),
    Random(getrandom::Error),
}

impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        Self::MariaDb(error)
    }
}

impl From<mongodb::error::Error> for ApiError {
    fn from(error: mongodb::error::Error) -> Self {
        Self::MongoDb(error)
    }
}

impl From<getrandom::Error> for ApiError {
    fn from(error: getrandom::Error) -> Self {
        Self::Random(error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let internal = |cause: &dyn std::fmt::Display| {
            eprintln!("ERROR cms-backend: {cause}");
            (StatusCode::INTERNAL_SERVER_ERROR, "Internal error".to_owned())
        };
        let (status, message) = match self {
            Self::BadRequest(why) => (StatusCode::BAD_REQUEST, why),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "The body is too large".into()),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "Unknown user".into()),
            Self::NotFound => (StatusCode::NOT_FOUND, "Not found".into()),
            Self::Conflict(why) => (StatusCode::CONFLICT, why),
            Self::MariaDb(error) => internal(&format_args!("MariaDB: {error}")),
            Self::MongoDb(error) => internal(&format_args!("MongoDB: {error}")),
            Self::Random(error) => internal(&format_args!("random numbers: {error}")),
        };
        Answer::failed(status, Value::Null, message).into_response()
    }
}

/// The request body as JSON, whatever its content type says.
pub(crate) struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let body = Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLarge,
            _ => ApiError::BadRequest(rejection.body_text()),
        })?;
        if body.is_empty() {
            return Err(ApiError::BadRequest("The body is empty".into()));
        }
        serde_json::from_slice(&body).map(Self).map_err(|error| ApiError::BadRequest(error.to_string()))
    }
}

/// A text field without surrounding space; it must not be empty or longer than `limit` characters.
pub(crate) fn text(name: &str, value: &str, limit: usize) -> Result<String, ApiError> {
    let value = value.trim();
    if value.is_empty() || value.chars().count() > limit {
        return Err(ApiError::BadRequest(format!("{name} must have 1 to {limit} characters")));
    }
    Ok(value.to_owned())
}
