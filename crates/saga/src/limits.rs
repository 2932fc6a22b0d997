//! How long a step may take, and how long it bears what is in its way.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use sentence::sentence;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::StepError;
use crate::step::BoundStep;

/// First pause before something is tried again, doubled up to [`RETRY_MAX`].
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(3);

/// One run or undo of a step, tries included, within [`BoundStep::deadline`] and [`BoundStep::patience`].
pub(crate) struct Limits {
    allowed: Duration,
    deadline: Instant,
    patience: Duration,
    /// When the try under way began.
    tried: Instant,
    /// Since when one transient error has followed the other.
    trouble: Option<Instant>,
    pause: Pause,
}

impl Limits {
    pub(crate) fn of(step: &dyn BoundStep) -> Self {
        let now = Instant::now();
        let (allowed, patience) = (step.deadline(), step.patience());
        Self { allowed, deadline: now + allowed, patience, tried: now, trouble: None, pause: Pause::new() }
    }

    /// Time that is not the step's own.
    pub(crate) fn extend(&mut self, by: Duration) {
        self.deadline += by;
    }

    /// Holds a try to the deadline. A panic is a failure of the step, not the end of the worker's task: the job
    /// would stay claimed by a worker that lives and does nothing for it.
    pub(crate) async fn hold<T>(&mut self, work: impl Future<Output = Result<T, StepError>>) -> Result<T, StepError> {
        self.tried = Instant::now();
        match tokio::time::timeout_at(self.deadline, AssertUnwindSafe(work).catch_unwind()).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(StepError::permanent(sentence!("panicked; the worker's log says where"))),
            Err(_) => {
                let seconds = self.allowed.as_secs();
                Err(StepError::permanent(sentence!("did not end within its deadline of {seconds} s", seconds)))
            }
        }
    }

    /// Whether what is in the way of the last try is to be borne, and the step tried again.
    pub(crate) fn bear(&mut self) -> bool {
        let now = Instant::now();
        // A try that went well for so long is not a part of the trouble before it.
        if now.duration_since(self.tried) > self.patience {
            self.trouble = None;
            self.pause = Pause::new();
        }
        let until = *self.trouble.get_or_insert(now) + self.patience;
        self.pause.ends_before(until.min(self.deadline))
    }

    /// Waits before the next try; ends early when `stop` fires.
    pub(crate) async fn pause(&mut self, stop: &CancellationToken) {
        self.pause.wait(stop).await;
    }
}

/// The growing pause between two tries.
pub(crate) struct Pause(Duration);

impl Pause {
    pub(crate) fn new() -> Self {
        Self(RETRY_MIN)
    }

    pub(crate) fn ends_before(&self, deadline: Instant) -> bool {
        Instant::now() + self.0 < deadline
    }

    /// Ends early when `stop` fires.
    pub(crate) async fn wait(&mut self, stop: &CancellationToken) {
        tokio::select! {
            () = tokio::time::sleep(self.0) => {}
            () = stop.cancelled() => {}
        }
        self.0 = (self.0 * 2).min(RETRY_MAX);
    }
}
