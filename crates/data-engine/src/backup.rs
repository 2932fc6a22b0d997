//! Full backups, each read again before it counts.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use chrono::{DateTime, Utc};
use driver_mariadb::DumpLimits;
use serde::{Deserialize, Serialize};

use crate::engine::DataTarget;
use crate::error::Result;

/// The most that a dump may take.
const MAX_BYTES: u64 = 1 << 40;
const MAX_TIME: Duration = Duration::from_hours(6);

/// A backup that was written and read again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupReport {
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// When it was begun: what was written later need not be in it.
    pub begun_at: DateTime<Utc>,
}

/// Writes a backup of the whole database into `directory` and reads it back. `read` counts the bytes that have come from
/// the database so far.
pub(crate) async fn backup(
    target: &DataTarget,
    store: &str,
    directory: &Path,
    read: &Arc<AtomicU64>,
) -> Result<BackupReport> {
    let begun_at = Utc::now();
    let stamp = begun_at.format("%Y%m%dT%H%M%S%6fZ");
    match target {
        DataTarget::MariaDb(target) => {
            let path = directory.join(format!("{store}-{stamp}.sql.zst"));
            let limits = DumpLimits { max_bytes: MAX_BYTES, timeout: MAX_TIME };
            let dump = driver_mariadb::dump(target, &path, limits, read).await?;
            let unverified = Unverified(Some(&path));
            driver_mariadb::verify(&path, &dump.sha256).await?;
            unverified.keep();
            Ok(BackupReport { path, bytes: dump.bytes_compressed, sha256: dump.sha256, begun_at })
        }
        DataTarget::MongoDb(target) => {
            let path = directory.join(format!("{store}-{stamp}.jsonl.zst"));
            let archive = target.backup(&path, read).await?;
            let unverified = Unverified(Some(&path));
            driver_mongodb::verify(&path, &archive.sha256).await?;
            unverified.keep();
            Ok(BackupReport { path, bytes: archive.bytes, sha256: archive.sha256, begun_at })
        }
    }
}

/// A file that is removed unless it is kept: also where whoever waits for the backup goes away.
struct Unverified<'a>(Option<&'a Path>);

impl Unverified<'_> {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Unverified<'_> {
    fn drop(&mut self) {
        if let Some(path) = self.0
            && let Err(error) = std::fs::remove_file(path)
        {
            tracing::warn!(path = %path.display(), %error, "a backup that was not verified could not be removed");
        }
    }
}

/// Reads a backup again.
pub(crate) async fn verify(target: &DataTarget, report: &BackupReport) -> Result<()> {
    match target {
        DataTarget::MariaDb(_) => driver_mariadb::verify(&report.path, &report.sha256).await.map(drop)?,
        DataTarget::MongoDb(_) => driver_mongodb::verify(&report.path, &report.sha256).await.map(drop)?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_stays_only_if_it_was_verified() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("main.sql.zst");
        for is_kept in [true, false] {
            std::fs::write(&path, "dump").unwrap();
            let unverified = Unverified(Some(&path));
            if is_kept {
                unverified.keep();
            } else {
                drop(unverified);
            }
            assert_eq!(path.exists(), is_kept);
        }
    }
}
