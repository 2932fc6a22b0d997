//! The programs of the private server: found, and known to be new enough.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use sentence::{Sentence, sentence};
use tokio::process::Command;

use super::error::{Error, Result};
use crate::io_error::{Doing, IoError};

/// Where programs live; the `PATH` of ordinary users does not name the folders of servers.
const MORE_FOLDERS: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
const VERSION_WAIT: Duration = Duration::from_secs(20);
const NEEDED: (u32, u32) = (10, 6);
const NEEDED_TEXT: &str = "10.6";

/// The two programs that are needed.
#[derive(Debug, Clone)]
pub(super) struct Programs {
    pub(super) server: PathBuf,
    pub(super) installer: PathBuf,
}

impl Programs {
    /// Looks for them, and asks the server for its version.
    pub(super) async fn find() -> Result<Self> {
        let path = figment::providers::Env::raw().only(&["PATH"]).iter().next().map(|(_, path)| path);
        let folders = folders(path.as_deref().unwrap_or_default());
        let server = find(&folders, "mariadbd")?;
        let installer = find(&folders, "mariadb-install-db")?;
        let mut command = quiet(&server);
        command.args(["--no-defaults", "--version"]).stdout(Stdio::piped()).kill_on_drop(true);
        let failed = |status: Sentence| Error::Program { program: "mariadbd --version", status, output: String::new() };
        let output = tokio::time::timeout(VERSION_WAIT, command.output())
            .await
            .map_err(|_| failed(sentence!("no answer within {limit} s", limit = VERSION_WAIT.as_secs())))?
            .map_err(IoError::of(Doing::Run, &server))?;
        let text = String::from_utf8_lossy(&output.stdout);
        // "mariadbd  Ver 10.11.14-MariaDB-0+deb12u2 for debian-linux-gnu on x86_64 (Debian 12)"
        let version = text.split_whitespace().skip_while(|word| *word != "Ver").nth(1);
        check_version(
            version
                .ok_or_else(|| failed(sentence!("{status}, names no version", status = output.status.to_string())))?,
        )?;
        Ok(Self { server, installer })
    }
}

/// Refuses what is not MariaDB 10.6 or later, by what the server says of itself.
pub(crate) fn check_version(found: &str) -> Result<()> {
    let mut numbers = found.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if found.contains("MariaDB") && version >= NEEDED {
        return Ok(());
    }
    Err(Error::Version { needed: NEEDED_TEXT, found: found.to_owned() })
}

/// A command that inherits nothing: our environment holds secrets.
pub(super) fn quiet(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", MORE_FOLDERS.join(":")).env("LC_ALL", "C");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn folders(path: &str) -> Vec<PathBuf> {
    std::env::split_paths(OsStr::new(path))
        .chain(MORE_FOLDERS.map(PathBuf::from))
        .filter(|folder| folder.is_absolute())
        .collect()
}

fn find(folders: &[PathBuf], program: &'static str) -> Result<PathBuf> {
    let found = folders.iter().map(|folder| folder.join(program)).find(|path| path.is_file());
    found.ok_or(Error::Missing { program })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_told_with_what_to_do() {
        let told = find(&[PathBuf::from("/nonexistent")], "mariadbd").unwrap_err().to_string();
        for part in ["mariadbd is not installed", "apt-get install mariadb-server", "BACKOUT_DATABASE_URL"] {
            assert!(told.contains(part), "{told}");
        }
    }

    #[test]
    fn servers_that_are_too_old_or_no_mariadb_are_refused() {
        for good in ["10.6.0-MariaDB", "10.11.14-MariaDB-0+deb12u2", "11.4.2-MariaDB-log", "12.0.1-MariaDB"] {
            check_version(good).unwrap();
        }
        for bad in ["10.5.29-MariaDB", "8.0.36", "9.1.0-commercial", "", "MariaDB"] {
            assert!(matches!(check_version(bad), Err(Error::Version { .. })), "{bad}");
        }
    }
}
