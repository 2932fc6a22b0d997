//! The command line as it is written. Its help texts are in the locale files, see [`super::help`].

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::commands;
use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;

#[derive(Debug, Parser)]
#[command(name = "backout", version)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Global {
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) url: Option<String>,
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    #[arg(long, global = true, value_name = "TOKEN")]
    pub(crate) token: Option<String>,
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) app: Option<String>,
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) env: Option<String>,
    #[arg(long, global = true, value_name = "LANGUAGE")]
    pub(crate) lang: Option<Lang>,
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Lang {
    #[value(name = "en")]
    En,
    #[value(name = "zh-CN")]
    ZhCn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum SchemaChoice {
    #[default]
    Auto,
    Down,
    Keep,
}

impl From<SchemaChoice> for domain::deployment::SchemaMode {
    fn from(choice: SchemaChoice) -> Self {
        match choice {
            SchemaChoice::Auto => Self::Auto,
            SchemaChoice::Down => Self::Down,
            SchemaChoice::Keep => Self::Keep,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(flatten)]
    Everyday(Everyday),
    #[command(flatten)]
    Service(crate::serve::Command),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Everyday {
    Status,
    Releases(commands::releases::Releases),
    History(commands::history::History),
    Diff(commands::diff::Diff),
    Migrations,
    Drift,
    Baseline(commands::baseline::Baseline),
    Repair(commands::repair::Repair),
    Backup(commands::backup::Backup),
    Backups(commands::backups::Backups),
    Restore(commands::restore::Restore),
    Preserved(commands::preserved::Preserved),
    Rehearse(commands::rehearse::Rehearse),
    #[command(subcommand)]
    Series(commands::series::Series),
    Plan(commands::plan::Plan),
    Rollback(commands::rollback::Rollback),
    Deploy(commands::deploy::Deploy),
    Migrate(commands::migrate::Migrate),
    #[command(subcommand)]
    Release(commands::release::Release),
    #[command(subcommand)]
    App(commands::app::App),
    #[command(subcommand)]
    Env(commands::env::Env),
    Jobs(commands::jobs::Jobs),
    #[command(subcommand)]
    Job(commands::job::Job),
    #[command(subcommand)]
    Maintenance(commands::maintenance::Maintenance),
    Gateway,
    Doctor,
    #[command(subcommand)]
    Token(commands::token::Token),
    Completions(commands::completions::Completions),
}

impl Everyday {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::Status => commands::status::run(context).await,
            Self::Releases(command) => command.run(context).await,
            Self::History(command) => command.run(context).await,
            Self::Diff(command) => command.run(context).await,
            Self::Migrations => commands::migrations::run(context).await,
            Self::Drift => commands::drift::run(context).await,
            Self::Baseline(command) => command.run(context).await,
            Self::Repair(command) => command.run(context).await,
            Self::Backup(command) => command.run(context).await,
            Self::Backups(command) => command.run(context).await,
            Self::Restore(command) => command.run(context).await,
            Self::Preserved(command) => command.run(context).await,
            Self::Rehearse(command) => command.run(context).await,
            Self::Series(command) => command.run(context).await,
            Self::Plan(command) => command.run(context).await,
            Self::Rollback(command) => command.run(context).await,
            Self::Deploy(command) => command.run(context).await,
            Self::Migrate(command) => command.run(context).await,
            Self::Release(command) => command.run(context).await,
            Self::App(command) => command.run(context).await,
            Self::Env(command) => command.run(context).await,
            Self::Jobs(command) => command.run(context).await,
            Self::Job(command) => command.run(context).await,
            Self::Maintenance(command) => command.run(context).await,
            Self::Gateway => commands::gateway::run(context).await,
            Self::Doctor => commands::doctor::run(context).await,
            Self::Token(command) => command.run(context).await,
            Self::Completions(command) => Ok(command.run(context)),
        }
    }
}
