//! Writes the envelope, in the caller's language.

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use domain::finding::Finding;
use i18n::Language;
use serde::Serialize;
use serde_json::Value;

use super::RequestContext;
use crate::envelope::{FailureBody, Problem, Success, Unrendered};
use crate::error::Failure;

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
    FailureBody {
        success: false,
        code: failure.status().as_u16(),
        message: format!("{title}{colon}{}", error.detail),
        error: Problem {
            r#type: error.problem.slug(),
            title,
            detail: error.detail.clone(),
            instance: context.instance(),
            hint: error.hint.as_deref().unwrap_or_else(|| error.problem.next()).to_owned(),
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
        tracing::error!(problem = error.problem.slug(), detail = error.detail, cause, "request failed");
    } else {
        tracing::debug!(problem = error.problem.slug(), detail = error.detail, "request refused");
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
    tell_findings(&mut value, language);
    serde_json::to_vec(&value).unwrap_or_default()
}

/// Gives every finding its sentence (`message`) and, where there is one, the next command (`hint`).
fn tell_findings(value: &mut Value, language: Language) {
    match value {
        Value::Object(members) => {
            if let Some(Value::Array(findings)) = members.get_mut("findings") {
                for finding in findings {
                    tell(finding, language);
                }
            }
            members.values_mut().for_each(|member| tell_findings(member, language));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| tell_findings(item, language)),
        _ => {}
    }
}

fn tell(value: &mut Value, language: Language) {
    let Ok(finding) = serde_json::from_value::<Finding>(value.clone()) else { return };
    let Value::Object(members) = value else { return };
    members.insert("message".to_owned(), i18n::finding(language, &finding).into());
    if let Some(hint) = i18n::finding_hint(language, &finding) {
        members.insert("hint".to_owned(), hint.into());
    }
}

#[cfg(test)]
mod tests {
    use domain::finding::Code;
    use serde_json::json;

    use super::*;

    #[test]
    fn findings_at_any_depth_get_their_sentence() {
        let finding = Finding::new(Code::ImageMissing, [("image", "web:v1"), ("host", "local")]);
        let mut value = json!({ "data": { "plan": { "findings": [finding, "not a finding"] } } });
        tell_findings(&mut value, Language::En);
        let told = &value["data"]["plan"]["findings"][0];
        assert_eq!(told["message"], "Image web:v1 is not on host local.");
        assert!(told["hint"].as_str().unwrap().starts_with("docker pull"));
        assert_eq!(value["data"]["plan"]["findings"][1], "not a finding");
    }
}
