//! The peer of goal 5: the runbook's `docker-compose stop`, another tag, `docker-compose up -d`.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use testkit::ReservedPort;

use crate::load;
use crate::peer;

const PATIENCE: Duration = Duration::from_mins(1);
const LOOK: Duration = Duration::from_millis(2);

/// One service under docker-compose, on a port of its own.
pub(crate) struct Compose {
    folder: TempDir,
    docker: String,
    port: ReservedPort,
    env: Vec<String>,
}

impl Compose {
    /// With a variable `PORT` of its own in place of the one in `env`.
    pub(crate) fn new(docker: &str, env: &[String]) -> Result<Self> {
        ensure!(peer::docker_compose().is_some(), "{}", peer::not_there("docker-compose"));
        let env = env.iter().filter(|entry| !entry.starts_with("PORT=")).cloned().collect();
        Ok(Self { folder: TempDir::new()?, docker: docker.to_owned(), port: ReservedPort::new()?, env })
    }

    /// From the first command until the service answers with `image`.
    pub(crate) async fn switch_to(&self, image: &str) -> Result<Duration> {
        let begin = Instant::now();
        if self.file().is_file() {
            self.run(&["stop"]).await?;
        }
        self.write(image)?;
        self.run(&["up", "-d"]).await?;
        while !load::answers(self.port.address(), "/health").await {
            ensure!(begin.elapsed() < PATIENCE, "the service under docker-compose does not become healthy");
            tokio::time::sleep(LOOK).await;
        }
        Ok(begin.elapsed())
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("docker-compose.yml")
    }

    fn write(&self, image: &str) -> Result<()> {
        let mut text =
            format!("version: '3'\nservices:\n  web:\n    image: {image}\n    network_mode: host\n    environment:\n");
        let port = format!("PORT={}", self.port.number());
        for entry in self.env.iter().chain([&port]) {
            // JSON is YAML; compose reads `$` as its own.
            writeln!(text, "      - {}", serde_json::Value::from(entry.replace('$', "$$")))?;
        }
        std::fs::write(self.file(), text).context("the compose file cannot be written")
    }

    async fn run(&self, arguments: &[&str]) -> Result<()> {
        let program = peer::docker_compose().with_context(|| peer::not_there("docker-compose"))?;
        let child = tokio::process::Command::new(program)
            .args(["-p", "bench"])
            .args(arguments)
            .current_dir::<&Path>(self.folder.path())
            .env("DOCKER_HOST", &self.docker)
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(PATIENCE, child).await.context("docker-compose did not end in time")??;
        let told = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "docker-compose failed: {told}");
        Ok(())
    }
}
