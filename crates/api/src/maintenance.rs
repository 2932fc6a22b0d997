//! The maintenance page, switched by a person.

use axum::Extension;
use axum::extract::State;
use control::{Caller, Control};
use domain::view::{JobView, MaintenanceRequest};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::envelope::{Answered, FailureBody, Success};
use crate::extract::{Json, Path};
use crate::jobs;
use crate::routes::App;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(maintenance_on, maintenance_off))
}

/// Stop the services and show the page in their place.
#[utoipa::path(put, path = "/applications/{application}/environments/{environment}/maintenance", tag = "maintenance",
    responses(
        (status = 202, description = "The job that shows the page is accepted", body = Success<JobView>),
        (status = 409, description = "`environment-locked`", body = FailureBody),
        (status = 422, description = "`confirmation-required`", body = FailureBody),
    ))]
async fn maintenance_on(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path((application, environment)): Path<(String, String)>,
    Json(request): Json<MaintenanceRequest>,
) -> Answered {
    Ok(jobs::accepted(&control.maintenance_on(&caller, &application, &environment, request).await?))
}

/// Take the page away and start the services again.
#[utoipa::path(delete, path = "/applications/{application}/environments/{environment}/maintenance",
    tag = "maintenance",
    responses(
        (status = 202, description = "The job that lets the services answer again is accepted", body = Success<JobView>),
        (status = 409, description = "`environment-locked`", body = FailureBody),
    ))]
async fn maintenance_off(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path((application, environment)): Path<(String, String)>,
) -> Answered {
    Ok(jobs::accepted(&control.maintenance_off(&caller, &application, &environment).await?))
}
