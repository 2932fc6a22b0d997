//! One running mariadbd: our child, or one that outlived the process that started it.

use std::ffi::OsStr;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal};
use sentence::{Sentence, sentence};
use tokio::process::Child;

use super::error::{Error, Result};
use super::install::{LOG_FILE_SIZE, as_root};
use super::layout::{DATABASE, Layout, USER, write_private};
use super::programs::{Programs, quiet};
use crate::io_error::{Doing, IoError};

/// A killed process ends at once, unless the disk hangs.
const KILL_WAIT: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A process, held by a descriptor that means no other one even when its number is used again.
#[derive(Debug)]
pub(super) struct Process {
    pid: Pid,
    descriptor: OwnedFd,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// It has to be waited for.
    Child(Child),
    /// Its end is seen by what `/proc` says of it; with the option that tells it from others.
    Adopted { data_option: String },
}

impl Process {
    /// Starts the server. It belongs to a process group of its own: Ctrl-C is for us, and we stop it after our work.
    pub(super) fn spawn(layout: &Layout, programs: &Programs) -> Result<Self> {
        let password = layout.password()?;
        write_private(&layout.accounts(), &accounts(&password))?;
        let log = layout.log();
        let output =
            fs::File::options().create(true).append(true).open(&log).map_err(IoError::of(Doing::Open, &log))?;
        let mut command = quiet(&programs.server);
        command
            .arg("--no-defaults")
            .arg(data_option(layout))
            .arg(format!("--socket={}", layout.socket().display()))
            .arg(format!("--pid-file={}", layout.pid_file().display()))
            .arg(format!("--log-error={}", log.display()))
            .arg(format!("--init-file={}", layout.accounts().display()))
            .arg(format!("--tmpdir={}", layout.root().display()))
            .args(as_root())
            .args(["--skip-networking", "--skip-name-resolve", "--skip-log-bin", "--local-infile=0"])
            .args(["--character-set-server=utf8mb4", "--default-time-zone=+00:00"])
            // Durable at each commit.
            .args(["--innodb-flush-log-at-trx-commit=1", "--innodb-doublewrite=1"])
            // Modest: the control database is small.
            .args([
                "--innodb-buffer-pool-size=64M",
                LOG_FILE_SIZE,
                "--key-buffer-size=1M",
                "--aria-pagecache-buffer-size=8M",
            ])
            .args(["--max-connections=300", "--max-allowed-packet=64M", "--log-warnings=1"])
            .current_dir(layout.root())
            .stderr(output)
            .kill_on_drop(false)
            .process_group(0);
        let child = command.spawn().map_err(IoError::of(Doing::Run, &programs.server))?;
        let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let pid = pid.ok_or_else(|| ended_at_once(&programs.server))?;
        let descriptor = descriptor(pid).map_err(IoError::of(Doing::Watch, &programs.server))?;
        tracing::info!(pid = pid.as_raw_nonzero().get(), "the private MariaDB starts");
        Ok(Self { pid, descriptor, kind: Kind::Child(child) })
    }

    /// The server that already runs on this data directory, if one does.
    pub(super) fn find(layout: &Layout) -> Option<Self> {
        let pid = running(layout)?;
        let descriptor = descriptor(pid).ok()?;
        let data_option = data_option(layout);
        // Only now the number cannot come to mean another process.
        is_ours(pid, &data_option).then_some(Self { pid, descriptor, kind: Kind::Adopted { data_option } })
    }

    pub(super) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Waits for its end, and says how it ended. May be called again.
    pub(super) async fn ended(&mut self) -> Sentence {
        match &mut self.kind {
            Kind::Child(child) => match child.wait().await {
                Ok(status) => Sentence::verbatim(status.to_string()),
                Err(error) => Sentence::verbatim(error.to_string()),
            },
            Kind::Adopted { data_option } => {
                // Only parents are told of an end.
                while is_ours(self.pid, data_option) {
                    tokio::time::sleep(LOOK_EVERY).await;
                }
                sentence!("no longer there")
            }
        }
    }

    /// Asks it to end, waits for that, and kills it if it takes too long.
    pub(super) async fn stop(&mut self, within: Duration) {
        self.signal(Signal::TERM);
        if tokio::time::timeout(within, self.ended()).await.is_ok() {
            return;
        }
        tracing::warn!(pid = self.pid(), "the private MariaDB did not stop within {within:?}; killing it");
        self.signal(Signal::KILL);
        if tokio::time::timeout(KILL_WAIT, self.ended()).await.is_err() {
            tracing::error!(pid = self.pid(), "the private MariaDB cannot be killed");
        }
    }

    pub(super) fn signal(&self, signal: Signal) {
        // It has ended already: that is what both signals are for.
        let _ = rustix::process::pidfd_send_signal(&self.descriptor, signal);
    }
}

/// The number of the mariadbd that runs on this data directory. Its pid file is not asked: a server that still
/// recovers has not written it yet.
pub(super) fn running(layout: &Layout) -> Option<Pid> {
    let option = data_option(layout);
    let entries = fs::read_dir("/proc").ok()?.flatten();
    let numbers = entries.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?));
    numbers.into_iter().find(|pid| is_ours(*pid, &option))
}

fn is_ours(pid: Pid, data_option: &str) -> bool {
    let Ok(line) = fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())) else { return false };
    let mut words = line.split(|byte| *byte == 0);
    let program = words.next().map(|program| Path::new(OsStr::from_bytes(program)).file_name().unwrap_or_default());
    program == Some(OsStr::new("mariadbd")) && words.any(|word| word == data_option.as_bytes())
}

fn data_option(layout: &Layout) -> String {
    format!("--datadir={}", layout.data().display())
}

fn descriptor(pid: Pid) -> std::io::Result<OwnedFd> {
    Ok(rustix::process::pidfd_open(pid, PidfdFlags::empty())?)
}

fn ended_at_once(program: &Path) -> Error {
    Error::EndedAtOnce(program.to_owned())
}

/// One statement a line, as `--init-file` wants it; run at each start, before anybody is let in, so that a lost
/// password file mends itself.
fn accounts(password: &str) -> String {
    format!(
        "CREATE DATABASE IF NOT EXISTS `{DATABASE}` CHARACTER SET utf8mb4;\n\
         CREATE USER IF NOT EXISTS `{USER}`@`localhost` IDENTIFIED BY '{password}';\n\
         ALTER USER `{USER}`@`localhost` IDENTIFIED BY '{password}';\n\
         GRANT ALL PRIVILEGES ON `{DATABASE}`.* TO `{USER}`@`localhost`;\n"
    )
}
