//! The outermost layer: every request has an id and a language, every answer its envelope.

use std::fmt::Write as _;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use i18n::Language;
use tracing::Instrument;
use uuid::Uuid;

use super::render::render;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_REQUEST_ID: usize = 128;

/// What every layer and handler may know of the request.
#[derive(Debug, Clone)]
pub(crate) struct RequestContext {
    /// As the caller sent it, or ours. Visible ASCII.
    pub(crate) id: HeaderValue,
    /// The language that the caller reads.
    pub(crate) language: Language,
}

impl RequestContext {
    fn of(headers: &HeaderMap) -> Self {
        let id = headers.get(REQUEST_ID).filter(|id| is_request_id(id)).cloned().unwrap_or_else(made_id);
        let language = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        Self { id, language: language.map_or_else(Language::default, Language::from_accept_language) }
    }

    /// Of a connection that has not said what it wants.
    pub(crate) fn unasked() -> Self {
        Self { id: made_id(), language: Language::default() }
    }

    /// The request as the `instance` of a problem.
    pub(crate) fn instance(&self) -> String {
        let mut urn = "urn:request:".to_owned();
        for &byte in self.id.as_bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte) {
                urn.push(char::from(byte));
            } else {
                // Writing to a string does not fail.
                let _ = write!(urn, "%{byte:02X}");
            }
        }
        urn
    }
}

fn is_request_id(id: &HeaderValue) -> bool {
    (1..=MAX_REQUEST_ID).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
}

fn made_id() -> HeaderValue {
    HeaderValue::from_str(&Uuid::now_v7().to_string()).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}

/// Gives the request its context, and the answer its envelope, `X-Request-Id` and the usual headers.
pub(crate) async fn in_context(mut request: Request, next: Next) -> Response {
    let context = RequestContext::of(request.headers());
    let id = context.id.to_str().unwrap_or_default();
    let span = tracing::info_span!("request", id, method = %request.method(), path = request.uri().path());
    let asks_for_methods = request.method() == Method::OPTIONS;
    request.extensions_mut().insert(context.clone());
    let mut response = next.run(request).instrument(span.clone()).await;
    if asks_for_methods && response.status() == StatusCode::METHOD_NOT_ALLOWED {
        // The router adds `Allow`, which is all that was asked for.
        response = Response::default();
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    let mut response = span.in_scope(|| render(response, &context));
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, context.id);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(id: &str) -> RequestContext {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_str(id).unwrap());
        RequestContext::of(&headers)
    }

    #[test]
    fn an_id_of_visible_ascii_is_kept() {
        assert_eq!(context("ci-4711/a").id, "ci-4711/a");
        assert_eq!(context("ci-4711/a").instance(), "urn:request:ci-4711%2Fa");
    }

    #[test]
    fn an_id_with_blanks_or_of_great_length_is_replaced() {
        for id in ["", "two words", &"x".repeat(129)] {
            assert_eq!(context(id).id.len(), 36, "{id}");
        }
    }
}
