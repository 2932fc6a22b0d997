//! Reports of jobs, to be read and kept.

use axum::Extension;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use control::{Caller, Control};
use domain::ids::JobId;
use domain::view::JobReport;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::envelope::{Answer, Success};
use crate::error::Failure;
use crate::extract::{Path, Query};
use crate::middleware::RequestContext;
use crate::routes::App;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(report_job))
}

/// What form a report has.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    /// Data, in the envelope.
    #[default]
    Json,
    /// A page for people.
    Html,
    /// Plain text.
    Text,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct FormatQuery {
    /// `json` in the envelope, or `html` or `text` to be downloaded; `json` if absent.
    #[serde(default)]
    #[param(inline)]
    format: Format,
}

/// Report what a job did: its plan, steps, statements, backups and measurements.
#[utoipa::path(get, path = "/jobs/{job}/report", tag = "jobs", params(FormatQuery), responses(
    (status = 200, description = "The report", content(
        (Success<JobReport> = "application/json"), (String = "text/html"), (String = "text/plain"))),
))]
async fn report_job(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Extension(context): Extension<RequestContext>,
    Path(job): Path<JobId>,
    Query(query): Query<FormatQuery>,
) -> Result<Response, Failure> {
    let told = control.report_job(&caller, job).await?;
    let (text, kind, ending) = match query.format {
        Format::Json => return Ok(Answer::ok(told).into_response()),
        Format::Html => (report::html(context.language, &told), "text/html; charset=utf-8", "html"),
        Format::Text => (report::text(context.language, &told), "text/plain; charset=utf-8", "txt"),
    };
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"backout-{job}.{ending}\"")),
        (header::CONTENT_LANGUAGE, context.language.tag().to_owned()),
        (header::VARY, "accept-language".to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        // It shows what others have written: reasons, names, messages of servers.
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    Ok((headers, text).into_response())
}
