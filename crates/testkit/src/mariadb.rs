//! A private MariaDB server.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};

use crate::blocking;
use crate::names::unique_name;
use crate::port::ReservedPort;
use crate::process::{Launch, Server};
use crate::scratch::{self, Scratch};

const USER: &str = "backout";
const PASSWORD: &str = "backout-test";
const START_WAIT: Duration = Duration::from_mins(1);
const CLIENT_WAIT: Duration = Duration::from_secs(5);
/// The data directory is made with the same size, else the first start would resize the log.
const LOG_FILE_SIZE: &str = "--innodb-log-file-size=16M";

/// A MariaDB server on a free port of `127.0.0.1` and a unix socket, with a data directory of its
/// own, durable at each commit. Ends on drop.
#[derive(Debug)]
pub struct MariaDb {
    server: Server,
    port: ReservedPort,
    scratch: Scratch,
}

/// The one MariaDB server of this test process, started at the first call.
///
/// # Panics
/// If the server cannot be started.
pub fn shared_mariadb() -> &'static MariaDb {
    static SHARED: OnceLock<MariaDb> = OnceLock::new();
    SHARED.get_or_init(|| MariaDb::start().unwrap_or_else(|error| panic!("{error:#}")))
}

impl MariaDb {
    /// Starts a server and waits until it answers.
    pub fn start() -> Result<Self> {
        Self::start_with(&[])
    }

    /// Starts a server with further options such as `--innodb-buffer-pool-size=1G`.
    pub fn start_with(options: &[&str]) -> Result<Self> {
        let template = template()?;
        let scratch = Scratch::new("mariadb")?;
        let port = ReservedPort::new()?;
        let directory = scratch.path();
        copy(&template, &directory.join("data"))?;
        let accounts = directory.join("accounts.sql");
        fs::write(&accounts, accounts_sql())?;

        let launch = Launch::new("mariadbd", directory.join("mariadbd.log"))
            .arg("--no-defaults")
            .arg(option("--datadir", &directory.join("data")))
            .arg(option("--socket", &socket(directory)))
            .arg(option("--pid-file", &directory.join("pid")))
            .arg(option("--init-file", &accounts))
            .arg(option("--tmpdir", directory))
            .arg(format!("--port={}", port.number()))
            .args(["--bind-address=127.0.0.1", "--skip-name-resolve", "--user=root"])
            .args(["--innodb-buffer-pool-size=32M", LOG_FILE_SIZE])
            .args(["--innodb-flush-log-at-trx-commit=1"])
            // Every application and service of a test run keeps a few open.
            .args(["--max-connections=2000"])
            .args(options);
        let mariadb = Self { server: Server::spawn(launch)?, port, scratch };
        mariadb.wait_ready()?;
        Ok(mariadb)
    }

    /// Starts the server again on the same port and data directory after [`Server::kill9`].
    pub fn restart(&self) -> Result<()> {
        self.server.respawn()?;
        self.wait_ready()
    }

    /// The server's process.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The TCP address.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// The TCP port on `127.0.0.1`.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The unix socket.
    pub fn socket(&self) -> PathBuf {
        socket(self.scratch.path())
    }

    /// The URL of `database` over TCP, for a user with all privileges.
    pub fn url(&self, database: &str) -> String {
        format!("mariadb://{USER}:{PASSWORD}@127.0.0.1:{}/{database}", self.port())
    }

    /// Creates an empty database whose name begins with `prefix` and that no other test has.
    pub fn create_database(&self, prefix: &str) -> Result<String> {
        let name = unique_name(prefix);
        self.execute(&format!("CREATE DATABASE `{name}` CHARACTER SET utf8mb4"))?;
        Ok(name)
    }

    /// Executes one statement as the user with all privileges, outside any database.
    pub fn execute(&self, statement: &str) -> Result<()> {
        blocking::run(async {
            let mut connection = self.connect().await?;
            tokio::time::timeout(START_WAIT, connection.execute(AssertSqlSafe(statement)))
                .await
                .with_context(|| format!("MariaDB took over {START_WAIT:?} for {statement}"))?
                .with_context(|| format!("MariaDB refused {statement}"))?;
            connection.close().await?;
            Ok(())
        })
    }

    fn wait_ready(&self) -> Result<()> {
        self.server.wait_ready(START_WAIT, || {
            blocking::run(async {
                self.connect().await?.close().await?;
                Ok(())
            })
        })
    }

    async fn connect(&self) -> Result<MySqlConnection> {
        let options = MySqlConnectOptions::new().socket(self.socket()).username(USER).password(PASSWORD);
        let connection =
            tokio::time::timeout(CLIENT_WAIT, options.connect()).await.context("MariaDB did not answer in time")??;
        Ok(connection)
    }
}

fn socket(directory: &Path) -> PathBuf {
    directory.join("mariadb.sock")
}

fn option(name: &str, path: &Path) -> String {
    format!("{name}={}", path.display())
}

/// One statement a line, as `--init-file` wants it; it runs at each start, before the first
/// connection is let in.
fn accounts_sql() -> String {
    ["127.0.0.1", "localhost"].iter().fold(String::new(), |sql, host| {
        sql + &format!(
            "CREATE USER IF NOT EXISTS `{USER}`@`{host}` IDENTIFIED BY '{PASSWORD}';\n\
             GRANT ALL PRIVILEGES ON *.* TO `{USER}`@`{host}` WITH GRANT OPTION;\n"
        )
    })
}

/// The directory with a fresh data directory, made once per machine and version: copying it is much
/// faster than `mariadb-install-db`.
fn template() -> Result<PathBuf> {
    let root = scratch::root()?;
    let template = root.join(format!("mariadb-{}", version()?));
    let _guard = scratch::lock(&root.join("mariadb.lock"))?;
    if template.exists() {
        return Ok(template);
    }
    let made = tempfile::Builder::new().prefix("mariadb-making-").tempdir_in(&root)?;
    let data = made.path().join("data");
    let output = Command::new("mariadb-install-db")
        .arg("--no-defaults")
        .arg(option("--datadir", &data))
        .args(["--user=root", "--skip-test-db", "--skip-name-resolve", LOG_FILE_SIZE])
        .output()
        .context("cannot run mariadb-install-db: scripts/setup installs it")?;
    let log = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "mariadb-install-db failed ({}): {log}", output.status);
    fs::rename(&data, &template)
        .with_context(|| format!("cannot move the fresh data directory to {}", template.display()))?;
    Ok(template)
}

/// The server's version as a part of a file name.
fn version() -> Result<String> {
    let output = Command::new("mariadbd")
        .args(["--no-defaults", "--version"])
        .output()
        .context("cannot run mariadbd: scripts/setup installs it")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.split_whitespace().skip_while(|word| *word != "Ver").nth(1);
    let version = version.with_context(|| format!("mariadbd names no version: {text}"))?;
    Ok(version.replace(|letter: char| !letter.is_ascii_alphanumeric() && letter != '.', "-"))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let status = Command::new("cp")
        .args(["--archive", "--reflink=auto", "--no-target-directory", "--"])
        .args([from, to])
        .status()
        .context("cannot run cp")?;
    ensure!(status.success(), "cannot copy {} to {}", from.display(), to.display());
    Ok(())
}
