//! How a data store differs from our ledger.

use domain::view::DriftView;

use crate::cli::context::Context;
use crate::cli::format::{NOTHING, table, time};
use crate::cli::output;

pub(crate) fn drift(context: &Context, view: &DriftView) {
    let (engine, database) = (view.store.engine.to_string(), view.store.database.as_deref().unwrap_or(NOTHING));
    let params = [("store", view.store.name.as_str()), ("engine", engine.as_str()), ("database", database)];
    output::line(&context.text("cli.heading-ledger", params));
    if let Some(reason) = &view.unreachable {
        let reason = i18n::sentence(context.language, reason);
        output::line(&context.text("cli.drift-unreachable", [("reason", reason.as_str())]));
        return;
    }
    for ledger in &view.ledgers {
        let count = ledger.entries.len().to_string();
        let params = [("place", ledger.place.as_str()), ("tool", ledger.tool.name()), ("count", count.as_str())];
        output::line(&context.text("cli.drift-ledger", params));
    }
    if let Some(correction) = &view.correction {
        let at = time(correction.at);
        let key = format!("cli.drift-last-{}", correction.kind.as_str());
        let params =
            [("actor", correction.actor.as_str()), ("at", at.as_str()), ("reason", correction.reason.as_str())];
        output::line(&context.text(&key, params));
    }
    if view.drift.is_empty() {
        output::line(&context.text("cli.drift-none", []));
        return;
    }
    let mut table = table(context.language, &["kind", "migration", "what"]);
    for one in &view.drift {
        table.add_row([
            context.text(&format!("cli.drift-{}", one.kind.as_str().replace('_', "-")), []),
            one.version.clone().unwrap_or_else(|| NOTHING.to_owned()),
            i18n::sentence(context.language, &one.detail),
        ]);
    }
    output::line(&table.to_string());
}
