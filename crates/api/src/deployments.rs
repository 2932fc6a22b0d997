//! Deployments: history, and the way forward.

use axum::Extension;
use axum::extract::State;
use control::{Caller, Control, DeploymentFilter};
use domain::deployment::{DeploymentKind, DeploymentResult};
use domain::plan::Plan;
use domain::view::{DeployRequest, DeploymentView, JobView, Page};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::envelope::{Answer, Answered, FailureBody, Success};
use crate::extract::{Json, PageQuery, Path, Query};
use crate::jobs::accepted;
use crate::routes::App;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(start_deployment, list_deployments))
}

/// Which deployments.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct DeploymentQuery {
    /// Only of this kind.
    kind: Option<DeploymentKind>,
    /// Only with this result.
    result: Option<DeploymentResult>,
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
    params(DeploymentQuery, PageQuery),
    responses((status = 200, description = "A page of deployments", body = Success<Page<DeploymentView>>)))]
async fn list_deployments(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path((application, environment)): Path<(String, String)>,
    Query(query): Query<DeploymentQuery>,
    Query(page): Query<PageQuery>,
) -> Answered {
    let filter = DeploymentFilter { kind: query.kind, result: query.result };
    Ok(Answer::ok(control.list_deployments(&caller, &application, &environment, filter, page.into()).await?))
}
