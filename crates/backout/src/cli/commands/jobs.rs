//! `backout jobs`: what is being done, and what was.

use clap::Args;
use client::{JobFilter, PageRequest};
use domain::job::JobState;
use i18n::job_state;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::format::{NOTHING, optional_time, table, time};
use crate::cli::output;

#[derive(Debug, Args)]
pub(crate) struct Jobs {
    #[arg(long, value_name = "STATE", value_parser = parse_state)]
    state: Option<JobState>,
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u32,
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

fn parse_state(word: &str) -> Result<JobState, String> {
    JobState::from_word(word).ok_or_else(|| JobState::ALL.map(JobState::as_str).join(", "))
}

impl Jobs {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let filter = JobFilter {
            application: context.named_application(),
            environment: context.named_environment(),
            state: self.state,
        };
        let page = PageRequest { limit: Some(self.limit), cursor: self.cursor };
        let page = context.client.list_jobs(&filter, &page).await?;
        if context.json {
            output::json(&page);
            return Ok(Exit::Done);
        }
        let headings = ["job", "kind", "application", "environment", "from", "to", "state", "actor", "at", "ended"];
        let mut table = table(context.language, &headings);
        for job in &page.items {
            table.add_row([
                job.id.to_string(),
                context.text(&format!("cli.kind-{}", job.kind.as_str()), []),
                job.application.clone(),
                job.environment.clone(),
                job.from.as_ref().map_or_else(|| NOTHING.to_owned(), ToString::to_string),
                job.to.to_string(),
                job_state(context.language, job.state),
                job.actor.clone(),
                time(job.created_at),
                optional_time(job.ended_at),
            ]);
        }
        output::line(&table.to_string());
        output::next_page(context, page.next_cursor.as_deref());
        Ok(Exit::Done)
    }
}
