//! A private MongoDB server, or one that speaks its protocol.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use ::mongodb::bson::doc;
use ::mongodb::{Client, options::ClientOptions};
use anyhow::{Context, Result, bail, ensure};

use crate::blocking;
use crate::images::repository;
use crate::port::ReservedPort;
use crate::process::{Launch, Server};
use crate::scratch::Scratch;

const START_WAIT: Duration = Duration::from_mins(1);
const CLIENT_WAIT: Duration = Duration::from_secs(2);
const URL_VARIABLE: &str = "BACKOUT_TEST_MONGODB_URL";

/// A server that speaks MongoDB's protocol: the one at `BACKOUT_TEST_MONGODB_URL` if that is set,
/// else a private `mongod`, else a private SecantusDB from the tools which `scripts/setup` made.
/// Tests that share it name their databases with [`crate::unique_name`].
#[derive(Debug)]
pub struct Mongo {
    url: String,
    kind: String,
    own: Option<Own>,
}

/// The parts of a server that this process started.
#[derive(Debug)]
struct Own {
    server: Server,
    _port: ReservedPort,
    _scratch: Scratch,
}

/// The one MongoDB server of this test process, started at the first call.
///
/// # Panics
/// If the server cannot be started.
pub fn shared_mongo() -> &'static Mongo {
    static SHARED: OnceLock<Mongo> = OnceLock::new();
    SHARED.get_or_init(|| Mongo::start().unwrap_or_else(|error| panic!("{error:#}")))
}

impl Mongo {
    /// Starts a server, or takes the one at `BACKOUT_TEST_MONGODB_URL`, and waits until it answers.
    pub fn start() -> Result<Self> {
        if let Some(url) = std::env::var_os(URL_VARIABLE) {
            let url = url.into_string().ok().with_context(|| format!("{URL_VARIABLE} is no text"))?;
            ping(&url).with_context(|| format!("the server at {URL_VARIABLE} does not answer"))?;
            return Ok(Self { url, kind: format!("server at {URL_VARIABLE}"), own: None });
        }
        let scratch = Scratch::new("mongodb")?;
        let port = ReservedPort::new()?;
        let (launch, kind) = if command_exists("mongod") {
            (mongod(scratch.path(), port.number()), "mongod".to_owned())
        } else {
            secantus(scratch.path(), port.number())?
        };
        let url = format!("mongodb://127.0.0.1:{}", port.number());
        let server = Server::spawn(launch)?;
        let mongo = Self { url, kind, own: Some(Own { server, _port: port, _scratch: scratch }) };
        mongo.wait_ready()?;
        Ok(mongo)
    }

    /// Starts the server again on the same port and data after [`Server::kill9`].
    pub fn restart(&self) -> Result<()> {
        self.server()?.respawn()?;
        self.wait_ready()
    }

    /// The server's process; an error if this process did not start it.
    pub fn server(&self) -> Result<&Server> {
        let own = self.own.as_ref();
        Ok(&own.with_context(|| format!("the {} is not ours to control", self.kind))?.server)
    }

    /// The server's URL, without a database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What runs: `mongod`, `SecantusDB` with its version, or the server that was given.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    fn wait_ready(&self) -> Result<()> {
        self.server()?.wait_ready(START_WAIT, || ping(&self.url))
    }
}

fn ping(url: &str) -> Result<()> {
    blocking::run(async {
        let mut options = ClientOptions::parse(url).await?;
        options.server_selection_timeout = Some(CLIENT_WAIT);
        options.connect_timeout = Some(CLIENT_WAIT);
        let client = Client::with_options(options)?;
        let admin = client.database("admin");
        let reply = async { admin.run_command(doc! { "ping": 1 }).await };
        tokio::time::timeout(CLIENT_WAIT * 2, reply).await.context("no answer to ping")??;
        Ok(())
    })
}

fn mongod(directory: &Path, port: u16) -> Launch {
    Launch::new("mongod", directory.join("mongod.log"))
        .arg("--dbpath")
        .arg(directory)
        .args(["--bind_ip", "127.0.0.1", "--wiredTigerCacheSizeGB", "0.25"])
        .args(["--port", &port.to_string()])
}

fn secantus(directory: &Path, port: u16) -> Result<(Launch, String)> {
    let venv = secantus_venv();
    let program = venv.join("bin/secantusd-py");
    if !program.exists() {
        bail!("there is neither mongod nor {}: run scripts/setup", program.display());
    }
    // An explicit empty file keeps the server from reading the user's own configuration.
    let configuration = directory.join("secantusd.toml");
    std::fs::write(&configuration, "")?;
    let launch = Launch::new(program, directory.join("secantusd.log"))
        .arg("--config")
        .arg(configuration)
        .arg("--storage-path")
        .arg(directory.join("data"))
        .args(["--host", "127.0.0.1", "--port", &port.to_string()])
        // As mongod with its default write concern: what was acknowledged survives a kill.
        .arg("--sync-on-commit")
        .args(["--cache-size", "256M", "--log-level", "WARNING"]);
    Ok((launch, format!("SecantusDB {}", secantus_version(&venv)?)))
}

/// The virtual environment made by `scripts/setup`.
fn secantus_venv() -> PathBuf {
    let tools = std::env::var_os("BACKOUT_TOOLS").map(PathBuf::from);
    tools.unwrap_or_else(|| repository().join("target/tools")).join("secantusdb")
}

fn secantus_version(venv: &Path) -> Result<String> {
    let output = Command::new(venv.join("bin/python"))
        .args(["-c", "from importlib.metadata import version; print(version('SecantusDB'))"])
        .output()
        .context("cannot run the Python of SecantusDB")?;
    ensure!(output.status.success(), "SecantusDB is not installed in {}", venv.display());
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn command_exists(name: &str) -> bool {
    let path: OsString = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(name).is_file())
}
