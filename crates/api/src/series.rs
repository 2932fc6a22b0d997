//! Series of releases: the compatibility matrix.

use axum::Extension;
use axum::extract::State;
use control::{Caller, Control};
use domain::series::SeriesRules;
use domain::view::{Page, SeriesView};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::envelope::{Answer, Answered, Success};
use crate::extract::{Json, Path};
use crate::routes::App;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_series)).routes(routes!(replace_series))
}

/// List what holds for each series, newest first, all on one page.
#[utoipa::path(get, path = "/applications/{application}/series", tag = "series",
    responses((status = 200, description = "All of them", body = Success<Page<SeriesView>>)))]
async fn list_series(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path(application): Path<String>,
) -> Answered {
    let items = control.list_series(&caller, &application).await?;
    Ok(Answer::ok(Page { items, next_cursor: None }))
}

/// Say what holds for the releases of a series that do not say otherwise themselves, in place of what held before.
#[utoipa::path(put, path = "/applications/{application}/series/{series}", tag = "series",
    responses((status = 200, description = "It holds from the next plan on", body = Success<SeriesView>)))]
async fn replace_series(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path((application, series)): Path<(String, String)>,
    Json(rules): Json<SeriesRules>,
) -> Answered {
    Ok(Answer::ok(control.replace_series(&caller, &application, &series, rules).await?))
}
