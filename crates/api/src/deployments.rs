//! Deployments: history, and the way forward.

use axum::Extension;
use axum::extract::State;
use control::{Caller, Control};
use domain::plan::Plan;
use domain::view::{DeployRequest, DeploymentView, JobView, Page};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::envelope::{Answer, Answered, FailureBody, Success};
use crate::extract::{Json, PageQuery, Path, Query};
use crate::jobs::accepted;
use crate::routes::App;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(start_deployment, list_deployments))
}

/// Start a deployment, or only plan it (`dry_run`).
#[utoipa::path(post, path = "/applications/{application}/environments/{environment}/deployments", tag = "deployments",
    responses(
        (status = 200, description = "The plan, of a dry run; blockers stand in its findings", body = Success<Plan>),
        (status = 202, description = "The job that carries it out; `Location` is where it is", body = Success<JobView>),
        (status = 409, description = "`plan-blocked`, `current-mismatch` or `environment-locked`", body = FailureBody),
    ))]
async fn start_deployment(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path((application, environment)): Path<(String, String)>,
    Json(request): Json<DeployRequest>,
) -> Answered {
    if request.dry_run {
        return Ok(Answer::ok(control.plan_deployment(&caller, &application, &environment, &request).await?));
    }
    Ok(accepted(&control.start_deployment(&caller, &application, &environment, request).await?))
}

/// List what the environment ran, newest first.
#[utoipa::path(get, path = "/applications/{application}/environments/{environment}/deployments", tag = "deployments",
    params(PageQuery),
    responses((status = 200, description = "A page of deployments", body = Success<Page<DeploymentView>>)))]
async fn list_deployments(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path((application, environment)): Path<(String, String)>,
    Query(page): Query<PageQuery>,
) -> Answered {
    Ok(Answer::ok(control.list_deployments(&caller, &application, &environment, page.into()).await?))
}
