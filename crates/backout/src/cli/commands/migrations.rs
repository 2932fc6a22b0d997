//! `backout migrations`: the ledger of each data store, the target's own beside ours, and the data put aside.

use std::collections::BTreeMap;

use client::PageRequest;
use domain::ledger::Direction;
use domain::view::{LedgerRowView, LedgerView, Page};

use crate::cli::context::{Context, Place};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::format::{NOTHING, table, time};
use crate::cli::output;

pub(crate) async fn run(context: &Context) -> Result<Exit, Failure> {
    let place = context.place().await?;
    let ledgers = ledgers(context, &place).await?;
    if context.json {
        output::json(&ledgers);
        return Ok(Exit::Done);
    }
    for ledger in &ledgers {
        let (engine, database) = (ledger.store.engine.to_string(), ledger.store.database.as_deref().unwrap_or(NOTHING));
        let params = [("store", ledger.store.name.as_str()), ("engine", engine.as_str()), ("database", database)];
        output::line(&context.text("cli.heading-ledger", params));
        if let Some(reason) = &ledger.unreachable {
            output::line(
                &context
                    .text("cli.ledger-unreachable", [("reason", i18n::sentence(context.language, reason).as_str())]),
            );
        }
        show_ledger(context, ledger);
        show_kept(context, ledger);
    }
    Ok(Exit::Done)
}

/// The ledgers of all data stores that can have migrations.
pub(crate) async fn ledgers(context: &Context, place: &Place) -> Result<Vec<LedgerView>, Failure> {
    let stores = context.client.list_data_stores(&place.app, &place.env).await?;
    let mut ledgers = Vec::new();
    for store in stores.items.iter().filter(|store| store.engine != domain::environment::Engine::Redis) {
        ledgers.push(ledger(context, place, &store.name).await?);
    }
    Ok(ledgers)
}

/// The ledger of a data store with all of our rows: how a migration stands may be written in the oldest of them.
async fn ledger(context: &Context, place: &Place, store: &str) -> Result<LedgerView, Failure> {
    let get = async |page: PageRequest| context.client.get_ledger(&place.app, &place.env, store, &page).await;
    let mut ledger = get(PageRequest::default()).await?;
    let first = Page { items: std::mem::take(&mut ledger.rows), next_cursor: ledger.next_cursor.take() };
    let next = async |page| get(page).await.map(|next| Page { items: next.rows, next_cursor: next.next_cursor });
    ledger.rows = client::rest(first, next).await?.items;
    Ok(ledger)
}

/// One row for each version that either side knows.
fn show_ledger(context: &Context, ledger: &LedgerView) {
    let mut ours: BTreeMap<&str, &LedgerRowView> = BTreeMap::new();
    for row in &ledger.rows {
        // Newest first: the first of a version is where it stands.
        ours.entry(&row.version).or_insert(row);
    }
    let mut versions: Vec<&str> = ours.keys().copied().chain(ledger.applied.iter().map(String::as_str)).collect();
    versions.sort_unstable();
    versions.dedup();
    if versions.is_empty() {
        output::line(&context.text("cli.no-migrations", []));
        return;
    }
    let mut table = table(context.language, &["migration", "name", "target", "ours", "at", "actor"]);
    for version in versions {
        let row = ours.get(version);
        let applied = ledger.applied.iter().any(|applied| applied == version);
        let target = match (applied, ledger.unreachable.is_some()) {
            (_, true) => "cli.ledger-unknown",
            (true, false) => "cli.ledger-applied",
            (false, false) => "cli.ledger-not-applied",
        };
        let direction = row.map(|row| match row.direction {
            Direction::Up => "cli.ledger-applied",
            Direction::Down => "cli.taken-back",
        });
        table.add_row([
            version.to_owned(),
            row.map_or_else(|| NOTHING.to_owned(), |row| row.name.clone()),
            context.text(target, []),
            direction.map_or_else(|| NOTHING.to_owned(), |key| context.text(key, [])),
            row.map_or_else(|| NOTHING.to_owned(), |row| time(row.at)),
            row.map_or_else(|| NOTHING.to_owned(), |row| row.actor.clone()),
        ]);
    }
    output::line(&table.to_string());
}

fn show_kept(context: &Context, ledger: &LedgerView) {
    if ledger.kept.is_empty() {
        return;
    }
    output::line(&context.text("cli.heading-kept", []));
    let mut table = table(context.language, &["object", "rows", "migration", "place", "at"]);
    for kept in &ledger.kept {
        table.add_row([
            kept.object.clone(),
            kept.rows.to_string(),
            kept.migration.clone(),
            kept.place.clone(),
            time(kept.kept_at),
        ]);
    }
    output::line(&table.to_string());
}
