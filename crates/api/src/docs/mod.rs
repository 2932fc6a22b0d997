//! The OpenAPI document and the pages that show it; nothing is loaded from elsewhere.

mod complete;

use std::sync::LazyLock;

use axum::Router;
use axum::http::{StatusCode, Uri, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::{Config, SwaggerUi};

pub(crate) use complete::operations;

use crate::envelope::FailureBody;
use crate::middleware::no_such_path;
use crate::routes::{self, App, V1};

/// What the document says before its paths.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Backout",
        description = "Takes an environment back to an earlier release as one durable plan: image, configuration, \
            schema and data.\n\nEvery answer is an envelope. A failure has the HTTP status as `code` and the problem \
            (RFC 9457) as `error`, whose `type` is stable.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    servers((url = "/")),
    components(schemas(FailureBody)),
)]
struct Preamble;

/// The OpenAPI 3.1 document of every route.
pub fn openapi() -> OpenApi {
    let document = OpenApiRouter::with_openapi(Preamble::openapi()).merge(routes::open());
    let document = routes::versioned().into_iter().fold(document, |document, group| document.nest(V1, group.routes));
    complete::complete(document.into_openapi())
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(show_openapi))
}

/// The pages for people, `/docs`.
pub(crate) fn pages<S: Clone + Send + Sync + 'static>() -> Router<S> {
    // A validator elsewhere would be told of every page view.
    let pages = SwaggerUi::new("/docs").config(Config::from("/openapi.json").validator_url("none"));
    Router::from(pages).layer(map_response(async |uri: Uri, page: Response| match page.status() {
        StatusCode::NOT_FOUND => no_such_path(uri).await.into_response(),
        _ => page,
    }))
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "documentation", responses(
    (status = 200, description = "OpenAPI 3.1", body = Object),
))]
async fn show_openapi() -> impl IntoResponse {
    static DOCUMENT: LazyLock<String> = LazyLock::new(|| openapi().to_json().unwrap_or_default());
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}

#[cfg(test)]
mod tests;
