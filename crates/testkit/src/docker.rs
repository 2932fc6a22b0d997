//! A private Docker daemon.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::blocking;
use crate::process::{Launch, Server};
use crate::scratch::Scratch;

const START_WAIT: Duration = Duration::from_mins(1);
const PING_WAIT: Duration = Duration::from_secs(5);
/// What the daemon keeps, in its scratch directory, about processes that run.
const PID_FILE: &str = "pid";
const EXEC_ROOT: &str = "exec";
const BUILD_WAIT: Duration = Duration::from_mins(2);

/// A Docker daemon on a unix socket with its own storage and without a bridge: containers use the
/// network `none` or `host`, or one that the test makes. Needs root.
///
/// The daemon runs in a PID and a mount namespace of its own, so containerd, the shims, every
/// container and every mount end with it. Process ids that it reports are of that namespace.
#[derive(Debug)]
pub struct Docker {
    server: Server,
    scratch: Scratch,
}

/// The one Docker daemon of this test process, started at the first call.
///
/// # Panics
/// If the daemon cannot be started.
pub fn shared_docker() -> &'static Docker {
    static SHARED: OnceLock<Docker> = OnceLock::new();
    SHARED.get_or_init(|| Docker::start().unwrap_or_else(|error| panic!("{error:#}")))
}

impl Docker {
    /// Starts a daemon and waits until it answers.
    pub fn start() -> Result<Self> {
        ensure!(rustix::process::geteuid().is_root(), "a private dockerd needs root");
        let scratch = Scratch::new("docker")?;
        let directory = scratch.path();
        let launch = Launch::new("dockerd", directory.join("dockerd.log"))
            .isolated()
            .arg("--data-root")
            .arg(directory.join("data"))
            .arg("--exec-root")
            .arg(directory.join(EXEC_ROOT))
            .arg("--pidfile")
            .arg(directory.join(PID_FILE))
            .arg("--config-file")
            .arg(configuration(directory)?)
            .args(["--host", &host(directory)])
            .args(["--bridge=none", "--iptables=false", "--ip6tables=false"])
            .args(["--exec-opt", "native.cgroupdriver=cgroupfs"])
            .args(["--cgroup-parent", &scratch.cgroup()]);
        let docker = Self { server: Server::spawn(launch)?, scratch };
        docker.wait_ready()?;
        Ok(docker)
    }

    /// Starts the daemon again with the same data after [`Server::kill9`], which also ended its
    /// containers.
    pub fn restart(&self) -> Result<()> {
        // As after a reboot, what the killed daemon kept about running processes goes: the ids in
        // it are those of its namespace, and mean other processes in the next one.
        let directory = self.scratch.path();
        fs::remove_dir_all(directory.join(EXEC_ROOT)).context("cannot empty the exec-root")?;
        let pid_file = directory.join(PID_FILE);
        if pid_file.exists() {
            fs::remove_file(pid_file).context("cannot remove the pid file")?;
        }
        self.server.respawn()?;
        self.wait_ready()
    }

    /// The daemon's process.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The unix socket of the API.
    pub fn socket(&self) -> PathBuf {
        socket(self.scratch.path())
    }

    /// The socket as `DOCKER_HOST` wants it: `unix:///...`.
    pub fn host(&self) -> String {
        host(self.scratch.path())
    }

    /// Builds the image `tag` from nothing but `files` (a file or directory of this machine, and
    /// its absolute path in the image), with environment variables and a command. Returns the
    /// image's id.
    pub async fn import_image(
        &self,
        tag: &str,
        files: &[(&Path, &str)],
        env: &[(&str, &str)],
        cmd: &[&str],
    ) -> Result<String> {
        self.build(tag, files, env, cmd).await.with_context(|| format!("cannot build image {tag}"))
    }

    async fn build(&self, tag: &str, files: &[(&Path, &str)], env: &[(&str, &str)], cmd: &[&str]) -> Result<String> {
        let response = self
            .client(BUILD_WAIT)?
            .post("http://docker/build")
            .query(&[("t", tag), ("version", "1"), ("rm", "1"), ("forcerm", "1")])
            .header("content-type", "application/x-tar")
            .body(build_context(files, env, cmd)?)
            .send()
            .await?;
        let status = response.status();
        let progress = response.text().await?;
        ensure!(status.is_success(), "{status}: {progress}");
        image_id(&progress)
    }

    fn wait_ready(&self) -> Result<()> {
        self.server.wait_ready(START_WAIT, || {
            blocking::run(async {
                let ping = self.client(PING_WAIT)?.get("http://docker/_ping").send().await?;
                ping.error_for_status()?;
                Ok(())
            })
        })
    }

    fn client(&self, timeout: Duration) -> Result<reqwest::Client> {
        let builder = reqwest::Client::builder().unix_socket(self.socket());
        Ok(builder.timeout(timeout).no_proxy().build()?)
    }
}

fn socket(directory: &Path) -> PathBuf {
    directory.join("docker.sock")
}

fn host(directory: &Path) -> String {
    format!("unix://{}", socket(directory).display())
}

/// An empty configuration, because the default one is the machine's.
fn configuration(directory: &Path) -> Result<PathBuf> {
    let path = directory.join("daemon.json");
    fs::write(&path, "{}")?;
    Ok(path)
}

fn build_context(files: &[(&Path, &str)], env: &[(&str, &str)], cmd: &[&str]) -> Result<Vec<u8>> {
    let mut context = tar::Builder::new(Vec::new());
    // The engine cannot read the format that the library uses for files with holes.
    context.sparse(false);
    let mut lines = vec!["FROM scratch".to_owned()];
    for (index, (source, target)) in files.iter().enumerate() {
        let name = format!("files/{index}");
        if source.is_dir() {
            context.append_dir_all(&name, source)
        } else {
            context.append_path_with_name(source, &name)
        }
        .with_context(|| format!("cannot read {}", source.display()))?;
        lines.push(format!("COPY {}", serde_json::to_string(&[&name, *target])?));
    }
    for (name, value) in env {
        // A JSON string is a quoted word of a Dockerfile, but for `$`, which would be replaced.
        let value = serde_json::to_string(value)?.replace('$', "\\$");
        lines.push(format!("ENV {name}={value}"));
    }
    lines.push("LABEL backout-testkit=1".to_owned());
    lines.push(format!("CMD {}", serde_json::to_string(cmd)?));
    let dockerfile = lines.join("\n");

    let mut header = tar::Header::new_gnu();
    header.set_size(dockerfile.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    context.append_data(&mut header, "Dockerfile", dockerfile.as_bytes())?;
    Ok(context.into_inner()?)
}

/// Finds the id in the stream of JSON objects that a build answers with.
fn image_id(progress: &str) -> Result<String> {
    let mut id = None;
    for event in serde_json::Deserializer::from_str(progress).into_iter::<Value>() {
        let event = event?;
        if let Some(error) = event["error"].as_str() {
            bail!("{error}");
        }
        id = event["aux"]["ID"].as_str().map(str::to_owned).or(id);
    }
    id.with_context(|| format!("the daemon named no image: {progress}"))
}
