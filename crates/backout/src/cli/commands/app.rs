//! `backout app create`: makes an application known.

use clap::{Args, Subcommand};
use domain::view::NewApplication;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output;

#[derive(Debug, Subcommand)]
pub(crate) enum App {
    Create(Create),
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    #[arg(value_name = "NAME")]
    name: String,
    #[arg(long, value_name = "TEXT", default_value = "")]
    description: String,
}

impl App {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let Self::Create(Create { name, description }) = self;
        let made = context.client.create_application(&NewApplication { name, description }).await?;
        if context.json {
            output::json(&made);
        } else {
            output::line(&context.text("cli.application-made", [("name", made.name.as_str())]));
        }
        Ok(Exit::Done)
    }
}
