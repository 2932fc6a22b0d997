//! The everyday commands: what a person or a pipeline asks of the service.

mod args;
mod commands;
mod confirm;
mod context;
mod exit;
mod failure;
mod format;
mod help;
mod manifest;
mod output;
mod render;
mod settings;
#[cfg(test)]
mod texts;
mod watch;

use std::process::ExitCode;

use clap::FromArgMatches;
use i18n::Language;

use self::args::{Cli, Command};
use self::context::Context;
use self::exit::Exit;
use self::failure::Failure;
use self::settings::{Settings, Surroundings};

/// Reads the command line, does what it asks, and says how it went.
pub(crate) fn main() -> ExitCode {
    let surroundings = Surroundings::read();
    let language = settings::language_before_parsing(std::env::args_os(), &surroundings);
    let matches = help::command(language).get_matches();
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    match cli.command {
        Command::Service(command) => crate::serve::run(&command, language),
        Command::Everyday(command) => {
            let json = cli.global.json;
            match everyday(command, &cli.global, &surroundings, language) {
                Ok(exit) => exit.into(),
                Err(failure) => {
                    failure.tell(language, json);
                    failure.exit().into()
                }
            }
        }
    }
}

fn everyday(
    command: args::Everyday,
    global: &args::Global,
    surroundings: &Surroundings,
    language: Language,
) -> Result<Exit, Failure> {
    let settings = Settings::load(global, surroundings)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::io)?;
    let context = Context::new(settings, global, language)?;
    runtime.block_on(async {
        tokio::select! {
            done = command.run(&context) => done,
            signal = tokio::signal::ctrl_c() => match signal {
                // Ending this process ends no job; whoever interrupts has to know that.
                Ok(()) => Err(Failure::Interrupted(context.watched())),
                Err(error) => Err(Failure::io(error)),
            },
        }
    })
}
