//! The worker: claims jobs, drives them, and takes over what dead workers left.

mod announce;
mod driven;
mod heartbeat;
mod lock_file;
mod preserved;
mod rehearse;
mod rescue;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use domain::ids::WorkerId;
use domain::job::JobEvent;
use domain::problem::ProblemType;
use saga::{Abandoned, Held, JobNote, Journal, JournalError, Outcome, StepError};
use sentence::sentence;
use store::WorkerRow;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::announce::Announcing;
use self::driven::Driven;
use self::heartbeat::Heartbeat;
use self::lock_file::LockFile;
use crate::provider::StoreProvider;
use crate::{Control, Error, Result};

/// How a worker works.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// Where the worker's file lock lives; the same directory for all workers of a host.
    pub lock_directory: PathBuf,
    /// How many jobs run side by side.
    pub slots: u16,
    /// How long the heartbeat may stand still before another worker takes over.
    pub lease: Duration,
}

/// Polling is the truth; wake-ups only make it faster.
const POLL: Duration = Duration::from_secs(1);
/// How long a job whose journal could not be written rests before it is tried again.
const JOURNAL_PAUSE: Duration = Duration::from_secs(1);
/// How long the goodbye of a worker that stops may take.
const GOODBYE: Duration = Duration::from_secs(3);
/// How long the control database may take to give back a job: a server that hangs is as good as away.
const GIVE_BACK: Duration = Duration::from_secs(10);

/// A running worker.
pub struct Worker {
    id: WorkerId,
    control: Control,
    stop: CancellationToken,
    abandon: CancellationToken,
    drivers: TaskTracker,
    loops: Vec<JoinHandle<()>>,
    heartbeat: Heartbeat,
    _lock: LockFile,
}

impl Worker {
    /// Registers a worker and starts to claim jobs.
    pub async fn start(control: &Control, settings: WorkerSettings) -> Result<Self> {
        let id = WorkerId::generate();
        let lock = LockFile::take(&settings.lock_directory, id).map_err(|error| {
            let detail = sentence!(
                "the worker's lock file in {lock_directory}: {error}",
                lock_directory = settings.lock_directory,
                error
            );
            Error::new(ProblemType::Internal, detail)
        })?;
        let row = WorkerRow { id, host: lock_file::host(), lock_file: lock.path().display().to_string() };
        control.database().register_worker(&row).await?;
        let heartbeat = Heartbeat::start(control.database().clone(), id, settings.lease).map_err(|error| {
            Error::new(ProblemType::Internal, sentence!("the heartbeat's thread could not be started: {error}", error))
        })?;
        let (stop, abandon, drivers) = (CancellationToken::new(), CancellationToken::new(), TaskTracker::new());
        let journal = Arc::new(Announcing::new(control.clone()));
        let slots = || Arc::new(Semaphore::new(usize::from(settings.slots.max(1))));
        let runner = Runner {
            control: control.clone(),
            journal,
            factory: Arc::new(steps::Factory::new(StoreProvider::new(control.clone()))),
            slots: slots(),
            rescues: slots(),
            drivers: drivers.clone(),
            driven: Driven::default(),
            stop: stop.clone(),
            abandon: abandon.clone(),
        };
        let loops = vec![
            tokio::spawn(claim(runner.clone(), id)),
            tokio::spawn(rescue::run(runner, row, settings.lease)),
            tokio::spawn(rehearse::run(control.clone(), id, stop.clone())),
            tokio::spawn(preserved::run(control.clone(), stop.clone())),
            tokio::spawn(expire_keys(control.clone(), stop.clone())),
        ];
        tracing::info!(worker.id = %id, "worker started");
        Ok(Self { id, control: control.clone(), stop, abandon, drivers, loops, heartbeat, _lock: lock })
    }

    /// Stops between steps, waiting at most `within`; what has not stopped by then is left to other workers.
    pub async fn shutdown(self, within: Duration) {
        self.stop.cancel();
        let deadline = Instant::now() + within;
        for mut task in self.loops {
            match tokio::time::timeout_at(deadline, &mut task).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(worker.id = %self.id, %error, "a loop of the worker ended badly"),
                // What it claims now is driven by nobody, and its lease ends with this process.
                Err(_) => task.abort(),
            }
        }
        self.drivers.close();
        if tokio::time::timeout_at(deadline, self.drivers.wait()).await.is_err() {
            tracing::warn!(worker.id = %self.id, "jobs did not stop in time; other workers take them over");
            self.abandon.cancel();
            self.drivers.wait().await;
        }
        self.heartbeat.stop();
        match tokio::time::timeout(GOODBYE, self.control.database().end_worker(self.id)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(worker.id = %self.id, %error, "the worker could not say goodbye; its lease will run out");
            }
            Err(_) => {
                tracing::warn!(worker.id = %self.id, "the goodbye got no answer; the worker's lease will run out");
            }
        }
    }
}

