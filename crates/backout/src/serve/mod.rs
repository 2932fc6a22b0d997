//! The service: API and worker, together or apart.

mod banner;
mod run;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use i18n::Language;

use crate::admin;
use crate::failure::{Failure, Result};
use crate::keyed::Keyed;
use crate::settings::{ApiFlags, CommandLine, Flags, RunFlags, Settings, Surroundings};
use crate::telemetry;
use run::Parts;

/// The subcommands that run or look after the service.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the service: API and worker in one process
    Serve(Box<ServeArgs>),
    /// Run a worker without the API
    Worker(WorkerArgs),
    /// Look after the control database and its keys
    #[command(subcommand)]
    Admin(admin::Command),
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    flags: Flags,
    #[command(flatten)]
    run: RunFlags,
    #[command(flatten)]
    api: ApiFlags,
    /// Run no worker in this process
    #[arg(long)]
    no_worker: bool,
}

#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    #[command(flatten)]
    flags: Flags,
    #[command(flatten)]
    run: RunFlags,
}

/// Runs one of them to its end, and tells why where it failed.
pub(crate) fn run(command: &Command, language: Language) -> ExitCode {
    let surroundings = Surroundings::read();
    let outcome = match command {
        Command::Serve(args) => args.run(&surroundings, language),
        Command::Worker(args) => args.run(&surroundings, language),
        Command::Admin(command) => command.run(&surroundings, language),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{}", failure.text(language));
            failure.exit().into()
        }
    }
}

impl ServeArgs {
    fn run(&self, surroundings: &Surroundings, language: Language) -> Result<()> {
        let line = CommandLine { flags: Some(&self.flags), run: Some(&self.run), api: Some(&self.api) };
        let settings = Settings::load(&line, surroundings).map_err(Failure::settings)?;
        telemetry::log(&settings)?;
        let parts = if self.no_worker { Parts::Api } else { Parts::Both };
        to_the_end(run::until_stopped(&settings, parts, language))
    }
}

impl WorkerArgs {
    fn run(&self, surroundings: &Surroundings, language: Language) -> Result<()> {
        let line = CommandLine { flags: Some(&self.flags), run: Some(&self.run), api: None };
        let loaded = Settings::load(&line, surroundings);
        let lacks = |settings: &Settings| settings.database_url.is_none();
        let settings = match loaded {
            Ok(settings) if lacks(&settings) => {
                return Err(Failure::settings(vec![Keyed::new("serve.worker-needs-database")]));
            }
            loaded => loaded.map_err(Failure::settings)?,
        };
        telemetry::log(&settings)?;
        to_the_end(run::until_stopped(&settings, Parts::Worker, language))
    }
}

/// Runs a command of the service on a runtime of its own. What then still blocks one of its threads (a hung file
/// system, a file that is being read) does not keep the process from ending.
pub(crate) fn to_the_end(command: impl Future<Output = Result<()>>) -> Result<()> {
    const OVERTIME: Duration = Duration::from_secs(2);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::internal)?;
    let outcome = runtime.block_on(command);
    runtime.shutdown_timeout(OVERTIME);
    outcome
}
