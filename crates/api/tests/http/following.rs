//! Jobs as they happen: event streams and long polls.

use std::time::{Duration, Instant};

use domain::ids::JobId;
use domain::step::StepEvent;
use reqwest::{Method, Response};
use serde_json::json;

use crate::service::{Service, answer};

const SOON: Duration = Duration::from_secs(20);

/// An event stream, read field by field.
struct Stream {
    response: Response,
    text: String,
}

impl Stream {
    async fn open(service: &Service, job: JobId, last: Option<u64>) -> Self {
        let mut request = service.request(Method::GET, &format!("/api/v1/jobs/{job}/events"));
        if let Some(last) = last {
            request = request.header("last-event-id", last.to_string());
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, text: String::new() }
    }

    /// Reads until that text has come.
    async fn until(&mut self, wanted: &str) {
        let reading = async {
            while !self.text.contains(wanted) {
                let chunk = self.response.chunk().await.unwrap().unwrap();
                self.text.push_str(std::str::from_utf8(&chunk).unwrap());
            }
        };
        let found = tokio::time::timeout(SOON, reading).await;
        assert!(found.is_ok(), "{wanted} is not in\n{}", self.text);
    }

    /// Everything until the service ends the stream.
    async fn rest(mut self) -> String {
        let reading = async {
            while let Some(chunk) = self.response.chunk().await.unwrap() {
                self.text.push_str(std::str::from_utf8(&chunk).unwrap());
            }
        };
        tokio::time::timeout(SOON, reading).await.unwrap();
        self.text
    }
}

fn ids(text: &str) -> Vec<u64> {
    text.lines().filter_map(|line| line.strip_prefix("id: ")).map(|id| id.parse().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_shows_that_it_lives_is_resumed_without_a_gap_and_ends_with_the_job() {
    let service = Service::start().await;
    service.furnish().await;
    let job = service.queue().await;
    let mut first = Stream::open(&service, job, None).await;
    first.until("id: 1\n").await;
    first.until("retry: 2000\n").await;
    first.until(": keep-alive\n").await;
    let held = service.claim().await;
    service.step(&held, StepEvent::Start).await;
    first.until("event: step\n").await;
    let seen = *ids(&first.text).last().unwrap();
    // The connection is lost, and meanwhile the job goes on.
    drop(first);
    service.step(&held, StepEvent::Finish).await;
    let second = Stream::open(&service, job, Some(seen)).await;
    service.succeed(&held).await;
    let rest = ids(&second.rest().await);
    let last = service.database.job_view(job).await.unwrap().last_event;
    assert_eq!(rest, (seen + 1..=last).collect::<Vec<_>>());
    // Whoever has seen everything is told not to come back.
    let path = format!("/api/v1/jobs/{job}/events");
    let done = service.request(Method::GET, &path).header("last-event-id", last.to_string()).send().await.unwrap();
    assert_eq!(done.status(), 204);
    let all = Stream::open(&service, job, None).await.rest().await;
    assert_eq!(ids(&all), (1..=last).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_no_job_and_a_wrong_event_id_are_refused() {
    let service = Service::start().await;
    let none = service.get(&format!("/api/v1/jobs/{}/events", JobId::generate())).await;
    assert_eq!(none.problem(), (404, "not-found"));
    let path = format!("/api/v1/jobs/{}/events", JobId::generate());
    let wrong = answer(service.request(Method::GET, &path).header("last-event-id", "last")).await;
    assert_eq!(wrong.problem(), (400, "invalid-header"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_poll_is_answered_when_the_job_rests_or_the_time_is_over_and_is_bounded() {
    let service = Service::start().await;
    service.furnish().await;
    let job = service.queue().await;
    let path = format!("/api/v1/jobs/{job}");
    let begun = Instant::now();
    let waited = service.get(&format!("{path}?wait=300ms")).await;
    assert_eq!(waited.body["data"]["state"], "queued");
    assert!((Duration::from_millis(300)..SOON).contains(&begun.elapsed()));
    let held = service.claim().await;
    let asking = tokio::spawn(crate::service::answer(service.request(Method::GET, &format!("{path}?wait=30s"))));
    service.step(&held, StepEvent::Start).await;
    service.step(&held, StepEvent::Finish).await;
    service.succeed(&held).await;
    let rested = tokio::time::timeout(SOON, asking).await.expect("the job rests").unwrap();
    assert_eq!(rested.body["data"]["state"], "succeeded");
    for wait in ["61s", "1h", "30", "-1s"] {
        let refused = service.get(&format!("{path}?wait={wait}")).await;
        assert_eq!(refused.problem(), (400, "invalid-query"), "{wait}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_over_cannot_be_called_off() {
    let service = Service::start().await;
    service.furnish().await;
    let job = service.queue().await;
    let cancelled = service.post(&format!("/api/v1/jobs/{job}/cancel"), &json!({})).await;
    assert_eq!(cancelled.body["data"]["state"], "cancelled", "{cancelled:?}");
    let refused = service.post(&format!("/api/v1/jobs/{job}/cancel"), &json!({})).await;
    assert_eq!(refused.problem(), (409, "job-state"));
    assert!(!refused.body["error"]["hint"].as_str().unwrap().is_empty());
}
