//! `Idempotency-Key`: the same request again gets the first answer again.

use std::panic::{AssertUnwindSafe, resume_unwind};

use axum::Extension;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{OriginalUri, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use control::{Caller, Control, IdempotencyKey, Recorded, Reservation};
use domain::problem::ProblemType;
use futures::FutureExt;
use sentence::{Sentence, sentence};
use sha2::{Digest, Sha256};

use super::RequestContext;
use super::render::render;
use crate::envelope::CarriesSecret;
use crate::error::Failure;
use crate::extract::idempotency_key;
use crate::jobs;

/// Longer than any route with names of 63 characters; keys are kept under no longer one.
const MAX_ROUTE: usize = 255;

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Answers a POST that carries a key at most once; it has to run to the end, see `run_to_the_end`.
pub(crate) async fn answer_once(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Extension(context): Extension<RequestContext>,
    OriginalUri(uri): OriginalUri,
    request: Request,
    next: Next,
) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let key = match idempotency_key(request.headers()) {
        Ok(Some(key)) => key,
        Ok(None) => return next.run(request).await,
        Err(failure) => return failure.into_response(),
    };
    let route = format!("{} {}", request.method(), uri.path());
    if route.len() > MAX_ROUTE {
        let detail = sentence!("the path is longer than any that names something");
        return Failure::new(ProblemType::NotFound, detail).into_response();
    }
    let (mut parts, body) = request.into_parts();
    let body = match to_bytes(body, usize::MAX).await {
        Ok(body) => body,
        Err(error) => {
            return Failure::new(ProblemType::MalformedBody, Sentence::verbatim(error.to_string())).into_response();
        }
    };
    let key = IdempotencyKey { key, route, body_sha256: Sha256::digest(&body).into() };
    match control.reserve_key(&caller, &key).await {
        Err(error) => Failure::from(error).into_response(),
        Ok(Reservation::Replay(recorded)) => replay(recorded),
        Ok(Reservation::Accepted(job)) => jobs::accepted(&job).with(REPLAYED, "true".to_owned()).into_response(),
        Ok(Reservation::Fresh) => {
            parts.extensions.insert(Caller { key: Some(key.clone()), ..caller.clone() });
            let request = Request::from_parts(parts, Body::from(body));
            match AssertUnwindSafe(next.run(request)).catch_unwind().await {
                Ok(response) => keep(&control, &caller, &key, &context, response).await,
                Err(panic) => {
                    give_back(&control, &caller, &key).await;
                    resume_unwind(panic)
                }
            }
        }
    }
}

/// Keeps an answer that is worth it, and gives the key back otherwise.
async fn keep(
    control: &Control,
    caller: &Caller,
    key: &IdempotencyKey,
    context: &RequestContext,
    response: Response,
) -> Response {
    if !response.status().is_success() {
        give_back(control, caller, key).await;
        return response;
    }
    let carries_secret = response.extensions().get::<CarriesSecret>().is_some();
    let (parts, body) = render(response, context).into_parts();
    let bytes = match to_bytes(body, usize::MAX).await {
        Ok(bytes) => bytes,
        Err(error) => {
            return Failure::new(ProblemType::Internal, Sentence::verbatim(error.to_string())).into_response();
        }
    };
    let answer = if carries_secret {
        secret_was_shown(context).await
    } else {
        let location = parts.headers.get(header::LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Recorded { status: parts.status.as_u16(), location, body: bytes.to_vec() }
    };
    if let Err(error) = control.record_answer(caller, key, answer).await {
        // The change is done: saying so counts for more than being able to say it twice.
        tracing::error!(%error, route = key.route, "an answer could not be kept for its Idempotency-Key");
    }
    Response::from_parts(parts, Body::from(bytes))
}

/// What a second request gets where the first answer showed a secret.
async fn secret_was_shown(context: &RequestContext) -> Recorded {
    let failure = Failure::hinted(
        ProblemType::AlreadyExists,
        sentence!(
            "an earlier request with this Idempotency-Key made it; its secret was in that answer and is shown only once"
        ),
        sentence!("revoke it and make another one with a new Idempotency-Key"),
    );
    let status = failure.status().as_u16();
    let body = to_bytes(render(failure.into_response(), context).into_body(), usize::MAX).await.unwrap_or_default();
    Recorded { status, location: None, body: body.to_vec() }
}

async fn give_back(control: &Control, caller: &Caller, key: &IdempotencyKey) {
    if let Err(error) = control.release_key(caller, key).await {
        tracing::warn!(%error, route = key.route, "an Idempotency-Key could not be given back");
    }
}

fn replay(recorded: Recorded) -> Response {
    let mut response = Response::new(Body::from(Bytes::from(recorded.body)));
    *response.status_mut() = StatusCode::from_u16(recorded.status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    if let Some(location) = recorded.location.and_then(|location| HeaderValue::from_str(&location).ok()) {
        headers.insert(header::LOCATION, location);
    }
    response
}
