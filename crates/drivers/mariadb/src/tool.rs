//! Runs MariaDB's command line tools without showing them the password on the command line.

use std::io::Write;
use std::process::Stdio;

use secrecy::ExposeSecret;
use sentence::{Sentence, sentence};
use sqlx::mysql::MySqlSslMode;
use tempfile::NamedTempFile;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

use crate::error::{Error, Result};
use crate::target::Access;

/// The most that is kept of what a tool says.
const MAX_STDERR: usize = 16 * 1024;

/// A tool with its option file, which goes away with it.
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    pub(crate) command: Command,
    options: NamedTempFile,
}

impl Tool {
    pub(crate) fn new(name: &'static str, access: &Access) -> Result<Self> {
        let options = option_file(access)?;
        let mut command = Command::new(name);
        command
            .arg(format!("--defaults-file={}", options.path().display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        Ok(Self { name, command, options })
    }

    pub(crate) fn spawn(&mut self) -> Result<tokio::process::Child> {
        self.command.spawn().map_err(|source| Error::Tool {
            tool: self.name,
            status: sentence!("it did not start"),
            stderr: source.to_string(),
        })
    }

    /// The error for a tool that ended badly.
    pub(crate) fn failed(&self, status: std::process::ExitStatus, stderr: &[u8], access: &Access) -> Error {
        let text = String::from_utf8_lossy(stderr);
        let text = text.replace(&*self.options.path().to_string_lossy(), "option file");
        Error::Tool {
            tool: self.name,
            status: Sentence::verbatim(status.to_string()),
            stderr: access.redact(text.trim().to_owned()),
        }
    }
}

/// Reads to the end and keeps the beginning.
pub(crate) async fn bounded(mut from: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut chunk = [0_u8; 4096];
    loop {
        match from.read(&mut chunk).await {
            Ok(0) | Err(_) => return kept,
            Ok(read) => {
                let room = MAX_STDERR - kept.len();
                kept.extend_from_slice(&chunk[..read.min(room)]);
            }
        }
    }
}

/// Created readable by the owner only, as all temporary files of this kind are.
fn option_file(access: &Access) -> Result<NamedTempFile> {
    let write = || -> std::io::Result<NamedTempFile> {
        let mut file = NamedTempFile::with_prefix("backout-mariadb-")?;
        file.write_all(options(access).as_bytes())?;
        file.flush()?;
        Ok(file)
    };
    write().map_err(|source| Error::io(sentence!("cannot write an option file"), source))
}

fn options(access: &Access) -> String {
    let mut lines = vec!["[client]".to_owned()];
    let mut set = |key: &str, value: &str| lines.push(format!("{key}={}", quoted(value)));
    set("user", &access.user);
    set("password", access.password.expose_secret());
    if let Some(socket) = &access.socket {
        set("socket", socket);
        set("protocol", "socket");
    } else {
        set("host", &access.host);
        set("port", &access.port.to_string());
        // Otherwise the tools take `localhost` for a socket.
        set("protocol", "tcp");
    }
    if let Some(ca) = &access.tls.ca {
        set("ssl-ca", ca);
    }
    lines.extend(
        match access.tls.mode {
            MySqlSslMode::Disabled => &["skip-ssl"][..],
            MySqlSslMode::Preferred => &[],
            MySqlSslMode::Required | MySqlSslMode::VerifyCa => &["ssl"],
            MySqlSslMode::VerifyIdentity => &["ssl", "ssl-verify-server-cert"],
        }
        .iter()
        .map(|line| (*line).to_owned()),
    );
    lines.push(String::new());
    lines.join("\n")
}

fn quoted(value: &str) -> String {
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}
