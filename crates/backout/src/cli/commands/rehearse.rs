//! `backout rehearse`: tries a release's migrations on a scratch database, and tells what came of it.

use std::time::{Duration, Instant};

use clap::Args;
use client::PageRequest;
use domain::rehearsal::{RehearsalState, Verdict};
use domain::view::{RehearsalRequest, RehearsalView};

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::format::{NOTHING, duration, table, time};
use crate::cli::output;

/// How often it is asked for its state. Rehearsals have no stream of events: nobody waits for them in an emergency.
const ASK: Duration = Duration::from_millis(500);

/// The longest that is waited; whoever waits longer looks with `--list`. One rehearsal may take half an hour.
const LONGEST: Duration = Duration::from_hours(1);

#[derive(Debug, Args)]
pub(crate) struct Rehearse {
    #[arg(value_name = "VERSION", required_unless_present = "list")]
    version: Option<String>,
    #[arg(long)]
    list: bool,
    #[arg(long, conflicts_with = "list")]
    no_wait: bool,
}

impl Rehearse {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let place = context.place().await?;
        if self.list {
            let page = PageRequest { limit: Some(20), cursor: None };
            let page = context.client.list_rehearsals(&place.app, &place.env, self.version.as_deref(), &page).await?;
            if context.json {
                output::json(&page);
            } else if page.items.is_empty() {
                output::line(&context.text("cli.no-rehearsals", []));
            } else {
                output::line(&list(context, &page.items));
            }
            return Ok(Exit::Done);
        }
        let request = RehearsalRequest { release: self.version.unwrap_or_default() };
        let mut view = context.client.request_rehearsal(&place.app, &place.env, &request).await?;
        let begun = Instant::now();
        let waits = || !self.no_wait && begun.elapsed() < LONGEST;
        while waits() && matches!(view.state, RehearsalState::Queued | RehearsalState::Running) {
            tokio::time::sleep(ASK).await;
            view = context.client.get_rehearsal(&place.app, &place.env, view.id).await?;
        }
        if context.json {
            output::json(&view);
        } else {
            tell(context, &view);
        }
        Ok(if view.state == RehearsalState::Failed { Exit::Failed } else { Exit::Done })
    }
}

fn state(context: &Context, state: RehearsalState) -> String {
    context.text(&format!("cli.rehearsal-{}", state.as_str()), [])
}

fn list(context: &Context, views: &[RehearsalView]) -> String {
    let mut table = table(context.language, &["id", "version", "state", "since", "actor"]);
    for view in views {
        let since = view.ended_at.or(view.started_at).unwrap_or(view.requested_at);
        table.add_row([
            view.id.to_string(),
            view.release.to_string(),
            state(context, view.state),
            time(since),
            view.requested_by.clone(),
        ]);
    }
    table.to_string()
}

fn tell(context: &Context, view: &RehearsalView) {
    let (version, told) = (view.release.to_string(), state(context, view.state));
    output::line(&context.text("cli.rehearsal", [("version", version.as_str()), ("state", &told)]));
    if let Some(reason) = &view.reason {
        output::line(&reason.to_string());
    }
    for store in &view.stores {
        let (told, rows) = (state(context, store.verdict.state()), store.rows.to_string());
        let params = [("store", store.store.as_str()), ("state", &told), ("rows", &rows)];
        output::line(&format!("\n{}", context.text("cli.rehearsal-store", params)));
        match &store.verdict {
            Verdict::Passed => {}
            Verdict::Failed { phase, reason } => {
                let params = [("direction", phase.direction().as_str()), ("reason", &reason.to_string())];
                output::line(&context.text("cli.rehearsal-failed-in", params));
            }
            Verdict::Skipped { reason } => output::line(&reason.to_string()),
        }
        let mut table = table(context.language, &["migration", "direction", "number", "class", "took", "expected"]);
        for migration in &store.migrations {
            for statement in &migration.statements {
                let class = statement.class.map(|class| context.text(&format!("cli.class-{}", class.as_str()), []));
                table.add_row([
                    migration.version.clone(),
                    statement.direction.as_str().to_owned(),
                    (statement.index + 1).to_string(),
                    class.unwrap_or_else(|| NOTHING.to_owned()),
                    duration(context.language, statement.ms),
                    duration(context.language, statement.expected_ms),
                ]);
            }
        }
        if !table.is_empty() {
            output::line(&table.to_string());
        }
    }
}
