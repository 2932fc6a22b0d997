//! What the engine and its host say about themselves.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::engine::Engine;
use crate::error::Result;

/// The answer of `GET /version`, as far as it decides anything.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Version {
    /// The engine's release, such as `20.10.24`.
    #[serde(rename = "Version")]
    pub server: String,
    /// The highest API version that it speaks.
    #[serde(rename = "ApiVersion")]
    pub api: String,
    /// The operating system of its containers.
    #[serde(rename = "Os", default)]
    pub os: String,
    /// The architecture of its containers.
    #[serde(rename = "Arch", default)]
    pub arch: String,
}

/// The answer of `GET /info`, as far as it decides anything.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Info {
    /// The host's own name; containers on the host's network inherit it.
    pub name: String,
    /// The engine's clock.
    pub system_time: DateTime<Utc>,
    /// Where the engine keeps images, volumes and containers, on its host.
    pub docker_root_dir: String,
    /// The storage driver.
    pub driver: String,
    /// Processors of the host.
    #[serde(rename = "NCPU")]
    pub processors: u32,
    /// Memory of the host, bytes.
    #[serde(rename = "MemTotal")]
    pub memory_bytes: u64,
}

/// Space on a file system, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskSpace {
    /// Its size.
    pub total_bytes: u64,
    /// What a process may still write.
    pub available_bytes: u64,
}

impl Engine {
    /// What the engine says about its host.
    pub async fn info(&self) -> Result<Info> {
        self.get("/info").send().await?.json().await
    }

    /// Space where the engine keeps its data. The API does not tell, so this is `None` unless the
    /// engine runs on this host.
    pub async fn disk_space(&self) -> Result<Option<DiskSpace>> {
        if self.socket().is_none() {
            return Ok(None);
        }
        let info = self.info().await?;
        // A forwarded socket has a remote engine behind it.
        let is_local =
            tokio::fs::read_to_string("/proc/sys/kernel/hostname").await.is_ok_and(|name| name.trim() == info.name);
        if !is_local {
            return Ok(None);
        }
        let space = tokio::task::spawn_blocking(move || rustix::fs::statvfs(info.docker_root_dir))
            .await
            .ok()
            .and_then(std::result::Result::ok)
            .map(|fs| DiskSpace { total_bytes: fs.f_blocks * fs.f_frsize, available_bytes: fs.f_bavail * fs.f_frsize });
        Ok(space)
    }
}
