//! Rollbacks: the way back.

use axum::Extension;
use axum::extract::State;
use control::{Caller, Control};
use domain::plan::Plan;
use domain::view::{JobView, LossView, RollbackRequest};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::envelope::{Answer, Answered, FailureBody, Success};
use crate::extract::{Json, Path};
use crate::jobs::accepted;
use crate::routes::App;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(start_rollback)).routes(routes!(sample_losses))
}

/// Take an environment back to an earlier release, or only plan it (`dry_run`).
#[utoipa::path(post, path = "/applications/{application}/environments/{environment}/rollbacks", tag = "rollbacks",
    responses(
        (status = 200, description = "The plan, of a dry run; blockers stand in its findings", body = Success<Plan>),
        (status = 202, description = "The job that carries it out; `Location` is where it is", body = Success<JobView>),
        (status = 409, description = "`plan-blocked`, `no-rollback-target`, `current-mismatch` or `environment-locked`",
            body = FailureBody),
    ))]
async fn start_rollback(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path((application, environment)): Path<(String, String)>,
    Json(request): Json<RollbackRequest>,
) -> Answered {
    if request.dry_run {
        return Ok(Answer::ok(control.plan_rollback(&caller, &application, &environment, &request).await?));
    }
    Ok(accepted(&control.start_rollback(&caller, &application, &environment, request).await?))
}

/// Sample what a rollback would take away: rows and documents that the target does not know. It changes nothing, and needs the
/// permission `data.read`.
#[utoipa::path(post, path = "/applications/{application}/environments/{environment}/rollbacks/losses", tag = "rollbacks",
    responses((status = 200, description = "Each with some of its rows or documents", body = Success<Vec<LossView>>)))]
async fn sample_losses(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path((application, environment)): Path<(String, String)>,
    Json(request): Json<RollbackRequest>,
) -> Answered {
    Ok(Answer::ok(control.sample_losses(&caller, &application, &environment, &request).await?).carrying_a_secret())
}
