//! The shipped binary, run as a user runs it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process::Launch;
use crate::{ReservedPort, Scratch, Server, blocking, process, unique_name, wait};

/// The first start installs a private database server.
const START_WAIT: Duration = Duration::from_mins(1);
const ASK_WAIT: Duration = Duration::from_secs(2);

/// `backout serve` with a data directory of its own.
#[derive(Debug)]
pub struct Backout {
    server: Server,
    scratch: Scratch,
    port: ReservedPort,
    environment: Vec<(String, String)>,
    token: String,
}

impl Backout {
    /// Starts it with the embedded database, and with these variables in its environment besides.
    pub fn serve(environment: &[(&str, &str)]) -> Result<Self> {
        Self::start(&[], environment)
    }

    /// Starts it without a worker; `environment` names the control database. See [`Backout::worker`].
    pub fn serve_without_worker(environment: &[(&str, &str)]) -> Result<Self> {
        Self::start(&["--no-worker"], environment)
    }

    fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Self> {
        let scratch = Scratch::new("backout")?;
        let port = ReservedPort::new()?;
        let environment: Vec<_> =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let launch =
            launch(&scratch, "serve", &environment)?.args(arguments).env("BACKOUT_LISTEN", port.address().to_string());
        let mut backout = Self { server: Server::spawn(launch)?, scratch, port, environment, token: String::new() };
        backout.wait_ready()?;
        backout.token = backout.printed_token()?;
        Ok(backout)
    }

    /// A further process, `backout worker`, on the same data directory and control database.
    pub fn worker(&self) -> Result<Server> {
        let worker = Server::spawn(launch(&self.scratch, "worker", &self.environment)?)?;
        worker.wait_ready(START_WAIT, || {
            let log = std::fs::read_to_string(worker.log())?;
            if log.contains("worker started") { Ok(()) } else { bail!("it has not registered yet") }
        })?;
        Ok(worker)
    }

    /// Starts it again on the same data directory after [`Server::kill9`] or a stop.
    pub fn restart(&self) -> Result<()> {
        self.server.respawn()?;
        self.wait_ready()
    }

    /// The process.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The administrator's token, as it was printed at the first start.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Where the API answers.
    pub fn url(&self) -> String {
        format!("http://{}", self.port.address())
    }

    /// A directory that lives as long as this value.
    pub fn directory(&self) -> &Path {
        self.scratch.path()
    }

    /// The command line, ready to speak to this service.
    pub fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(binary()?);
        command
            .args(arguments)
            .env("BACKOUT_URL", self.url())
            .env("BACKOUT_TOKEN", &self.token)
            .env("XDG_CONFIG_HOME", self.scratch.path());
        Ok(command)
    }

    fn wait_ready(&self) -> Result<()> {
        let url = format!("{}/health/ready", self.url());
        self.server.wait_ready(START_WAIT, || {
            blocking::run(async {
                let client = reqwest::Client::builder().timeout(ASK_WAIT).build()?;
                client.get(&url).send().await?.error_for_status()?;
                Ok(())
            })
        })
    }

    /// The token is printed once the service answers, so it may be a moment later in the log.
    fn printed_token(&self) -> Result<String> {
        let printed = wait::poll(START_WAIT, || {
            let log = std::fs::read_to_string(self.server.log()).ok()?;
            let (_, rest) = log.split_once("BACKOUT_TOKEN=")?;
            rest.split_once('\n').map(|(token, _)| token.to_owned())
        });
        printed.with_context(|| format!("`backout serve` printed no token\n{}", self.server.log_tail()))
    }
}

impl Drop for Backout {
    fn drop(&mut self) {
        // A killed service leaves its private database server behind, to be adopted by the next one.
        let _ = self.server.kill9();
        process::kill_all_of(self.scratch.path());
    }
}

/// `backout <command>` on the data directory in `scratch`, with a log of its own.
fn launch(scratch: &Scratch, command: &str, environment: &[(String, String)]) -> Result<Launch> {
    let log = scratch.path().join(format!("{}.log", unique_name(command)));
    let mut launch = Launch::new(binary()?, log)
        .arg(command)
        .env("BACKOUT_DATA_DIRECTORY", scratch.path().join("data"))
        .env("LC_ALL", "C");
    for (name, value) in environment {
        launch = launch.env(name, value);
    }
    Ok(launch)
}

/// The binary of the profile that this program was built with.
fn binary() -> Result<PathBuf> {
    let here = std::env::current_exe()?;
    for directory in here.ancestors().skip(1).take(2) {
        let candidate = directory.join("backout");
        if candidate.is_file() {
            return Ok(candidate);
        }
    }
    bail!("the backout binary is not built beside {}: run `cargo build`", here.display())
}
