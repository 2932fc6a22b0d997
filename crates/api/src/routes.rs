//! Every route once: the router and the OpenAPI document are made of the same list.

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::middleware::{from_fn, from_fn_with_state};
use control::Control;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;

use crate::middleware::{self, BodyRules, Gate, KnownParameters};
use crate::{
    Options, applications, backups, data_stores, deployments, docs, environments, events, health, jobs, maintenance,
    metrics, migrations, preserved, rehearsals, releases, reports, rollbacks, series, tokens,
};

/// Where the versioned routes are.
pub(crate) const V1: &str = "/api/v1";

const BODY_LIMIT: usize = 256 * 1024;
/// A release carries its migration scripts.
const RELEASE_BODY_LIMIT: usize = 2 * 1024 * 1024;
const BODY_WITHIN: Duration = Duration::from_secs(15);

/// What handlers can take as state.
#[derive(Clone, FromRef)]
pub(crate) struct App {
    control: Control,
    metrics: PrometheusHandle,
    stopping: CancellationToken,
    heartbeat: Heartbeat,
}

/// How often an event stream with no news shows that it lives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heartbeat(pub(crate) Duration);

/// Routes that share their limits.
pub(crate) struct Group {
    pub(crate) routes: OpenApiRouter<App>,
    body_limit: usize,
    /// How long a caller may ask to wait, besides the time for the answer.
    may_wait: Duration,
}

/// The routes under [`V1`].
pub(crate) fn versioned() -> [Group; 3] {
    let ordinary = OpenApiRouter::new()
        .merge(applications::routes())
        .merge(environments::routes())
        .merge(deployments::routes())
        .merge(rollbacks::routes())
        .merge(maintenance::routes())
        .merge(data_stores::routes())
        .merge(backups::routes())
        .merge(preserved::routes())
        .merge(rehearsals::routes())
        .merge(series::routes())
        .merge(migrations::routes())
        .merge(jobs::routes())
        .merge(reports::routes())
        .merge(events::routes())
        .merge(tokens::routes());
    [
        Group { routes: ordinary, body_limit: BODY_LIMIT, may_wait: Duration::ZERO },
        Group { routes: releases::routes(), body_limit: RELEASE_BODY_LIMIT, may_wait: Duration::ZERO },
        Group { routes: jobs::waiting_routes(), body_limit: BODY_LIMIT, may_wait: jobs::LONGEST_WAIT },
    ]
}

/// The routes that need no token.
pub(crate) fn open() -> OpenApiRouter<App> {
    OpenApiRouter::new().merge(health::routes()).merge(metrics::routes()).merge(docs::routes())
}

pub(crate) fn assemble(control: Control, options: Options) -> Router {
    let known = KnownParameters::of(&docs::openapi());
    let answer_within = options.answer_within;
    let gate = Gate::new(control.clone(), options.rates);
    let app =
        App { control, metrics: options.metrics, stopping: options.stopping, heartbeat: Heartbeat(options.heartbeat) };
    let versioned = versioned().into_iter().fold(Router::new(), |router, group| {
        let body = BodyRules { limit: group.body_limit, within: BODY_WITHIN };
        // The last layer is the first to see a request.
        let routes = Router::from(group.routes)
            .layer(from_fn_with_state(app.control.clone(), middleware::answer_once))
            .layer(from_fn(middleware::run_to_the_end))
            // `BodyRules` is the limit; the framework's own would cut a release short.
            .layer(DefaultBodyLimit::disable())
            .layer(from_fn_with_state(body, middleware::take_body))
            .layer(from_fn_with_state(known.clone(), middleware::refuse_unknown_parameters))
            .layer(from_fn_with_state(gate.clone(), middleware::authenticate))
            .layer(from_fn_with_state(answer_within + group.may_wait, middleware::answer_in_time));
        router.merge(routes)
    });
    let open =
        Router::from(open()).layer(from_fn_with_state(answer_within, middleware::answer_in_time)).merge(docs::pages());
    finish(open.nest(V1, versioned)).with_state(app)
}

/// What surrounds every route, and those that there are not.
pub(crate) fn finish<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router
        .fallback(middleware::no_such_path)
        .method_not_allowed_fallback(middleware::no_such_method)
        .layer(CatchPanicLayer::custom(middleware::answer_panic))
        .layer(from_fn(metrics::count))
        .layer(from_fn(middleware::in_context))
}
