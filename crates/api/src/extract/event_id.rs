//! `Last-Event-ID`: where an event stream goes on.

use axum::extract::FromRequestParts;
use axum::http::HeaderName;
use axum::http::request::Parts;
use domain::problem::ProblemType;
use sentence::sentence;

use crate::error::Failure;

const NAME: HeaderName = HeaderName::from_static("last-event-id");

/// Number of the last event that the caller saw, if it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LastEventId(pub(crate) Option<u64>);

impl<S: Send + Sync> FromRequestParts<S> for LastEventId {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        let Some(value) = parts.headers.get(NAME).filter(|value| !value.is_empty()) else { return Ok(Self(None)) };
        let seq = value.to_str().ok().and_then(|text| text.trim().parse().ok());
        let refused =
            || Failure::new(ProblemType::InvalidHeader, sentence!("Last-Event-ID is not the number of an event"));
        seq.map(|seq| Self(Some(seq))).ok_or_else(refused)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    #[tokio::test]
    async fn it_is_a_number_or_nothing() {
        for (value, expected) in [("12", Ok(Some(12))), ("", Ok(None)), ("x", Err(ProblemType::InvalidHeader))] {
            let (mut parts, ()) = Request::get("/").header(NAME, value).body(()).unwrap().into_parts();
            let id = LastEventId::from_request_parts(&mut parts, &()).await;
            assert_eq!(id.map(|id| id.0).map_err(|failure| failure.error().problem), expected, "{value}");
        }
    }
}
