//! Rehearsals: a release's migrations are tried on a scratch database.

use axum::Extension;
use axum::extract::State;
use control::{Caller, Control};
use domain::ids::RehearsalId;
use domain::view::{Page, RehearsalRequest, RehearsalView};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::envelope::{Answer, Answered, Success};
use crate::extract::{Json, PageQuery, Path, Query};
use crate::routes::{App, V1};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_rehearsals, request_rehearsal)).routes(routes!(show_rehearsal))
}

/// Which rehearsals.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct RehearsalQuery {
    /// Only of this release.
    release: Option<String>,
}

/// List rehearsals, newest first.
#[utoipa::path(get, path = "/applications/{application}/environments/{environment}/rehearsals", tag = "rehearsals",
    params(RehearsalQuery, PageQuery),
    responses((status = 200, description = "A page of rehearsals", body = Success<Page<RehearsalView>>)))]
async fn list_rehearsals(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path((application, environment)): Path<(String, String)>,
    Query(query): Query<RehearsalQuery>,
    Query(page): Query<PageQuery>,
) -> Answered {
    let release = query.release.as_deref();
    Ok(Answer::ok(control.list_rehearsals(&caller, &application, &environment, release, page.into()).await?))
}

/// Have a release's migrations tried on a scratch database: up, down and up again. One that waits already is answered with.
#[utoipa::path(post, path = "/applications/{application}/environments/{environment}/rehearsals", tag = "rehearsals",
    responses((status = 202, description = "The rehearsal, which waits or runs; `Location` is where it is", body = Success<RehearsalView>)))]
async fn request_rehearsal(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path((application, environment)): Path<(String, String)>,
    Json(request): Json<RehearsalRequest>,
) -> Answered {
    let view = control.request_rehearsal(&caller, &application, &environment, request).await?;
    let location = format!("{V1}/applications/{application}/environments/{environment}/rehearsals/{}", view.id);
    Ok(Answer::accepted(location, view))
}

/// Show a rehearsal.
#[utoipa::path(get, path = "/applications/{application}/environments/{environment}/rehearsals/{rehearsal}", tag = "rehearsals",
    responses((status = 200, description = "The rehearsal", body = Success<RehearsalView>)))]
async fn show_rehearsal(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path((application, environment, rehearsal)): Path<(String, String, RehearsalId)>,
) -> Answered {
    Ok(Answer::ok(control.get_rehearsal(&caller, &application, &environment, rehearsal).await?))
}
