//! Data stores and their ledgers.

use axum::Extension;
use axum::extract::State;
use control::{Caller, Control};
use domain::view::{BaselineRequest, DataStoreView, DriftView, LedgerView, Page, RepairRequest};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::envelope::{Answer, Answered, FailureBody, Success};
use crate::extract::{Json, PageQuery, Path, Query};
use crate::routes::App;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_data_stores))
        .routes(routes!(show_ledger))
        .routes(routes!(show_drift))
        .routes(routes!(record_baseline))
        .routes(routes!(repair_ledger))
}

/// List the data stores of an environment, all on one page.
#[utoipa::path(get, path = "/applications/{application}/environments/{environment}/data-stores", tag = "data stores",
    responses((status = 200, description = "All of them", body = Success<Page<DataStoreView>>)))]
async fn list_data_stores(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path((application, environment)): Path<(String, String)>,
) -> Answered {
    let items = control.list_data_stores(&caller, &application, &environment).await?;
    Ok(Answer::ok(Page { items, next_cursor: None }))
}

/// Show the ledger of a data store: a page of our rows beside the target's own ledger, and the data that is put aside.
#[utoipa::path(get, path = "/applications/{application}/environments/{environment}/data-stores/{store}/ledger",
    tag = "data stores", params(PageQuery),
    responses((status = 200, description = "The ledger", body = Success<LedgerView>)))]
async fn show_ledger(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path((application, environment, store)): Path<(String, String, String)>,
    Query(page): Query<PageQuery>,
) -> Answered {
    Ok(Answer::ok(control.get_ledger(&caller, &application, &environment, &store, page.into()).await?))
}

/// Show how a data store differs from our ledger: migrations, scripts, schema, and what nobody can tell.
#[utoipa::path(get, path = "/applications/{application}/environments/{environment}/data-stores/{store}/drift",
    tag = "data stores",
    responses((status = 200, description = "What differs; nothing where the list is empty", body = Success<DriftView>)))]
async fn show_drift(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path((application, environment, store)): Path<(String, String, String)>,
) -> Answered {
    Ok(Answer::ok(control.get_drift(&caller, &application, &environment, &store).await?))
}

/// Adopt a data store that was there before: record which migrations of a release count as applied, and accept its schema
/// and its own ledgers as they are. Runs nothing.
#[utoipa::path(post, path = "/applications/{application}/environments/{environment}/data-stores/{store}/baseline",
    tag = "data stores",
    responses(
        (status = 200, description = "Recorded; what differs in spite of it", body = Success<DriftView>),
        (status = 404, description = "`not-found` or `unknown-version`", body = FailureBody),
        (status = 409, description = "`environment-locked`, `current-mismatch` or `already-exists`", body = FailureBody),
        (status = 422, description = "`confirmation-required` or `invalid-field`", body = FailureBody),
    ))]
async fn record_baseline(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path((application, environment, store)): Path<(String, String, String)>,
    Json(request): Json<BaselineRequest>,
) -> Answered {
    Ok(Answer::ok(control.record_baseline(&caller, &application, &environment, &store, request).await?))
}

/// Say what holds in spite of the ledgers: accept the schema as it is, or that migrations count as applied or not. Runs
/// nothing.
#[utoipa::path(post, path = "/applications/{application}/environments/{environment}/data-stores/{store}/repair",
    tag = "data stores",
    responses(
        (status = 200, description = "Recorded; what differs in spite of it", body = Success<DriftView>),
        (status = 404, description = "`not-found` or `unknown-version`", body = FailureBody),
        (status = 409, description = "`environment-locked` or `current-mismatch`", body = FailureBody),
        (status = 422, description = "`confirmation-required` or `invalid-field`", body = FailureBody),
    ))]
async fn repair_ledger(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path((application, environment, store)): Path<(String, String, String)>,
    Json(request): Json<RepairRequest>,
) -> Answered {
    Ok(Answer::ok(control.repair_ledger(&caller, &application, &environment, &store, request).await?))
}
