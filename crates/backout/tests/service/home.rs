//! A data directory and the processes that work in it.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use testkit::eventually;

pub(crate) const START: Duration = Duration::from_mins(1);
pub(crate) const STOP: Duration = Duration::from_secs(30);

/// A data directory. Its private server ends with it.
pub(crate) struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::Builder::new().prefix("backout-").tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A place beside the data directory.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The binary with the environment of somebody who set nothing.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_backout"));
        command.args(arguments).stdin(Stdio::null()).env_clear();
        command.env("HOME", self.folder.path()).env("BACKOUT_DATA_DIRECTORY", self.path());
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Starts the service on a free port and waits until it says where it serves.
    pub(crate) async fn serve(&self) -> Service {
        self.serve_with(&[]).await
    }

    pub(crate) async fn serve_with(&self, variables: &[(&str, &str)]) -> Service {
        self.serve_with_arguments(&[], variables).await
    }

    pub(crate) async fn serve_with_arguments(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Service {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.args(arguments);
        command.envs(variables.iter().copied());
        let mut service = Service::start(self, command);
        let found = eventually(START, || {
            let (banner, ended) = (service.banner(), service.child.try_wait().unwrap());
            async move { (banner.contains("/docs") || ended.is_some()).then_some((banner, ended)) }
        });
        let banner = match found.await {
            Ok((banner, None)) => banner,
            other => panic!("{other:?}\n{}", service.log()),
        };
        let word = |prefix: &str| banner.split_whitespace().find(|word| word.starts_with(prefix)).map(str::to_owned);
        service.url = word("http://").unwrap();
        service.token = word("bko_");
        service
    }

    /// The private server's process.
    pub(crate) fn mariadbd(&self) -> Option<Pid> {
        let option = format!("--datadir={}", fs::canonicalize(self.path()).ok()?.join("mariadb/data").display());
        fs::read_dir("/proc").unwrap().flatten().find_map(|entry| {
            let pid = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
            let line = fs::read_to_string(entry.path().join("cmdline")).ok()?;
            (line.contains("mariadbd\0") && line.split('\0').any(|word| word == option)).then_some(pid)
        })
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Some(pid) = self.mariadbd() {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
    }
}

/// A running process of the service, killed on drop.
pub(crate) struct Service {
    child: Child,
    output: PathBuf,
    log: PathBuf,
    pub(crate) url: String,
    pub(crate) token: Option<String>,
}

impl Service {
    /// Starts a command without waiting for anything.
    pub(crate) fn start(home: &Home, mut command: Command) -> Self {
        let (output, log) = (home.beside(&testkit::unique_name("out")), home.beside(&testkit::unique_name("log")));
        let child = command.stdout(File::create(&output).unwrap()).stderr(File::create(&log).unwrap()).spawn().unwrap();
        Self { child, output, log, url: String::new(), token: None }
    }

    pub(crate) fn banner(&self) -> String {
        fs::read_to_string(&self.output).unwrap()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        rustix::process::kill_process(self.pid(), signal).unwrap();
    }

    /// Waits for its end: the exit code, or the negative number of the signal.
    pub(crate) async fn ended(&mut self) -> i32 {
        let status = eventually(STOP, || {
            let status = self.child.try_wait().unwrap();
            async move { status }
        });
        let status = status.await.unwrap_or_else(|error| panic!("{error}\n{}", fs::read_to_string(&self.log).unwrap()));
        status.code().unwrap_or_else(|| -status.signal().unwrap())
    }

    pub(crate) async fn stop(mut self) {
        self.signal(Signal::TERM);
        assert_eq!(self.ended().await, 0, "{}", self.log());
    }

    pub(crate) async fn kill9(mut self) {
        self.signal(Signal::KILL);
        assert_eq!(self.ended().await, -9);
    }

    /// The status of an answer; none where nobody answers.
    pub(crate) async fn get(&self, path: &str, token: Option<&str>) -> Option<u16> {
        let mut request = reqwest::Client::new().get(format!("{}{path}", self.url)).timeout(START);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        request.send().await.ok().map(|answer| answer.status().as_u16())
    }

    pub(crate) async fn until_ready(&self, status: u16) {
        let wanted = eventually(START, || async { self.get("/health/ready", None).await == Some(status) });
        wanted.await.unwrap_or_else(|error| panic!("{error}\n{}", self.log()));
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a command said on both channels.
pub(crate) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
