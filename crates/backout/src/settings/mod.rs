//! What the service is told: one TOML file, `BACKOUT_*` variables over it, flags over those.
//!
//! Everything is read before anything is started, and all mistakes are reported together. No value of a secret
//! field is ever part of a message.

mod fields;
mod layers;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use secrecy::SecretString;

use crate::keyed::Keyed;

pub(crate) use fields::LONGEST_LEASE_SECONDS;
pub(crate) use layers::Surroundings;

/// What the service does, as decided.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Where the API listens.
    pub(crate) listen: SocketAddr,
    /// Where everything is kept.
    pub(crate) data_directory: PathBuf,
    /// The control database; none means the embedded one.
    pub(crate) database_url: Option<SecretString>,
    /// How many connections to it.
    pub(crate) database_max_connections: u32,
    /// The file of keys, where it is not `keys` in the data directory.
    pub(crate) key_file: Option<PathBuf>,
    /// The Redis that wakes workers of other processes.
    pub(crate) wake_url: Option<SecretString>,
    /// How many jobs a worker runs side by side.
    pub(crate) worker_slots: u16,
    /// How long a job's lease lasts without a heartbeat.
    pub(crate) lease: Duration,
    /// How long requests and jobs have to come to a rest when the process is asked to stop.
    pub(crate) shutdown: Duration,
    /// How often callers of the API may ask.
    pub(crate) rates: api::RateLimits,
    /// How many connections the API takes at a time.
    pub(crate) max_connections: usize,
    /// How the log is written; none chooses by whether a person looks at it.
    pub(crate) log_format: Option<LogFormat>,
    /// What is logged, in the form of `tracing`'s directives.
    pub(crate) log_filter: String,
    /// Things in the environment that look like settings and are none; for the log.
    pub(crate) ignored: Vec<String>,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What every command of the service can be told on the command line. Texts, so that wrong ones are reported
/// together with all other mistakes. URLs with passwords are no flags: every user of a machine can read the command
/// lines on it.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Flags {
    /// File of settings [default: /etc/backout/backout.toml, else backout.toml in the data directory]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where everything is kept
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) data_directory: Option<String>,
    /// File of the keys that seal secrets [default: keys in the data directory]
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<String>,
    /// Connections to the control database at most
    #[arg(long, value_name = "NUMBER")]
    pub(crate) database_max_connections: Option<String>,
    /// text or json [default: text on a terminal, else json]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<String>,
    /// What is logged, e.g. info,backout_control=debug
    #[arg(long, value_name = "DIRECTIVES")]
    pub(crate) log_filter: Option<String>,
}

/// Further flags of `serve` and `worker`.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct RunFlags {
    /// Jobs that the worker runs side by side
    #[arg(long, value_name = "NUMBER")]
    pub(crate) worker_slots: Option<String>,
    /// Seconds after which a worker that is not heard of has lost its jobs
    #[arg(long, value_name = "SECONDS")]
    pub(crate) lease_seconds: Option<String>,
    /// Seconds that requests and jobs have when the process is asked to stop
    #[arg(long, value_name = "SECONDS")]
    pub(crate) shutdown_seconds: Option<String>,
}

/// Further flags of `serve`.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ApiFlags {
    /// Where the API listens [default: 127.0.0.1:7420]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// Connections that the API takes at a time [default: 512]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) max_connections: Option<String>,
    /// Requests of one token a minute; 0 is no limit [default: 6000]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) requests_per_minute: Option<String>,
    /// Tokens that may be tried from one address a minute; 0 is no limit [default: 60]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) authentications_per_minute: Option<String>,
}

impl Flags {
    fn values(&self) -> Vec<(&'static str, &Option<String>)> {
        vec![
            ("data_directory", &self.data_directory),
            ("key_file", &self.key_file),
            ("database_max_connections", &self.database_max_connections),
            ("log_format", &self.log_format),
            ("log_filter", &self.log_filter),
        ]
    }
}

impl RunFlags {
    fn values(&self) -> Vec<(&'static str, &Option<String>)> {
        vec![
            ("worker_slots", &self.worker_slots),
            ("lease_seconds", &self.lease_seconds),
            ("shutdown_seconds", &self.shutdown_seconds),
        ]
    }
}

impl ApiFlags {
    fn values(&self) -> Vec<(&'static str, &Option<String>)> {
        vec![
            ("listen", &self.listen),
            ("max_connections", &self.max_connections),
            ("requests_per_minute", &self.requests_per_minute),
            ("authentications_per_minute", &self.authentications_per_minute),
        ]
    }
}

/// All that the command line says about settings.
#[derive(Debug, Clone, Default)]
pub(crate) struct CommandLine<'a> {
    pub(crate) flags: Option<&'a Flags>,
    pub(crate) run: Option<&'a RunFlags>,
    pub(crate) api: Option<&'a ApiFlags>,
}

impl Settings {
    /// Reads everything. What is wrong comes back all together, one sentence each.
    pub(crate) fn load(line: &CommandLine<'_>, surroundings: &Surroundings) -> Result<Self, Vec<Keyed>> {
        let (given, mut mistakes) = layers::gather(line, surroundings);
        let settings = fields::decide(&given, surroundings, &mut mistakes);
        match settings {
            Some(settings) if mistakes.is_empty() => Ok(settings),
            _ => Err(mistakes),
        }
    }
}
