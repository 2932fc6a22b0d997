//! CMS Backend: the application that Backout's demo and tests deploy and roll back. It uses its MariaDB and
//! MongoDB schema in earnest, and refuses to start on a schema that its release does not run on.

mod app;
mod articles;
mod audit;
mod auth;
mod cache;
mod config;
mod databases;
mod envelope;
mod faults;
mod health;
mod log;
mod metrics;
mod two_factor;
mod users;
mod version;

use std::{env, future::IntoFuture, process::ExitCode, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
    time::{sleep, timeout},
};

use crate::{
    app::App, cache::Cache, config::Config, databases::Databases, faults::Fault, faults::FaultSwitch, log::Log,
    metrics::Metrics,
};

/// At start the databases have this long to appear.
const DATABASES_TIME: Duration = Duration::from_secs(10);
/// After SIGTERM running requests have this long; with what the stop itself takes it stays within 5 s.
const DRAIN_TIME: Duration = Duration::from_secs(4);

/// Why the program ends, each with an exit code of its own (those of sysexits.h).
enum Failure {
    Configuration(Vec<String>),
    DatabasesMissing(String),
    Schema(version::SchemaRefusal),
    Other(String),
}

impl Failure {
    fn other(what: &str, error: &impl std::fmt::Display) -> Self {
        Self::Other(format!("{what}: {error}"))
    }

    fn report(self) -> ExitCode {
        let (messages, code) = match self {
            Self::Configuration(mistakes) => (mistakes, 64),
            Self::DatabasesMissing(why) => (vec![why], 69),
            Self::Other(why) => (vec![why], 70),
            Self::Schema(refusal) => (vec![refusal.to_string()], 78),
        };
        for message in messages {
            eprintln!("ERROR cms-backend: {message}");
        }
        ExitCode::from(code)
    }
}

fn main() -> ExitCode {
    let lookup = |name: &str| env::var(name).ok();
    let arguments: Vec<String> = env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Config::read(lookup).map_err(Failure::Configuration).and_then(run),
        ["healthcheck"] => match Config::read_listen(lookup) {
            // Docker knows two answers only: 0 healthy, 1 not.
            Ok(listen) => match health::check(listen) {
                Ok(()) => Ok(()),
                Err(why) => {
                    eprintln!("{why}");
                    return ExitCode::FAILURE;
                }
            },
            Err(mistakes) => Err(Failure::Configuration(mistakes)),
        },
        _ => Err(Failure::Configuration(vec!["usage: cms-backend [healthcheck]".into()])),
    };
    result.map_or_else(Failure::report, |()| ExitCode::SUCCESS)
}

fn run(config: Config) -> Result<(), Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::other("cannot start", &error))?
        .block_on(serve(config))
}

async fn serve(config: Config) -> Result<(), Failure> {
    let log = Log(config.log_level);
    // Before anything can wait: process 1 of a container ignores signals it does not handle.
    let mut terminate =
        signal(SignalKind::terminate()).map_err(|error| Failure::other("cannot handle SIGTERM", &error))?;
    let mut interrupt =
        signal(SignalKind::interrupt()).map_err(|error| Failure::other("cannot handle SIGINT", &error))?;
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    tokio::pin!(stop);

    let databases = tokio::select! {
        databases = open_databases(&config, log) => databases?,
        () = &mut stop => return Ok(()),
    };
    let ledger = databases
        .ledger(config.release.needed_migration())
        .await
        .map_err(|error| Failure::other("cannot read schema_migrations", &error))?;
    config.release.check(&ledger).map_err(Failure::Schema)?;

    let cache = config
        .redis
        .map(|client| Cache::open(client, log))
        .transpose()
        .map_err(|error| Failure::other("cannot use Redis", &error))?;
    let app = Arc::new(App {
        release: config.release,
        two_factor: config.two_factor,
        databases,
        cache,
        cache_ttl_seconds: config.cache_ttl_seconds,
        faults: FaultSwitch::new(config.fault),
        metrics: Metrics::default(),
        log,
    });

    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|error| Failure::other(&format!("cannot listen on {}", config.listen), &error))?;
    log.info(format_args!("{} on {}", config.release, config.listen));
    if config.fault == Fault::Crash {
        return Err(Failure::Other("crashed on purpose".into()));
    }

    let (drain, mut draining) = watch::channel(false);
    let server = axum::serve(listener, app::router(app)).with_graceful_shutdown(async move {
        // An error means that the sender is gone, which is a reason to stop as well.
        let _ = draining.wait_for(|draining| *draining).await;
    });
    let server = server.into_future();
    tokio::pin!(server);
    tokio::select! {
        ended = &mut server => return ended.map_err(|error| Failure::other("the server ended", &error)),
        () = &mut stop => log.info("stopping"),
    }
    drain.send_replace(true);
    tokio::select! {
        ended = &mut server => ended.map_err(|error| Failure::other("the server ended", &error)),
        () = sleep(DRAIN_TIME) => {
            log.warn("requests still running were cut off");
            Ok(())
        }
    }
}

/// Waits until both databases answer, or says which one did not.
async fn open_databases(config: &Config, log: Log) -> Result<Databases, Failure> {
    let databases = Databases::open(config).await.map_err(|error| Failure::other("cannot use MongoDB", &error))?;
    let mut last = String::from("no answer");
    let waiting = async {
        while let Err(why) = health::both_answer(&databases).await {
            log.debug(format_args!("waiting for {why}"));
            last = why;
            sleep(Duration::from_millis(250)).await;
        }
    };
    if timeout(DATABASES_TIME, waiting).await.is_err() {
        return Err(Failure::DatabasesMissing(last));
    }
    Ok(databases)
}
