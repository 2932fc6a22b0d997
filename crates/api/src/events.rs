//! Events of a job, as they happen (server-sent events).

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use control::{Caller, Control};
use domain::ids::JobId;
use domain::job::JobState;
use domain::view::{JobEventView, JobView};
use futures::{Stream, stream};
use i18n::Language;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::envelope::FailureBody;
use crate::error::Failure;
use crate::extract::{LastEventId, Path, Query};
use crate::middleware::RequestContext;
use crate::routes::{App, Heartbeat};
use crate::told::tell;

/// How long one look for events may wait.
const AT_MOST: Duration = Duration::from_secs(20);
/// When a caller that lost the stream comes back.
const RETRY: Duration = Duration::from_secs(2);

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(follow_job))
}

/// Where to go on.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct AfterQuery {
    /// Number of the last event that was seen; `Last-Event-ID` counts for more.
    after: Option<u64>,
}

/// Follow a job. Each event has its number as `id`, its kind as `event`, and itself as `data`.
///
/// The stream ends when the job rests: it ended, or is stuck. Nothing is missed by those who come back with
/// `Last-Event-ID`.
#[utoipa::path(get, path = "/jobs/{job}/events", tag = "jobs",
    params(AfterQuery, ("Last-Event-ID" = Option<u64>, Header, description = "Number of the last event that was seen")),
    responses(
        (status = 200, description = "Events, oldest first", body = JobEventView, content_type = "text/event-stream"),
        (status = 204, description = "The job rests, and everything was seen"),
        (status = 404, description = "`not-found`", body = FailureBody),
    ))]
#[expect(clippy::too_many_arguments, reason = "each is an extractor")]
async fn follow_job(
    State(control): State<Control>,
    State(stopping): State<CancellationToken>,
    State(Heartbeat(heartbeat)): State<Heartbeat>,
    Extension(caller): Extension<Caller>,
    Extension(context): Extension<RequestContext>,
    Path(job): Path<JobId>,
    Query(query): Query<AfterQuery>,
    LastEventId(last): LastEventId,
) -> Result<Response, Failure> {
    let after = last.or(query.after).unwrap_or(0);
    let shown = control.get_job(&caller, job).await?;
    if all_seen(&shown, after) {
        // Browsers reconnect to a stream that ended, but not after this.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let language = context.language;
    let events = Follower { control, caller, job, after, unsent: VecDeque::new(), at_end: false };
    let events = stream::StreamExt::take_until(events.stream(language), stopping.cancelled_owned());
    let keep_alive = KeepAlive::new().interval(heartbeat).text("keep-alive");
    let unbuffered = [(HeaderName::from_static("x-accel-buffering"), "no")];
    Ok((unbuffered, Sse::new(events).keep_alive(keep_alive)).into_response())
}

fn all_seen(job: &JobView, after: u64) -> bool {
    (job.state.is_final() || job.state == JobState::Stuck) && after >= job.last_event
}

struct Follower {
    control: Control,
    caller: Caller,
    job: JobId,
    /// The last event that was read.
    after: u64,
    unsent: VecDeque<JobEventView>,
    at_end: bool,
}

impl Follower {
    fn stream(self, language: Language) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, move |mut follower| async move {
            let event = follower.next().await?;
            Some((Ok(written(&event, language)), follower))
        })
    }

    async fn next(&mut self) -> Option<JobEventView> {
        while self.unsent.is_empty() {
            if self.at_end {
                return None;
            }
            // The stream just ends; who comes back is answered why.
            self.read()
                .await
                .inspect_err(|error| tracing::warn!(%error, job = %self.job, "an event stream ended"))
                .ok()?;
        }
        self.unsent.pop_front()
    }

    async fn read(&mut self) -> control::Result<()> {
        let events = self.control.job_events(&self.caller, self.job, self.after, AT_MOST).await?;
        self.after = events.last().map_or(self.after, |event| event.seq);
        // Only an event of the job itself, or silence, can mean that it rests.
        if events.is_empty() || events.iter().any(|event| event.kind == "job") {
            self.at_end = all_seen(&self.control.get_job(&self.caller, self.job).await?, self.after);
        }
        self.unsent.extend(events);
        Ok(())
    }
}

fn written(event: &JobEventView, language: Language) -> Event {
    let sse = Event::default().id(event.seq.to_string()).event(&event.kind).retry(RETRY);
    // Its members are texts, numbers and JSON already: writing it does not fail.
    let mut data = serde_json::to_value(event).unwrap_or_default();
    tell(&mut data, language);
    sse.json_data(data).unwrap_or_default()
}
