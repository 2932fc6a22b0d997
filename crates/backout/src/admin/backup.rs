//! `backout admin backup`: control database and keys into one file, while the service runs or not.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use driver_mariadb::{DumpLimits, Target};
use i18n::Language;
use secrecy::ExposeSecret;
use sentence::sentence;

use super::archive::{self, Dump};
use super::print;
use crate::database::Server;
use crate::failure::{Exit, Failure, Result};
use crate::keyed::Keyed;
use crate::keys::{self, KeyFile};
use crate::settings::Settings;

const WITHIN: Duration = Duration::from_hours(1);

/// Makes a backup and prints where it is.
pub(super) async fn run(settings: &Settings, to: &Path, language: Language) -> Result<()> {
    let (server, directory) = super::reach(settings).await?;
    let written = backed_up(settings, &server, to).await;
    server.stop().await;
    drop(directory);
    let (path, bytes) = written?;
    let done = Keyed::new("serve.backup-done").with("path", path).with("bytes", bytes);
    print(&[done.text(language), i18n::text(language, "serve.backup-secret", [])]);
    Ok(())
}

async fn backed_up(settings: &Settings, server: &Server, to: &Path) -> Result<(PathBuf, u64)> {
    server.ready().await?;
    let path = keys::path(settings);
    let keys = keys::read(&path)?
        .ok_or_else(|| Failure::new(Exit::Settings, Keyed::new("serve.keys-missing").with("path", path)))?;
    server.require_keys(settings, &keys.keyring).await?;
    write(&server.target()?, Some(keys), to, "backout").await
}

/// Dumps, verifies, and writes the archive: to that file, or into that directory under a name with the time.
pub(super) async fn write(target: &Target, keys: Option<KeyFile>, to: &Path, prefix: &str) -> Result<(PathBuf, u64)> {
    let created_at = Utc::now();
    let dest = if to.is_dir() {
        to.join(format!("{prefix}-{}.tar", created_at.format("%Y%m%dT%H%M%S%3fZ")))
    } else {
        to.to_owned()
    };
    if dest.exists() {
        return Err(Failure::new(Exit::Refused, Keyed::new("serve.backup-exists").with("path", dest)));
    }
    let folder = dest.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let unusable = |error: std::io::Error| Failure::unavailable(sentence!("{path}: {error}", path = folder, error));
    let scratch = tempfile::Builder::new().prefix(".backout-dump-").tempdir_in(folder).map_err(unusable)?;
    let file = scratch.path().join("dump");
    let report =
        driver_mariadb::dump(target, &file, DumpLimits { max_bytes: u64::MAX, timeout: WITHIN }, &Arc::default())
            .await?;
    driver_mariadb::verify(&file, &report.sha256).await.map_err(|error| Failure::internal(error.sentence()))?;
    let written = dest.clone();
    let writing = tokio::task::spawn_blocking(move || {
        let dump = Dump {
            file: &file,
            bytes: report.bytes_compressed,
            sha256: report.sha256,
            tables: report.tables,
            created_at,
        };
        archive::write(&written, keys.as_ref().map(|keys| keys.text.expose_secret()), &dump)
    });
    let written = writing.await.map_err(|error| Failure::internal(error.to_string()))?;
    let bytes = written.map_err(|error| Failure::unavailable(error.sentence()))?;
    Ok((dest, bytes))
}
