//! `backout drift`: how the data stores of an environment differ from our ledgers.

use domain::environment::Engine;
use domain::view::DriftView;

use crate::cli::context::{Context, Place};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::render;

pub(crate) async fn run(context: &Context) -> Result<Exit, Failure> {
    let views = drifts(context, &context.place().await?).await?;
    if context.json {
        output::json(&views);
    } else {
        for view in &views {
            render::drift(context, view);
        }
    }
    Ok(exit(&views))
}

/// How all data stores that can have migrations differ.
pub(crate) async fn drifts(context: &Context, place: &Place) -> Result<Vec<DriftView>, Failure> {
    let stores = context.client.list_data_stores(&place.app, &place.env).await?;
    let mut views = Vec::new();
    for store in stores.items.iter().filter(|store| store.engine != Engine::Redis) {
        views.push(context.client.get_drift(&place.app, &place.env, &store.name).await?);
    }
    Ok(views)
}

fn exit(views: &[DriftView]) -> Exit {
    if views.iter().any(|view| view.unreachable.is_some()) {
        Exit::Unreachable
    } else if views.iter().any(DriftView::has_difference) {
        Exit::Failed
    } else {
        Exit::Done
    }
}
