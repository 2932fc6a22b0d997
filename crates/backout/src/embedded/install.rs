//! Makes the data directory of the private server, wholly or not at all.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use sentence::{Sentence, sentence};

use super::error::{Error, Result};
use super::layout::Layout;
use super::programs::{Programs, quiet};
use crate::io_error::{Doing, IoError};

const PREFIX: &str = "installing-";
const WITHIN: Duration = Duration::from_mins(5);
const MAX_OUTPUT: usize = 4096;
/// The server runs with the same size, else its first start would resize the log.
pub(super) const LOG_FILE_SIZE: &str = "--innodb-log-file-size=64M";

/// Makes the data directory if it is not there. An installation that died half way left a folder of another name,
/// which is removed.
pub(super) async fn ensure(layout: &Layout, programs: &Programs) -> Result<()> {
    layout.make()?;
    remove_leftovers(layout)?;
    if layout.data().exists() {
        return Ok(());
    }
    tracing::info!(directory = %layout.data().display(), "making the control database");
    // A name of its own each time: the installer of a process that was killed may still be writing to its folder.
    let making = tempfile::Builder::new()
        .prefix(PREFIX)
        .tempdir_in(layout.root())
        .map_err(IoError::of(Doing::MakeFolderIn, layout.root()))?;
    let data = making.path().join("data");
    let mut command = quiet(&programs.installer);
    command
        .args(["--no-defaults", "--skip-test-db", "--skip-name-resolve", LOG_FILE_SIZE])
        .args(["--auth-root-authentication-method=socket", "--innodb-buffer-pool-size=64M"])
        .arg(format!("--datadir={}", data.display()))
        // In a shared directory, a server that starts removes the temporary tables of all others.
        .arg(format!("--tmpdir={}", making.path().display()))
        .args(as_root())
        .current_dir(making.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .process_group(0);
    let failed = |status: Sentence, output: &[u8]| {
        let text = String::from_utf8_lossy(&output[output.len().saturating_sub(MAX_OUTPUT)..]).trim().to_owned();
        Error::Program { program: "mariadb-install-db", status, output: text }
    };
    let output = tokio::time::timeout(WITHIN, command.output())
        .await
        .map_err(|_| failed(sentence!("it took longer than {limit} s", limit = WITHIN.as_secs()), &[]))?
        .map_err(IoError::of(Doing::Run, &programs.installer))?;
    if !output.status.success() {
        return Err(failed(Sentence::verbatim(output.status.to_string()), &[output.stdout, output.stderr].concat()));
    }
    // All of it has to be on disk before its name says that it is complete.
    let root = fs::File::open(layout.root()).map_err(IoError::of(Doing::Open, layout.root()))?;
    rustix::fs::syncfs(&root).map_err(|error| IoError::of(Doing::Write, &data)(error.into()))?;
    fs::rename(&data, layout.data()).map_err(IoError::of(Doing::Move, &data))?;
    Ok(root.sync_all().map_err(IoError::of(Doing::Write, layout.root()))?)
}

/// mariadbd refuses to run as root unless it is told so.
pub(super) fn as_root() -> Option<&'static str> {
    rustix::process::geteuid().is_root().then_some("--user=root")
}

fn remove_leftovers(layout: &Layout) -> Result<()> {
    for entry in fs::read_dir(layout.root()).map_err(IoError::of(Doing::Read, layout.root()))? {
        let path = entry.map_err(IoError::of(Doing::Read, layout.root()))?.path();
        let leftover = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
        // What cannot be removed is not in the way either.
        if leftover && let Err(error) = fs::remove_dir_all(&path) {
            tracing::warn!(path = %path.display(), %error, "cannot remove what an interrupted installation left");
        }
    }
    Ok(())
}
