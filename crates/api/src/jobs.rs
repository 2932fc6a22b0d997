//! Jobs: looking at them, waiting for them, calling them off.

use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use control::{Caller, Control, JobFilter};
use domain::ids::JobId;
use domain::job::JobState;
use domain::view::{CancelRequest, JobView, Page, ResolveRequest};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::envelope::{Answer, Answered, FailureBody, Success};
use crate::extract::{Json, PageQuery, Path, Query, Wait};
use crate::routes::{App, V1};

/// How long a caller may wait for a job.
pub(crate) const LONGEST_WAIT: Duration = Wait::LONGEST;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_jobs)).routes(routes!(cancel_job)).routes(routes!(resolve_job))
}

/// Routes that may take [`LONGEST_WAIT`] longer than others.
pub(crate) fn waiting_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(show_job))
}

/// 202 for a job that was accepted.
pub(crate) fn accepted(job: &JobView) -> Answer {
    Answer::accepted(format!("{V1}/jobs/{}", job.id), job)
}

/// Which jobs.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct JobQuery {
    /// Only of this application.
    application: Option<String>,
    /// Only of this environment.
    environment: Option<String>,
    /// Only in this state.
    state: Option<JobState>,
}

/// How to look at a job.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct WaitQuery {
    /// Answer when the job rests (it ended, or is stuck), or after this time: `30s`, `500ms`; at most `60s`.
    #[param(example = "30s")]
    wait: Option<String>,
}

/// List jobs, newest first.
#[utoipa::path(get, path = "/jobs", tag = "jobs", params(JobQuery, PageQuery), responses(
    (status = 200, description = "A page of them, without steps and plans", body = Success<Page<JobView>>),
))]
async fn list_jobs(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<JobQuery>,
    Query(page): Query<PageQuery>,
) -> Answered {
    let filter = JobFilter { application: query.application, environment: query.environment, state: query.state };
    Ok(Answer::ok(control.list_jobs(&caller, filter, page.into()).await?))
}

/// Show a job with its steps and its plan; `wait` for its end.
#[utoipa::path(get, path = "/jobs/{job}", tag = "jobs", params(WaitQuery), responses(
    (status = 200, description = "The job; look at its state", body = Success<JobView>),
))]
async fn show_job(
    State(control): State<Control>,
    State(stopping): State<CancellationToken>,
    Extension(caller): Extension<Caller>,
    Path(job): Path<JobId>,
    Query(query): Query<WaitQuery>,
) -> Answered {
    if let Some(wait) = &query.wait {
        let Wait(at_most) = wait.parse()?;
        let waiting = control.wait_for_job(&caller, job, at_most);
        if let Some(job) = stopping.run_until_cancelled(waiting).await {
            return Ok(Answer::ok(job?));
        }
    }
    Ok(Answer::ok(control.get_job(&caller, job).await?))
}

/// Call a job off: between steps, and inside those that can stop.
#[utoipa::path(post, path = "/jobs/{job}/cancel", tag = "jobs", responses(
    (status = 200, description = "The job; what was done is being undone", body = Success<JobView>),
    (status = 409, description = "`job-state`: it is too late", body = FailureBody),
))]
async fn cancel_job(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path(job): Path<JobId>,
    Json(request): Json<CancelRequest>,
) -> Answered {
    Ok(Answer::ok(control.cancel_job(&caller, job, request).await?))
}

/// Decide on a stuck job: go on from where it stands, or take everything back.
#[utoipa::path(post, path = "/jobs/{job}/resolve", tag = "jobs", responses(
    (status = 200, description = "The job goes on", body = Success<JobView>),
    (status = 409, description = "`job-state`: it is not stuck", body = FailureBody),
))]
async fn resolve_job(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path(job): Path<JobId>,
    Json(request): Json<ResolveRequest>,
) -> Answered {
    Ok(Answer::ok(control.resolve_job(&caller, job, request).await?))
}
