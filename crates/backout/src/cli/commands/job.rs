//! `backout job watch | cancel | resolve | report`: one job.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use domain::ids::JobId;
use domain::view::{CancelRequest, ResolveRequest, StuckChoice};

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::watch::watch_and_tell;

#[derive(Debug, Subcommand)]
pub(crate) enum Job {
    Watch(Watch),
    Cancel(Cancel),
    Resolve(Resolve),
    Report(Report),
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    #[arg(value_name = "ID")]
    id: JobId,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum Format {
    #[default]
    Text,
    Html,
}

#[derive(Debug, Args)]
pub(crate) struct Watch {
    #[arg(value_name = "ID")]
    id: JobId,
}

#[derive(Debug, Args)]
pub(crate) struct Cancel {
    #[arg(value_name = "ID")]
    id: JobId,
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct Resolve {
    #[arg(value_name = "ID")]
    id: JobId,
    #[arg(value_enum, value_name = "retry|unwind")]
    choice: Choice,
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Choice {
    Retry,
    Unwind,
}

impl Job {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::Watch(Watch { id }) => Ok(Exit::of_job(watch_and_tell(context, id).await?.state)),
            Self::Report(command) => command.run(context).await,
            Self::Cancel(Cancel { id, reason }) => {
                context.client.cancel_job(id, &CancelRequest { reason }).await?;
                let job = watch_and_tell(context, id).await?;
                // A job that could not be stopped any more is not what was asked for.
                Ok(match job.state {
                    domain::job::JobState::Cancelled | domain::job::JobState::Undone => Exit::Done,
                    domain::job::JobState::Stuck => Exit::Stuck,
                    _ => Exit::Failed,
                })
            }
            Self::Resolve(Resolve { id, choice, reason }) => {
                let choice = match choice {
                    Choice::Retry => StuckChoice::Retry,
                    Choice::Unwind => StuckChoice::Unwind,
                };
                context.client.resolve_job(id, &ResolveRequest { choice, reason }).await?;
                let job = watch_and_tell(context, id).await?;
                Ok(match (choice, job.state) {
                    (StuckChoice::Unwind, domain::job::JobState::Undone) => Exit::Done,
                    (_, state) => Exit::of_job(state),
                })
            }
        }
    }
}

impl Report {
    async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let told = context.client.report_job(self.id).await?;
        if context.json {
            output::json(&told);
            return Ok(Exit::Done);
        }
        let text = match self.format {
            Format::Text => report::text(context.language, &told),
            Format::Html => report::html(context.language, &told),
        };
        let Some(path) = self.output else {
            output::line(text.trim_end());
            return Ok(Exit::Done);
        };
        tokio::fs::write(&path, text).await.map_err(Failure::io)?;
        output::line(&context.text("cli.report-written", [("path", path.display().to_string().as_str())]));
        Ok(Exit::Done)
    }
}
