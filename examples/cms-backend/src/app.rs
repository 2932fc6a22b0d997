//! What requests share, and the router.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{DefaultBodyLimit, MatchedPath, Request, State},
    http::{HeaderValue, StatusCode},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::{
    articles, auth,
    cache::Cache,
    databases::Databases,
    envelope::{Answer, ApiError},
    faults::{self, Fault, FaultSwitch, SLOWNESS},
    health,
    log::Log,
    metrics::{self, Metrics},
    two_factor, users,
    version::Release,
};

const BODY_BYTES: usize = 64 * 1024;
const REQUEST_TIME: Duration = Duration::from_secs(10);

pub(crate) struct App {
    pub release: Release,
    pub two_factor: bool,
    pub databases: Databases,
    pub cache: Option<Cache>,
    pub cache_ttl_seconds: Option<u64>,
    pub faults: FaultSwitch,
    pub metrics: Metrics,
    pub log: Log,
}

pub(crate) fn router(app: Arc<App>) -> Router {
    let mut router = Router::new()
        .route("/health", get(health::show))
        .route("/metrics", get(metrics::show))
        .route("/_fault", post(faults::switch))
        .route("/api/v1/users", get(users::list).post(users::create))
        .route("/api/v1/articles", get(articles::list).post(articles::create))
        .route("/api/v1/auth/login", post(auth::login));
    if app.two_factor {
        router = router.route("/api/v1/users/{id}/2fa", get(two_factor::show).post(two_factor::enable));
    }
    router
        .fallback(async || ApiError::NotFound)
        .method_not_allowed_fallback(async || {
            Answer::failed(StatusCode::METHOD_NOT_ALLOWED, Value::Null, "Method not allowed")
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), observe))
        .with_state(app)
}

/// Every answer carries the version and is counted, the ones made by faults and time limits too.
async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    // Paths that no route knows share one name, so that strangers cannot grow the metrics.
    let endpoint = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    let mut response = match timeout(REQUEST_TIME, answer(&app, request, next)).await {
        Ok(response) => response,
        Err(_) => Answer::failed(StatusCode::SERVICE_UNAVAILABLE, Value::Null, "Took too long").into_response(),
    };
    response.headers_mut().insert("x-version", HeaderValue::from_static(app.release.name()));
    let (status, took) = (response.status(), started.elapsed());
    app.metrics.record(&endpoint, status, took);
    app.log.debug(format_args!("{method} {endpoint} {} in {} ms", status.as_u16(), took.as_millis()));
    response
}

async fn answer(app: &App, request: Request, next: Next) -> Response {
    if request.uri().path().starts_with("/api/") {
        if app.faults.is(Fault::Errors) {
            return Answer::failed(StatusCode::INTERNAL_SERVER_ERROR, Value::Null, "Error on purpose").into_response();
        }
        if app.faults.is(Fault::Slow) {
            sleep(SLOWNESS).await;
        }
    }
    next.run(request).await
}
