//! Migrations that are applied ahead of their release.

use axum::Extension;
use axum::extract::State;
use control::{Caller, Control};
use domain::plan::Plan;
use domain::view::{JobView, MigrateRequest};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::envelope::{Answer, Answered, FailureBody, Success};
use crate::extract::{Json, Path};
use crate::jobs::accepted;
use crate::routes::App;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(start_migrations))
}

/// Apply a release's migrations while the version that runs goes on, or only plan it (`dry_run`).
#[utoipa::path(post, path = "/applications/{application}/environments/{environment}/migrations", tag = "migrations",
    responses(
        (status = 200, description = "The plan, of a dry run; blockers stand in its findings", body = Success<Plan>),
        (status = 202, description = "The job that carries it out; `Location` is where it is", body = Success<JobView>),
        (status = 409, description = "`plan-blocked`, `current-mismatch` or `environment-locked`", body = FailureBody),
    ))]
async fn start_migrations(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path((application, environment)): Path<(String, String)>,
    Json(request): Json<MigrateRequest>,
) -> Answered {
    if request.dry_run {
        return Ok(Answer::ok(control.plan_migrations(&caller, &application, &environment, &request).await?));
    }
    Ok(accepted(&control.start_migrations(&caller, &application, &environment, request).await?))
}
