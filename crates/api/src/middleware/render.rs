//! Writes the envelope, in the caller's language.

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use i18n::Language;
use serde::Serialize;

use super::RequestContext;
use crate::envelope::{FailureBody, Problem, Success, Unrendered};
use crate::error::Failure;
use crate::told::tell;

/// Puts the envelope around an answer that has none yet.
pub(crate) fn render(mut response: Response, context: &RequestContext) -> Response {
    let body = match response.extensions_mut().remove::<Unrendered>() {
        None => return response,
        Some(Unrendered::Success(data)) => {
            let code = response.status().as_u16();
            written(&Success { success: true, code, data, message: "Success" }, context.language)
        }
        Some(Unrendered::Failure(failure)) => {
            log(&failure);
            written(&failure_body(&failure, context), context.language)
        }
    };
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(context.language.tag()));
    headers.insert(header::VARY, HeaderValue::from_static("accept-language"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    *response.body_mut() = Body::from(body);
    response
}

fn failure_body(failure: &Failure, context: &RequestContext) -> FailureBody {
    let error = failure.error();
    let title = i18n::problem_title(context.language, error.problem);
    let colon = if context.language == Language::ZhCn { "：" } else { ": " };
    let detail = i18n::sentence(context.language, &error.detail);
    FailureBody {
        success: false,
        code: failure.status().as_u16(),
        message: format!("{title}{colon}{detail}"),
        error: Problem {
            r#type: error.problem.slug(),
            title,
            detail,
            instance: context.instance(),
            hint: match &error.hint {
                Some(hint) => i18n::sentence(context.language, hint),
                None => i18n::problem_next(context.language, error.problem),
            },
            findings: error.findings.to_vec(),
            fields: error.fields.to_vec(),
            lock_holder: error.lock_holder,
            retry_after: failure.retry_after(),
        },
        data: failure.data().cloned(),
    }
}

fn log(failure: &Failure) {
    let error = failure.error();
    if failure.status().is_server_error() {
        let cause = error.cause.as_deref().map(chain).unwrap_or_default();
        tracing::error!(problem = error.problem.slug(), detail = %error.detail, cause, "request failed");
    } else {
        tracing::debug!(problem = error.problem.slug(), detail = %error.detail, "request refused");
    }
}

fn chain(error: &(dyn std::error::Error + Send + Sync)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// The JSON of an envelope. It was made of a value, or of texts and numbers: writing it does not fail.
fn written(envelope: &impl Serialize, language: Language) -> Vec<u8> {
    let mut value = serde_json::to_value(envelope).unwrap_or_default();
    tell(&mut value, language);
    serde_json::to_vec(&value).unwrap_or_default()
}
