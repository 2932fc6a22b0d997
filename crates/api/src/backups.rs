//! Backups of data stores.

use axum::Extension;
use axum::extract::State;
use control::{Caller, Control};
use domain::ids::BackupId;
use domain::view::{BackupRequest, BackupView, BackupsView, JobView, RestoreRequest};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::envelope::{Answer, Answered, FailureBody, Success};
use crate::extract::{Json, PageQuery, Path, Query};
use crate::jobs::accepted;
use crate::routes::App;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_backups, start_backup))
        .routes(routes!(show_backup))
        .routes(routes!(start_restore))
}

/// Which backups.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct BackupQuery {
    /// Only of this data store.
    store: Option<String>,
}

/// List verified backups, newest first, and how far back each data store would fall if it were lost now.
#[utoipa::path(get, path = "/applications/{application}/environments/{environment}/backups", tag = "backups",
    params(BackupQuery, PageQuery),
    responses((status = 200, description = "A page of backups", body = Success<BackupsView>)))]
async fn list_backups(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path((application, environment)): Path<(String, String)>,
    Query(query): Query<BackupQuery>,
    Query(page): Query<PageQuery>,
) -> Answered {
    let store = query.store.as_deref();
    Ok(Answer::ok(control.list_backups(&caller, &application, &environment, store, page.into()).await?))
}

/// Back data stores up anew; each backup is read again before it counts.
#[utoipa::path(post, path = "/applications/{application}/environments/{environment}/backups", tag = "backups",
    responses(
        (status = 202, description = "The job that carries it out; `Location` is where it is", body = Success<JobView>),
        (status = 409, description = "`plan-blocked` or `environment-locked`", body = FailureBody),
    ))]
async fn start_backup(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path((application, environment)): Path<(String, String)>,
    Json(request): Json<BackupRequest>,
) -> Answered {
    Ok(accepted(&control.start_backup(&caller, &application, &environment, request).await?))
}

/// Show a backup.
#[utoipa::path(get, path = "/applications/{application}/environments/{environment}/backups/{backup}", tag = "backups",
    responses((status = 200, description = "The backup", body = Success<BackupView>)))]
async fn show_backup(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path((application, environment, backup)): Path<(String, String, BackupId)>,
) -> Answered {
    Ok(Answer::ok(control.get_backup(&caller, &application, &environment, backup).await?))
}

/// Restore a backup into a database of its own, beside the one that it is of; without a name, only to see that it can be.
#[utoipa::path(post, path = "/applications/{application}/environments/{environment}/backups/{backup}/restores", tag = "backups",
    responses(
        (status = 202, description = "The job that carries it out; `Location` is where it is", body = Success<JobView>),
        (status = 409, description = "`environment-locked`", body = FailureBody),
    ))]
async fn start_restore(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path((application, environment, backup)): Path<(String, String, BackupId)>,
    Json(request): Json<RestoreRequest>,
) -> Answered {
    Ok(accepted(&control.start_restore(&caller, &application, &environment, backup, request).await?))
}
