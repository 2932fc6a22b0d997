//! Looking after the control database and its keys.

mod archive;
mod backup;
mod restore;
mod token;
mod workers;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use i18n::Language;

use crate::data_directory::{self, DataDirectory};
use crate::database::{self, Server};
use crate::failure::{Failure, Result};
use crate::serve::to_the_end;
use crate::settings::{CommandLine, Flags, Settings, Surroundings};
use crate::telemetry;

/// The subcommands of `admin`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write control database and keys into one file; the service may run
    Backup(BackupArgs),
    /// Put control database and keys back from such a file; the service must not run
    Restore(RestoreArgs),
    /// Make another administrator's token, when the first one is lost; the service may run
    Token(TokenArgs),
}

#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    #[command(flatten)]
    flags: Flags,
    /// The file to write, or a directory for a file named by the time
    #[arg(long, value_name = "PATH")]
    to: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    flags: Flags,
    /// The backup
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace a control database that is in use; it is backed up first
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    #[command(flatten)]
    flags: Flags,
}

impl Command {
    /// Runs it to its end and prints what it did.
    pub(crate) fn run(&self, surroundings: &Surroundings, language: Language) -> Result<()> {
        let flags = match self {
            Self::Backup(args) => &args.flags,
            Self::Restore(args) => &args.flags,
            Self::Token(args) => &args.flags,
        };
        let line = CommandLine { flags: Some(flags), ..CommandLine::default() };
        let settings = Settings::load(&line, surroundings).map_err(Failure::settings)?;
        telemetry::log(&settings)?;
        to_the_end(async {
            match self {
                Self::Backup(args) => backup::run(&settings, &args.to, language).await,
                Self::Restore(args) => restore::run(&settings, &args.file, args.force, language).await,
                Self::Token(_) => token::run(&settings, language).await,
            }
        })
    }
}

/// The control database's server: ours to start, or that of a service that runs.
async fn reach(settings: &Settings) -> Result<(Server, Option<DataDirectory>)> {
    let opened = DataDirectory::open(&settings.data_directory, database::sharing(settings));
    if data_directory::restoring(&settings.data_directory).is_some() {
        return Err(Failure::restore_unfinished(&settings.data_directory));
    }
    match opened {
        Ok(directory) => Ok((Server::start(settings, &directory).await?, Some(directory))),
        // The service runs: its server answers us too.
        Err(data_directory::Error::Held { .. }) => Ok((Server::of_another_process(settings)?, None)),
        Err(error) => Err(error.into()),
    }
}

/// Writes lines for the reader.
fn print(lines: &[String]) {
    use std::io::Write;
    // Whoever closed standard output does not want to read it.
    let _ = writeln!(std::io::stdout(), "{}", lines.join("\n"));
}
