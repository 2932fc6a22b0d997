//! The private MariaDB that serves where no database is configured: installed, started, adopted, watched, stopped.
//!
//! It listens on a unix socket in the data directory and nowhere else. Whoever starts it holds the data directory's
//! lock, so nobody else does at the same time.

mod error;
mod install;
mod layout;
mod process;
mod programs;
mod supervise;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use secrecy::SecretString;
use sentence::Sentence;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) use error::{Error, Result};
pub(crate) use programs::check_version;

use crate::data_directory::DataDirectory;
use layout::Layout;
use process::Process;
use programs::Programs;
use supervise::{Status, Supervisor};

/// How long the server may take to stop before it is killed.
const GRACE: Duration = Duration::from_secs(20);

/// The private server while it is looked after. Dropping it leaves the server running, for the next start to adopt.
#[derive(Debug)]
pub(crate) struct Embedded {
    layout: Layout,
    url: SecretString,
    status: watch::Receiver<Status>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Embedded {
    /// Makes what is not there yet and starts the server, or takes over the one that runs. Returns before it answers.
    pub(crate) async fn start(directory: &DataDirectory) -> Result<Self> {
        let layout = Layout::new(directory.path())?;
        let programs = Programs::find().await?;
        install::ensure(&layout, &programs).await?;
        let survivor = Process::find(&layout);
        let adopted = survivor.is_some();
        let process = match survivor {
            Some(process) => {
                tracing::info!(pid = process.pid(), "taking over the private MariaDB of an earlier start");
                process
            }
            None => Process::spawn(&layout, &programs)?,
        };
        let url = layout.url(&layout.password()?);
        let (sender, status) = watch::channel(Status::Starting { ends: 0, last: Sentence::verbatim("") });
        let stop = CancellationToken::new();
        let supervisor = Supervisor {
            layout: layout.clone(),
            programs,
            url: url.clone(),
            status: sender,
            stop: stop.clone(),
            grace: GRACE,
        };
        let task = tokio::spawn(supervisor.run(process, adopted));
        Ok(Self { layout, url, status, stop, task })
    }

    /// Waits until it answers.
    pub(crate) async fn ready(&self, within: Duration) -> Result<()> {
        supervise::ready(&mut self.status.clone(), &self.layout, within).await
    }

    /// How it is reached.
    pub(crate) fn url(&self) -> &SecretString {
        &self.url
    }

    /// Stops it: asks, waits, and kills it if need be.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the private MariaDB was not looked after to the end");
        }
    }
}

/// How the private server of another process that works in this data directory is reached.
pub(crate) fn url_of_running(data_directory: &Path) -> Result<SecretString> {
    let layout = Layout::new(data_directory)?;
    let password = layout.known_password()?.ok_or_else(|| Error::NotThere(data_directory.to_owned()))?;
    Ok(layout.url(&password))
}

/// Asks the private server to stop without waiting for it: for a process that has no more time.
pub(crate) fn terminate(data_directory: &Path) {
    if let Ok(layout) = Layout::new(data_directory)
        && let Some(pid) = process::running(&layout)
    {
        // It may have ended meanwhile; its number is not used again within microseconds.
        let _ = rustix::process::kill_process(pid, Signal::TERM);
    }
}
