//! Keeps the private server running until it is told to stop.

use std::time::{Duration, Instant};

use driver_mariadb::{SessionOptions, Target};
use secrecy::SecretString;
use sentence::{Sentence, sentence};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::error::{Error, Result};
use super::layout::Layout;
use super::process::Process;
use super::programs::Programs;

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A server that ran so long was healthy: its end is no reason to wait.
const HEALTHY: Duration = Duration::from_mins(1);
/// A survivor that does not answer for so long is of no use.
const ADOPTION: Duration = Duration::from_mins(1);
/// A server that recovers from a crash answers only when it is done.
const RECOVERY: Duration = Duration::from_hours(1);
const ASK_EVERY: Duration = Duration::from_millis(50);

/// How the server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Status {
    /// It starts, after so many ends in a row, the last one as told.
    Starting { ends: u32, last: Sentence },
    /// It answers.
    Up,
}

/// What is supervised.
pub(super) struct Supervisor {
    pub(super) layout: Layout,
    pub(super) programs: Programs,
    pub(super) url: SecretString,
    pub(super) status: watch::Sender<Status>,
    pub(super) stop: CancellationToken,
    /// How long it may take to stop.
    pub(super) grace: Duration,
}

impl Supervisor {
    /// Takes over the server that is there or starts one, and goes on until it is told to stop.
    pub(super) async fn run(self, mut process: Process, adopted: bool) {
        let mut ends = 0;
        let mut pause = FIRST_PAUSE;
        let mut answer_within = if adopted { ADOPTION } else { RECOVERY };
        loop {
            let began = Instant::now();
            let end = tokio::select! {
                () = self.stop.cancelled() => return process.stop(self.grace).await,
                end = self.watch(&mut process, answer_within) => end,
            };
            answer_within = RECOVERY;
            if began.elapsed() >= HEALTHY {
                (ends, pause) = (0, FIRST_PAUSE);
            }
            loop {
                ends += 1;
                tracing::warn!(%end, "the private MariaDB ended; starting it again in {pause:?}");
                self.status.send_replace(Status::Starting { ends, last: end.clone() });
                tokio::select! {
                    () = self.stop.cancelled() => return,
                    () = tokio::time::sleep(pause) => {}
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
                match Process::spawn(&self.layout, &self.programs) {
                    Ok(started) => {
                        process = started;
                        break;
                    }
                    Err(error) => tracing::error!(%error, "the private MariaDB cannot be started"),
                }
            }
        }
    }

    /// Until it ends; says how. One that does not answer in time is stopped.
    async fn watch(&self, process: &mut Process, answer_within: Duration) -> Sentence {
        let up = async {
            let answers = answers(&self.url);
            if tokio::time::timeout(answer_within, answers).await.is_ok() {
                self.status.send_replace(Status::Up);
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            end = process.ended() => return end,
            () = up => {}
        }
        process.stop(self.grace).await;
        sentence!("it did not answer")
    }
}

/// Asks until the server answers.
async fn answers(url: &SecretString) {
    let Ok(target) = Target::new(url.clone()) else { return };
    loop {
        match target.connect(&SessionOptions::default()).await {
            Ok(session) => return session.close().await,
            Err(error) => tracing::trace!(%error, "the private MariaDB does not answer yet"),
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// Waits until the server answers. One that ended three times in a row has a reason that waiting does not mend.
pub(super) async fn ready(status: &mut watch::Receiver<Status>, layout: &Layout, within: Duration) -> Result<()> {
    const HOPELESS: u32 = 3;
    let settled = status.wait_for(|status| match status {
        Status::Up => true,
        Status::Starting { ends, .. } => *ends >= HOPELESS,
    });
    let (log, tail) = (layout.log(), || layout.log_tail());
    match tokio::time::timeout(within, settled).await {
        Err(_) => Err(Error::Silent { within, tail: tail(), log }),
        Ok(Err(_)) => Err(Error::DoesNotStart { reason: sentence!("it was stopped"), tail: tail(), log }),
        Ok(Ok(status)) => match &*status {
            Status::Up => Ok(()),
            Status::Starting { last, .. } => Err(Error::DoesNotStart { reason: last.clone(), tail: tail(), log }),
        },
    }
}
