//! Counters and latencies by version, in Prometheus' text format.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};

use crate::app::App;

/// Upper bounds in seconds, chosen around the usual alarm at a P95 of 1 s.
const BUCKETS: [f64; 8] = [0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

#[derive(Default)]
pub(crate) struct Metrics(Mutex<Series>);

/// Endpoints are route patterns, so the number of series is bounded.
#[derive(Default)]
struct Series {
    requests: BTreeMap<(String, u16), u64>,
    latencies: BTreeMap<String, Latency>,
}

#[derive(Default)]
struct Latency {
    buckets: [u64; BUCKETS.len()],
    seconds: f64,
    count: u64,
}

impl Metrics {
    pub(crate) fn record(&self, endpoint: &str, status: StatusCode, took: Duration) {
        let mut series = self.lock();
        *series.requests.entry((endpoint.to_owned(), status.as_u16())).or_default() += 1;
        let latency = series.latencies.entry(endpoint.to_owned()).or_default();
        let seconds = took.as_secs_f64();
        latency.seconds += seconds;
        latency.count += 1;
        for (count, bound) in latency.buckets.iter_mut().zip(BUCKETS) {
            *count += u64::from(seconds <= bound);
        }
    }

    fn render(&self, version: &str) -> String {
        let series = self.lock();
        let mut text = String::from(
            "# HELP http_requests_by_version HTTP requests by version\n# TYPE http_requests_by_version counter\n",
        );
        for ((endpoint, status), count) in &series.requests {
            let _ = writeln!(
                text,
                r#"http_requests_by_version{{version="{version}",endpoint="{endpoint}",status="{status}"}} {count}"#
            );
        }
        text.push_str(
            "# HELP http_latency_by_version HTTP latency in seconds by version\n# TYPE http_latency_by_version histogram\n",
        );
        for (endpoint, latency) in &series.latencies {
            let labels = format!(r#"version="{version}",endpoint="{endpoint}""#);
            for (count, bound) in latency.buckets.iter().zip(BUCKETS) {
                let _ = writeln!(text, r#"http_latency_by_version_bucket{{{labels},le="{bound}"}} {count}"#);
            }
            let Latency { seconds, count, .. } = latency;
            let _ = writeln!(text, r#"http_latency_by_version_bucket{{{labels},le="+Inf"}} {count}"#);
            let _ = writeln!(text, "http_latency_by_version_sum{{{labels}}} {seconds}");
            let _ = writeln!(text, "http_latency_by_version_count{{{labels}}} {count}");
        }
        text
    }

    fn lock(&self) -> MutexGuard<'_, Series> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `GET /metrics`
pub(crate) async fn show(State(app): State<Arc<App>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], app.metrics.render(app.release.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_counted_under_version_endpoint_and_status() {
        let metrics = Metrics::default();
        metrics.record("/api/v1/users", StatusCode::OK, Duration::from_millis(300));
        let text = metrics.render("v0.8.2");
        let counted = r#"http_requests_by_version{version="v0.8.2",endpoint="/api/v1/users",status="200"} 1"#;
        assert!(text.contains(counted), "{text}");
        assert!(text.contains(r#"endpoint="/api/v1/users",le="0.25"} 0"#), "{text}");
        assert!(text.contains(r#"endpoint="/api/v1/users",le="0.5"} 1"#), "{text}");
    }
}
