//! `backout repair`: says what holds for a data store in spite of its ledgers.

use clap::Args;
use domain::view::{DriftView, RepairRequest};

use crate::cli::confirm::confirm;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::render;

#[derive(Debug, Args)]
pub(crate) struct Repair {
    #[arg(value_name = "STORE")]
    store: String,
    #[arg(long)]
    accept_schema: bool,
    #[arg(long, value_name = "MIGRATION", value_delimiter = ',')]
    applied: Vec<String>,
    #[arg(long, value_name = "MIGRATION", value_delimiter = ',')]
    not_applied: Vec<String>,
    #[arg(long, value_name = "VERSION")]
    release: Option<String>,
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[arg(long, short)]
    yes: bool,
}

impl Repair {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let place = context.place().await?;
        let shown = context.client.get_drift(&place.app, &place.env, &self.store).await?;
        if !context.json {
            render::drift(context, &shown);
        }
        let protection = context.environment(&place).await?.spec.protection;
        let confirmed = confirm(context, &place.env, &protection, self.yes, Some(self.reason)).await?;
        let request = RepairRequest {
            accept_schema: self.accept_schema,
            // What is accepted is what was shown.
            expected_fingerprint: shown.fingerprint.filter(|_| self.accept_schema),
            applied: self.applied,
            not_applied: self.not_applied,
            release: self.release,
            reason: confirmed.reason,
            confirm: confirmed.confirm,
        };
        let view = context.client.repair_ledger(&place.app, &place.env, &self.store, &request).await?;
        Ok(answer(context, &view))
    }
}

/// Shows what differs after a baseline or repair.
pub(super) fn answer(context: &Context, view: &DriftView) -> Exit {
    if context.json {
        output::json(view);
    } else {
        output::line(&context.text("cli.ledger-corrected", [("store", view.store.name.as_str())]));
        render::drift(context, view);
    }
    Exit::Done
}
