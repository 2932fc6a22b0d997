//! Environments.

use axum::Extension;
use axum::extract::State;
use axum::http::header;
use control::{Caller, Control};
use domain::environment::EnvironmentSpec;
use domain::view::{EnvironmentView, NewEnvironment, Page};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::envelope::{Answer, Answered, FailureBody, Success};
use crate::extract::{IfMatch, Json, PageQuery, Path, Query};
use crate::routes::{App, V1};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create_environment, list_environments))
        .routes(routes!(show_environment, replace_environment))
}

/// Make an environment.
#[utoipa::path(post, path = "/applications/{application}/environments", tag = "environments", responses(
    (status = 201, description = "It is made", body = Success<EnvironmentView>,
        headers(("ETag" = String, description = "Its revision"))),
    (status = 409, description = "`already-exists` or `port-reserved`", body = FailureBody),
))]
async fn create_environment(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path(application): Path<String>,
    Json(new): Json<NewEnvironment>,
) -> Answered {
    let made = control.create_environment(&caller, &application, new).await?;
    let location = format!("{V1}/applications/{}/environments/{}", made.application, made.name);
    Ok(Answer::created(location, &made).with(header::ETAG, IfMatch::tag(made.revision)))
}

/// List the environments of an application by name.
#[utoipa::path(get, path = "/applications/{application}/environments", tag = "environments", params(PageQuery),
    responses((status = 200, description = "A page of them", body = Success<Page<EnvironmentView>>)))]
async fn list_environments(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path(application): Path<String>,
    Query(page): Query<PageQuery>,
) -> Answered {
    Ok(Answer::ok(control.list_environments(&caller, &application, page.into()).await?))
}

/// Show an environment with what it runs.
#[utoipa::path(get, path = "/applications/{application}/environments/{environment}", tag = "environments", responses(
    (status = 200, description = "The environment", body = Success<EnvironmentView>,
        headers(("ETag" = String, description = "Its revision"))),
))]
async fn show_environment(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path((application, environment)): Path<(String, String)>,
) -> Answered {
    let shown = control.get_environment(&caller, &application, &environment).await?;
    Ok(Answer::ok(&shown).with(header::ETAG, IfMatch::tag(shown.revision)))
}

/// Replace the settings of an environment. A masked secret stays what it is.
#[utoipa::path(put, path = "/applications/{application}/environments/{environment}", tag = "environments",
    params(("If-Match" = Option<String>, Header, description = "The ETag that was read; another revision answers 412")),
    responses(
        (status = 200, description = "The environment as it is now", body = Success<EnvironmentView>,
            headers(("ETag" = String, description = "Its revision"))),
        (status = 409, description = "`environment-locked` or `port-reserved`", body = FailureBody),
        (status = 412, description = "`precondition-failed`", body = FailureBody),
    ))]
async fn replace_environment(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path((application, environment)): Path<(String, String)>,
    IfMatch(revision): IfMatch,
    Json(spec): Json<EnvironmentSpec>,
) -> Answered {
    let edited = control.replace_environment(&caller, &application, &environment, spec, revision).await?;
    Ok(Answer::ok(&edited).with(header::ETAG, IfMatch::tag(edited.revision)))
}
