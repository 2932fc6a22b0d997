//! What was put aside before a script destroyed it.

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use control::{Caller, Control, ExportFormat};
use domain::ids::PreservationId;
use domain::view::{DropKeptRequest, KeptDetail, KeptView, Page};
use futures::TryStreamExt;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::envelope::{Answer, Answered, FailureBody, Success};
use crate::error::Failure;
use crate::extract::{Json, PageQuery, Path, Query};
use crate::routes::App;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_preserved))
        .routes(routes!(show_preserved))
        .routes(routes!(export_preserved))
        .routes(routes!(drop_preserved))
}

/// Which of it.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct PreservedQuery {
    /// Only of this data store.
    store: Option<String>,
}

/// How much is shown.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct SampleQuery {
    /// How many rows or documents to show as well, at most 100; none if absent. Needs `data.read`.
    rows: Option<u32>,
}

/// What an export looks like.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    /// Comma-separated values (RFC 4180).
    Csv,
    /// A JSON object a line.
    Jsonl,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct FormatQuery {
    /// `csv` or `jsonl`.
    #[param(inline)]
    format: Format,
}

/// List what was put aside and waits to come back, newest first, with what is being dropped.
#[utoipa::path(get, path = "/applications/{application}/environments/{environment}/preserved", tag = "preserved data",
    params(PreservedQuery, PageQuery),
    responses((status = 200, description = "A page of it", body = Success<Page<KeptView>>)))]
async fn list_preserved(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path((application, environment)): Path<(String, String)>,
    Query(query): Query<PreservedQuery>,
    Query(page): Query<PageQuery>,
) -> Answered {
    let store = query.store.as_deref();
    Ok(Answer::ok(control.list_preserved(&caller, &application, &environment, store, page.into()).await?))
}

/// Show something that was put aside, whatever has become of it, and its first rows where they are asked for.
#[utoipa::path(get, path = "/applications/{application}/environments/{environment}/preserved/{preserved}",
    tag = "preserved data", params(SampleQuery),
    responses((status = 200, description = "What it is", body = Success<KeptDetail>)))]
async fn show_preserved(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path((application, environment, preserved)): Path<(String, String, PreservationId)>,
    Query(query): Query<SampleQuery>,
) -> Answered {
    let rows = query.rows.unwrap_or_default();
    Ok(Answer::ok(control.get_preserved(&caller, &application, &environment, preserved, rows).await?))
}

/// Export something that was put aside, whole. Needs `data.read`. An answer that is broken off is not whole.
///
/// CSV begins with the columns' names; NULL is an empty field, an empty text is `""`, and bytes are in base64. In JSON
/// lines bytes are `{"$base64": "…"}`, decimals, dates and times are texts as the server writes them, and MongoDB's
/// documents are in its canonical extended JSON.
#[utoipa::path(get, path = "/applications/{application}/environments/{environment}/preserved/{preserved}/export",
    tag = "preserved data", params(FormatQuery),
    responses(
        (status = 200, description = "The export", content((String = "text/csv"), (String = "application/x-ndjson"))),
        (status = 404, description = "`not-found`: it is not there, or not any more", body = FailureBody),
        (status = 409, description = "`environment-locked`: a job may need it", body = FailureBody),
    ))]
async fn export_preserved(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path((application, environment, preserved)): Path<(String, String, PreservationId)>,
    Query(query): Query<FormatQuery>,
) -> Result<Response, Failure> {
    let (format, kind, ending) = match query.format {
        Format::Csv => (ExportFormat::Csv, "text/csv; charset=utf-8; header=present", "csv"),
        Format::Jsonl => (ExportFormat::JsonLines, "application/x-ndjson", "jsonl"),
    };
    let export = control.export_preserved(&caller, &application, &environment, preserved, format).await?;
    let pieces = export.pieces().inspect_err(move |error| {
        tracing::warn!(preserved.id = %preserved, %error, "an export was broken off");
    });
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"preserved-{preserved}.{ending}\"")),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// Drop something that was put aside, for good. A plan that would have brought it back says so from then on.
#[utoipa::path(post, path = "/applications/{application}/environments/{environment}/preserved/{preserved}/drop",
    tag = "preserved data",
    responses(
        (status = 200, description = "It is `dropped`, or `dropping` where the data store did not answer", body = Success<KeptDetail>),
        (status = 404, description = "`not-found`, also where it came back already", body = FailureBody),
        (status = 409, description = "`environment-locked`", body = FailureBody),
        (status = 422, description = "`confirmation-required` or `invalid-field`", body = FailureBody),
    ))]
async fn drop_preserved(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path((application, environment, preserved)): Path<(String, String, PreservationId)>,
    Json(request): Json<DropKeptRequest>,
) -> Answered {
    Ok(Answer::ok(control.drop_preserved(&caller, &application, &environment, preserved, request).await?))
}
