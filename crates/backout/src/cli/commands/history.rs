//! `backout history`: what an environment ran, newest first.

use clap::Args;
use client::{DeploymentFilter, PageRequest};
use domain::view::DeploymentView;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::format::{NOTHING, between, table, time};
use crate::cli::output;

#[derive(Debug, Args)]
pub(crate) struct History {
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u32,
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

impl History {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let place = context.place().await?;
        let page = PageRequest { limit: Some(self.limit), cursor: self.cursor };
        let page = context.client.list_deployments(&place.app, &place.env, &DeploymentFilter::default(), &page).await?;
        if context.json {
            output::json(&page);
            return Ok(Exit::Done);
        }
        let headings = ["at", "kind", "from", "to", "result", "took", "actor", "reason", "job"];
        let mut table = table(context.language, &headings);
        for deployment in &page.items {
            table.add_row(row(context, deployment));
        }
        output::line(&table.to_string());
        output::next_page(context, page.next_cursor.as_deref());
        Ok(Exit::Done)
    }
}

fn row(context: &Context, deployment: &DeploymentView) -> [String; 9] {
    let took = deployment.ended_at.map(|ended| between(context.language, deployment.started_at, ended));
    [
        time(deployment.started_at),
        context.text(&format!("cli.kind-{}", deployment.kind.as_str()), []),
        deployment.from.as_ref().map_or_else(|| NOTHING.to_owned(), ToString::to_string),
        deployment.to.to_string(),
        context.text(&format!("cli.result-{}", deployment.result.as_str()), []),
        took.unwrap_or_else(|| NOTHING.to_owned()),
        deployment.actor.clone(),
        deployment.reason.clone(),
        deployment.job.to_string(),
    ]
}
