//! Applications.

use axum::Extension;
use axum::extract::State;
use control::{Caller, Control};
use domain::view::{ApplicationView, NewApplication, Page};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::envelope::{Answer, Answered, FailureBody, Success};
use crate::extract::{Json, PageQuery, Path, Query};
use crate::routes::{App, V1};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create_application, list_applications)).routes(routes!(show_application))
}

/// Make an application known.
#[utoipa::path(post, path = "/applications", tag = "applications", responses(
    (status = 201, description = "It is known now", body = Success<ApplicationView>),
    (status = 409, description = "`already-exists`", body = FailureBody),
))]
async fn create_application(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Json(new): Json<NewApplication>,
) -> Answered {
    let application = control.create_application(&caller, new).await?;
    Ok(Answer::created(format!("{V1}/applications/{}", application.name), application))
}

/// List applications by name.
#[utoipa::path(get, path = "/applications", tag = "applications", params(PageQuery), responses(
    (status = 200, description = "A page of them", body = Success<Page<ApplicationView>>),
))]
async fn list_applications(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Query(page): Query<PageQuery>,
) -> Answered {
    Ok(Answer::ok(control.list_applications(&caller, page.into()).await?))
}

/// Show an application.
#[utoipa::path(get, path = "/applications/{application}", tag = "applications", responses(
    (status = 200, description = "The application", body = Success<ApplicationView>),
))]
async fn show_application(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path(application): Path<String>,
) -> Answered {
    Ok(Answer::ok(control.get_application(&caller, &application).await?))
}
