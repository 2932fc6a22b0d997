//! The HTTP interface: what dashboards, bots, pipelines and the command line talk to.
//!
//! A handler reads the request, calls one use case of [`control::Control`] and hands its result to
//! `envelope::Answer` or `error::Failure`; nothing is decided here.

mod applications;
mod backups;
mod data_stores;
mod deployments;
mod docs;
mod envelope;
mod environments;
mod error;
mod events;
mod extract;
mod health;
mod jobs;
mod listener;
mod maintenance;
mod metrics;
mod middleware;
mod migrations;
mod preserved;
mod rehearsals;
mod releases;
mod reports;
mod rollbacks;
mod routes;
mod series;
mod tokens;
mod told;

use std::time::Duration;

use control::Control;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;

pub use docs::openapi;
pub use listener::{ConnectionLimits, serve};
pub use metrics::recorder;

/// What the process gives the interface besides the use cases.
#[derive(Clone)]
pub struct Options {
    /// Renders what the process counted; see [`recorder`].
    pub metrics: PrometheusHandle,
    /// Cancelled when the process stops: event streams end and waiting requests are answered, so that connections drain.
    pub stopping: CancellationToken,
    /// How long an answer may take, besides the time that a caller asks to wait; then 503.
    pub answer_within: Duration,
    /// How often an event stream with no news shows that it lives.
    pub heartbeat: Duration,
    /// How often callers may ask.
    pub rates: RateLimits,
}

/// How often callers may ask, each a minute; 0 means as often as they like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimits {
    /// Requests of one token.
    pub requests: u32,
    /// Authentications from one address with tokens that were not accepted before.
    pub authentications: u32,
}

impl Options {
    /// The usual times.
    pub fn new(metrics: PrometheusHandle, stopping: CancellationToken, rates: RateLimits) -> Self {
        Self { metrics, stopping, answer_within: Duration::from_secs(30), heartbeat: Duration::from_secs(15), rates }
    }
}

/// Every route, ready to be served.
pub fn router(control: Control, options: Options) -> axum::Router {
    routes::assemble(control, options)
}
