//! The shipped binary as processes over one MariaDB, apart from each other.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use client::{Client, Settings};
use testkit::process::Launch;
use testkit::{ReservedPort, Scratch, Server};

const START_WAIT: Duration = Duration::from_mins(1);

/// `backout serve` over a database that is given, and a data directory for more processes.
pub(crate) struct Program {
    pub(crate) server: Server,
    pub(crate) token: String,
    port: ReservedPort,
    scratch: Scratch,
    database_url: String,
    environment: Vec<(String, String)>,
}

impl Program {
    /// Starts the API, with or without a worker in the same process.
    pub(crate) async fn serve(database_url: &str, with_worker: bool, environment: &[(&str, &str)]) -> Result<Self> {
        let scratch = Scratch::new("bench")?;
        let port = ReservedPort::new()?;
        let environment: Vec<(String, String)> =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut launch = launch(&scratch, "serve", database_url, &environment)?.arg("serve");
        if !with_worker {
            launch = launch.arg("--no-worker");
        }
        let launch = launch.env("BACKOUT_LISTEN", port.address().to_string());
        let server = Server::spawn(launch)?;
        let mut program =
            Self { server, token: String::new(), port, scratch, database_url: database_url.to_owned(), environment };
        program.token = program.printed_token().await?;
        Ok(program)
    }

    /// Starts a worker in a process of its own.
    pub(crate) fn worker(&self, name: &str) -> Result<Server> {
        Server::spawn(launch(&self.scratch, name, &self.database_url, &self.environment)?.arg("worker"))
    }

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.port.address()
    }

    pub(crate) fn client(&self) -> Result<Client> {
        Ok(Client::new(Settings {
            url: format!("http://{}", self.address()),
            ca_file: None,
            token: Some(self.token.clone().into()),
            language: "en".to_owned(),
        })?)
    }

    async fn printed_token(&self) -> Result<String> {
        let log = self.server.log().to_owned();
        let printed = testkit::eventually(START_WAIT, || async {
            let text = std::fs::read_to_string(&log).ok()?;
            let (_, rest) = text.split_once("BACKOUT_TOKEN=")?;
            rest.split_once('\n').map(|(token, _)| token.to_owned())
        });
        printed.await.with_context(|| format!("`backout serve` printed no token\n{}", self.server.log_tail()))
    }
}

fn launch(scratch: &Scratch, name: &str, database_url: &str, environment: &[(String, String)]) -> Result<Launch> {
    let launch = Launch::new(binary()?, scratch.path().join(format!("{name}.log")))
        .env("BACKOUT_DATA_DIRECTORY", scratch.path().join("data"))
        .env("BACKOUT_DATABASE_URL", database_url)
        .env("LC_ALL", "C");
    Ok(environment.iter().fold(launch, |launch, (name, value)| launch.env(name, value)))
}

/// The binary that was built beside this one.
fn binary() -> Result<PathBuf> {
    let here = std::env::current_exe()?;
    let binary = here.parent().unwrap_or(Path::new("/")).join("backout");
    ensure!(binary.is_file(), "{} is not built: run `make bench`", binary.display());
    Ok(binary)
}
