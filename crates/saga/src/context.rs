//! What a step knows of the job that it belongs to.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::error::{JournalError, StepError};
use crate::journal::{Held, Journal};
use crate::once;

/// How long news may take to be written; they are not worth holding the step up.
const NEWS_LIMIT: Duration = Duration::from_secs(5);

/// The step's place in its job, and its way to ask whether it may go on.
#[derive(Clone)]
pub struct StepContext {
    held: Held,
    step: u32,
    journal: Arc<dyn Journal>,
    stop: CancellationToken,
}

impl StepContext {
    /// A context for one step of a claimed job.
    pub fn new(held: Held, step: u32, journal: Arc<dyn Journal>, stop: CancellationToken) -> Self {
        Self { held, step, journal, stop }
    }

    /// The claim under which the step runs.
    pub fn held(&self) -> &Held {
        &self.held
    }

    /// Number of the step within its plan.
    pub fn step(&self) -> u32 {
        self.step
    }

    /// A text that marks effects of this step, so that a probe can find them.
    pub fn label(&self) -> String {
        format!("{}/{}", self.held.job, self.step)
    }

    /// Fails once another worker has claimed the job. Asked before each effect on a target that has no
    /// compare-and-set of its own.
    pub async fn assert_held(&self) -> Result<(), StepError> {
        Ok(self.journal.assert_held(&self.held).await?)
    }

    /// Writes something down that belongs to the journal, waiting within bounds while the control database is
    /// away, as the journal's own writes do. `attempt` has to bear repetition: its answer can be lost.
    pub async fn write_down<T, F, Fut>(&self, attempt: F) -> Result<T, StepError>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, JournalError>>,
    {
        Ok(once::write(attempt).await?)
    }

    /// Writes down what others will decide by, as an event of the step; unlike news, it is not left out while the
    /// control database is away.
    pub async fn record(&self, message: Value) -> Result<(), StepError> {
        self.write_down(|| self.journal.progress(&self.held, self.step, message.clone())).await
    }

    /// Tells those who watch how far the step is. News that cannot be written is not worth failing for.
    pub async fn progress(&self, message: Value) -> Result<(), StepError> {
        match tokio::time::timeout(NEWS_LIMIT, self.journal.progress(&self.held, self.step, message)).await {
            Ok(Err(error @ JournalError::FenceLost { .. })) => Err(error.into()),
            Ok(Err(error)) => {
                tracing::warn!(job.id = %self.held.job, step.id = self.step, %error, "progress could not be written");
                Ok(())
            }
            Err(_) => {
                tracing::warn!(job.id = %self.held.job, step.id = self.step, "progress could not be written in time");
                Ok(())
            }
            Ok(Ok(())) => Ok(()),
        }
    }

    /// [`StepContext::progress`] with a share of the whole, for progress bars.
    pub async fn progress_of(&self, what: &str, done: u64, total: u64) -> Result<(), StepError> {
        self.progress(json!({ "what": what, "done": done, "total": total })).await
    }

    /// Fires when the job is called off or the worker shuts down; a step that can stop between effects does.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }
}
