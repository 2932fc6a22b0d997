//! Data stores and their ledgers.

use axum::Extension;
use axum::extract::State;
use control::{Caller, Control};
use domain::view::{DataStoreView, LedgerView, Page};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::envelope::{Answer, Answered, Success};
use crate::extract::{PageQuery, Path, Query};
use crate::routes::App;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_data_stores)).routes(routes!(show_ledger))
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
