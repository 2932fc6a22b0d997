//! The heartbeat: a thread, runtime and connection of its own, so that scripts, compression and hashing
//! cannot starve it.

use std::thread::JoinHandle;
use std::time::Duration;

use domain::ids::WorkerId;
use store::{Database, Heart};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// Beats in the length of a lease. One that gets no answer ends with its interval, and the next, on a connection of its
/// own, begins at once: two in a row may be lost without harm.
const BEATS_PER_LEASE: u32 = 4;
/// What connecting is given at least: with a short lease it would begin anew for ever where it takes that long.
const CONNECT_AT_LEAST: Duration = Duration::from_secs(2);

pub(super) struct Heartbeat {
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Heartbeat {
    pub(super) fn start(database: Database, worker: WorkerId, lease: Duration) -> std::io::Result<Self> {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("backout-heartbeat".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = beat(&database, worker, lease / BEATS_PER_LEASE) => {}
                    () = stopped.cancelled() => {}
                }
            });
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Stops at once; the lease runs out, or the worker says goodbye.
    pub(super) fn stop(mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the heartbeat's thread panicked");
        }
    }
}

async fn beat(database: &Database, worker: WorkerId, interval: Duration) {
    let mut heart: Option<Heart> = None;
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if heart.is_none() {
            let limit = interval.max(CONNECT_AT_LEAST);
            heart = in_time(limit, database.heart(), worker, "the heartbeat has no connection").await;
        }
        if let Some(connected) = &mut heart
            && in_time(interval, connected.beat(worker), worker, "a heartbeat failed").await.is_none()
        {
            heart = None;
        }
    }
}

async fn in_time<T>(
    limit: Duration,
    attempt: impl Future<Output = store::Result<T>>,
    worker: WorkerId,
    failure: &str,
) -> Option<T> {
    match tokio::time::timeout(limit, attempt).await {
        Ok(Ok(done)) => return Some(done),
        Ok(Err(error)) => tracing::warn!(worker.id = %worker, %error, "{failure}"),
        Err(_) => tracing::warn!(worker.id = %worker, "{failure}: no answer within {} ms", limit.as_millis()),
    }
    None
}