/// What it takes to drive a job.
#[derive(Clone)]
struct Runner {
    control: Control,
    journal: Arc<Announcing>,
    factory: Arc<steps::Factory>,
    slots: Arc<Semaphore>,
    /// As many again, for jobs that are taken over: they stand in the middle of a change and do not wait behind
    /// those that have not begun.
    rescues: Arc<Semaphore>,
    drivers: TaskTracker,
    driven: Driven,
    stop: CancellationToken,
    /// Drops what runs, wherever it stands.
    abandon: CancellationToken,
}

impl Runner {
    /// Drives a claimed job in a task of its own, holding a permit.
    fn spawn(&self, held: Held, permit: tokio::sync::OwnedSemaphorePermit) {
        let runner = self.clone();
        let driven = self.driven.enter(&held);
        self.drivers.spawn(async move {
            tokio::select! {
                () = runner.drive(held) => {}
                () = runner.abandon.cancelled() => {}
            }
            drop((driven, permit));
        });
    }

    async fn drive(&self, held: Held) {
        self.control.wake().job(held.job);
        loop {
            let journal: Arc<dyn Journal> = Arc::clone(&self.journal) as _;
            match saga::drive(journal, self.factory.as_ref(), held, self.stop.clone()).await {
                Ok(Outcome::Rests(state)) => {
                    tracing::info!(job.id = %held.job, job.state = state.as_str(), "job rests");
                    break;
                }
                Ok(Outcome::Stopped) => {
                    match tokio::time::timeout(GIVE_BACK, self.control.database().give_back(&held)).await {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => {
                            tracing::warn!(job.id = %held.job, %error, "job could not be given back; it will be taken over");
                        }
                        Err(_) => tracing::warn!(job.id = %held.job, "giving the job back got no answer"),
                    }
                    self.control.wake().queued();
                    break;
                }
                Err(Abandoned::FenceLost) => {
                    tracing::warn!(job.id = %held.job, fence = held.fence, "job was taken over by another worker");
                    break;
                }
                // We hold it still: whoever else could go on needs the same database.
                Err(Abandoned::Journal(error)) => {
                    tracing::error!(job.id = %held.job, %error, "journal failed; the job goes on when it answers");
                    if !matches!(error, JournalError::Unavailable(_)) && self.give_to_a_person(&held, &error).await {
                        break;
                    }
                    tokio::select! {
                        () = tokio::time::sleep(JOURNAL_PAUSE) => {}
                        () = self.stop.cancelled() => break,
                    }
                }
            }
        }
    }

    /// Trying again would meet the same wall: the job is stuck and says why. `false` if even that cannot be written.
    async fn give_to_a_person(&self, held: &Held, error: &JournalError) -> bool {
        let error =
            StepError::permanent(sentence!("the job's journal cannot be continued: {error}", error = error.sentence()));
        let note = JobNote { step: None, error: Some(error.with_command(format!("backout job watch {}", held.job))) };
        match self.journal.job(held, JobEvent::GotStuck, note).await {
            Ok(_) => true,
            Err(error) => {
                tracing::error!(job.id = %held.job, %error, "job could not be marked as stuck");
                false
            }
        }
    }
}

async fn claim(runner: Runner, worker: WorkerId) {
    loop {
        // A worker that stops must not claim what it has just given back.
        let permit = tokio::select! {
            biased;
            () = runner.stop.cancelled() => return,
            permit = Arc::clone(&runner.slots).acquire_owned() => permit,
        };
        let Ok(permit) = permit else { return };
        let mut permits = vec![permit];
        // One transaction fills every free slot.
        while let Ok(free) = Arc::clone(&runner.slots).try_acquire_owned() {
            permits.push(free);
        }
        let free = u32::try_from(permits.len()).unwrap_or(u32::MAX);
        match runner.control.database().claim(worker, free).await {
            Ok(claimed) if !claimed.is_empty() => {
                for (held, permit) in claimed.into_iter().zip(permits) {
                    runner.spawn(held, permit);
                }
                continue;
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "jobs could not be claimed"),
        }
        drop(permits);
        tokio::select! {
            biased;
            () = runner.stop.cancelled() => return,
            () = runner.control.wake().wait_for_queue(POLL) => {}
        }
    }
}

/// Old answers to idempotency keys go away in small batches.
async fn expire_keys(control: Control, stop: CancellationToken) {
    const PAUSE: Duration = Duration::from_mins(10);
    loop {
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = stop.cancelled() => return,
        }
        if let Err(error) = control.database().expire_keys().await {
            tracing::warn!(%error, "old idempotency keys could not be deleted");
        }
    }
}
