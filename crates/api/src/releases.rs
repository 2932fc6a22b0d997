//! Releases.

use axum::Extension;
use axum::extract::State;
use control::{Caller, Control, ReleaseFilter};
use domain::release::ReleaseSpec;
use domain::view::{Page, ReleaseDetail, ReleaseView};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::envelope::{Answer, Answered, FailureBody, Success};
use crate::extract::{Json, PageQuery, Path, Query, UnreadableBody};
use crate::routes::{App, V1};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(register_release, list_releases)).routes(routes!(show_release))
}

/// Which releases.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ReleaseQuery {
    /// Only of this series, e.g. `v0.8.x`.
    series: Option<String>,
    /// Only with this text in version or notes.
    search: Option<String>,
}

/// Register a release. The same content again changes nothing.
#[utoipa::path(post, path = "/applications/{application}/releases", tag = "releases", request_body = ReleaseSpec,
    responses(
        (status = 201, description = "It is registered", body = Success<ReleaseDetail>),
        (status = 200, description = "It was registered before, with the same content", body = Success<ReleaseDetail>),
        (status = 409, description = "`already-exists`: the version has other content", body = FailureBody),
    ))]
async fn register_release(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path(application): Path<String>,
    body: Result<Json<ReleaseSpec>, UnreadableBody>,
) -> Answered {
    let Json(spec) = body.map_err(|body| body.or_no_version("version"))?;
    let (release, is_new) = control.register_release(&caller, &application, spec).await?;
    if !is_new {
        return Ok(Answer::ok(release));
    }
    let location = format!("{V1}/applications/{application}/releases/{}", release.release.version);
    Ok(Answer::created(location, release))
}

/// List releases, newest version first.
#[utoipa::path(get, path = "/applications/{application}/releases", tag = "releases", params(ReleaseQuery, PageQuery),
    responses((status = 200, description = "A page of them", body = Success<Page<ReleaseView>>)))]
async fn list_releases(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path(application): Path<String>,
    Query(query): Query<ReleaseQuery>,
    Query(page): Query<PageQuery>,
) -> Answered {
    let filter = ReleaseFilter { series: query.series, search: query.search };
    Ok(Answer::ok(control.list_releases(&caller, &application, filter, page.into()).await?))
}

/// Show a release with its migrations and configuration.
#[utoipa::path(get, path = "/applications/{application}/releases/{version}", tag = "releases", responses(
    (status = 200, description = "The release", body = Success<ReleaseDetail>),
))]
async fn show_release(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path((application, version)): Path<(String, String)>,
) -> Answered {
    Ok(Answer::ok(control.get_release(&caller, &application, &version).await?))
}
