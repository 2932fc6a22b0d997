//! `backout release register`: makes releases known, as CI does.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::{manifest, output};

#[derive(Debug, Subcommand)]
pub(crate) enum Release {
    Register(Register),
}

#[derive(Debug, Args)]
pub(crate) struct Register {
    #[arg(long, short, value_name = "FILE", required = true, num_args = 1..)]
    file: Vec<PathBuf>,
}

impl Release {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let Self::Register(Register { file }) = self;
        // All are read before the first is sent: a mistake in the last registers none.
        let specs = file.iter().map(|path| manifest::load(path)).collect::<Result<Vec<_>, _>>()?;
        let app = context.application().await?;
        let mut registered = Vec::new();
        for spec in &specs {
            let (release, is_new) = context.client.register_release(&app, spec).await?;
            if !context.json {
                let key = if is_new { "cli.registered" } else { "cli.registered-before" };
                let version = release.release.version.to_string();
                output::line(&context.text(key, [("application", app.as_str()), ("version", version.as_str())]));
            }
            registered.push(release);
        }
        if context.json {
            output::json(&registered);
        }
        Ok(Exit::Done)
    }
}
