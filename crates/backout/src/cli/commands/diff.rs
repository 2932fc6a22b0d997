//! `backout diff A B`: what differs between two registered releases, in four layers.

use clap::Args;
use domain::plan::between_releases;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::{output, render};

#[derive(Debug, Args)]
pub(crate) struct Diff {
    #[arg(value_name = "A")]
    from: String,
    #[arg(value_name = "B")]
    to: String,
}

impl Diff {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let app = context.application().await?;
        let (from, to) = tokio::try_join!(
            context.client.get_release(&app, &self.from),
            context.client.get_release(&app, &self.to),
        )?;
        let found = between_releases(&from, &to, context.named_environment().as_deref());
        if context.json {
            output::json(&found);
        } else {
            output::line(render::difference(context.language, &found).trim_end());
        }
        Ok(Exit::Done)
    }
}
