//! JSON bodies.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use domain::Version;
use domain::problem::ProblemType;
use sentence::{Sentence, sentence};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::reason;
use crate::error::Failure;

/// A JSON body of exactly the expected shape.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

/// Why a body could not be read.
#[derive(Debug)]
pub(crate) struct UnreadableBody {
    failure: Failure,
    /// Where the value stands that does not fit, e.g. `schema.main.migrations[0]`.
    place: Option<String>,
    /// The text there, where the place is a member of the body itself.
    text: Option<Box<str>>,
}

impl UnreadableBody {
    /// The failure, of a type of its own if the member of that name should be a version and is none.
    pub(crate) fn or_no_version(self, member: &str) -> Failure {
        if self.place.as_deref() != Some(member) {
            return self.failure;
        }
        // The reader of JSON knows only the English of it.
        let detail = match self.text.as_deref().map(str::parse::<Version>) {
            Some(Err(error)) => sentence!("{place}: {reason}", place = member, reason = error.sentence()),
            _ => *self.failure.error().detail.clone(),
        };
        Failure::new(ProblemType::InvalidVersion, detail)
    }
}

impl From<Failure> for UnreadableBody {
    fn from(failure: Failure) -> Self {
        Self { failure, place: None, text: None }
    }
}

impl From<UnreadableBody> for Failure {
    fn from(body: UnreadableBody) -> Self {
        body.failure
    }
}

impl IntoResponse for UnreadableBody {
    fn into_response(self) -> Response {
        self.failure.into_response()
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = UnreadableBody;

    async fn from_request(request: Request, state: &S) -> Result<Self, UnreadableBody> {
        check_media_type(request.headers())?;
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| Failure::new(ProblemType::MalformedBody, Sentence::verbatim(reason(&rejection))))?;
        parse(&bytes).map(Self)
    }
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Failure> {
    let value = headers.get(header::CONTENT_TYPE).map_or(b"".as_slice(), |value| value.as_bytes());
    let essence = value.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
    if essence.eq_ignore_ascii_case(b"application/json") {
        return Ok(());
    }
    let detail = if essence.is_empty() {
        sentence!("the body has no media type")
    } else {
        sentence!("the body's media type is {sent}", sent = String::from_utf8_lossy(essence))
    };
    Err(Failure::hinted(
        ProblemType::UnsupportedMediaType,
        detail,
        Sentence::verbatim("Content-Type: application/json"),
    ))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, UnreadableBody> {
    let malformed = |detail: Sentence| Failure::new(ProblemType::MalformedBody, detail);
    if bytes.trim_ascii().is_empty() {
        return Err(malformed(sentence!("the body is empty; a JSON object is expected")).into());
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let place = error.path().to_string();
        let detail = error.inner().to_string();
        if error.inner().is_data() && error.path().iter().next().is_some() {
            let body: Option<Value> = serde_json::from_slice(bytes).ok();
            UnreadableBody {
                failure: malformed(sentence!("{place}: {reason}", place, reason = detail)),
                text: body.and_then(|body| Some(body.get(&place)?.as_str()?.into())),
                place: Some(place),
            }
        } else {
            malformed(Sentence::verbatim(detail)).into()
        }
    })?;
    json.end().map_err(|error| malformed(Sentence::verbatim(error.to_string())))?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use domain::release::ReleaseSpec;
    use domain::view::RollbackRequest;

    use super::*;

    fn refused<T: DeserializeOwned>(body: &str) -> String {
        let Err(refusal) = parse::<T>(body.as_bytes()) else { panic!("{body} was accepted") };
        assert_eq!(refusal.failure.error().problem, ProblemType::MalformedBody);
        refusal.failure.error().detail.to_string()
    }

    #[test]
    fn an_unknown_field_is_named_with_its_place() {
        let detail = refused::<RollbackRequest>("{\n  \"dryrun\": true }");
        assert!(detail.contains("`dryrun`") && detail.contains("line 2"), "{detail}");
        let body =
            r#"{"version":"v1.0.0","images":{},"schema":{"main":{"engine":"mariadb","migrations":[{"vers":1}]}}}"#;
        let detail = refused::<ReleaseSpec>(body);
        assert!(detail.starts_with("schema.main.migrations[0]") && detail.contains("`vers`"), "{detail}");
    }

    #[test]
    fn broken_json_and_what_follows_it_are_refused() {
        for body in ["", "  ", "{", "{} {}", "[", "nul", "{\"reason\": 5}"] {
            refused::<RollbackRequest>(body);
        }
    }

    #[test]
    fn a_version_that_is_none_has_a_type_of_its_own() {
        let type_of = |body: &str| {
            let refusal = parse::<ReleaseSpec>(body.as_bytes()).unwrap_err();
            refusal.or_no_version("version").error().problem
        };
        assert_eq!(type_of(r#"{"version":"1.2","images":{}}"#), ProblemType::InvalidVersion);
        assert_eq!(type_of(r#"{"version":"1.2.3"}"#), ProblemType::MalformedBody);
        assert_eq!(type_of(r#"{"version":"1.2.3","images":[]}"#), ProblemType::MalformedBody);
    }

    #[test]
    fn only_json_is_taken() {
        let check = |value: &'static str| {
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, axum::http::HeaderValue::from_static(value))]);
            check_media_type(&headers).map_err(|failure| failure.error().problem)
        };
        assert_eq!(check("Application/JSON; charset=utf-8"), Ok(()));
        for other in ["text/plain", "application/jsonp", "application/x-www-form-urlencoded", ""] {
            assert_eq!(check(other), Err(ProblemType::UnsupportedMediaType), "{other}");
        }
    }
}
