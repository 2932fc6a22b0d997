//! Binding steps to their drivers.

use std::time::Duration;

use async_trait::async_trait;
use domain::ids::JobId;
use domain::plan::StepSpec;
use sentence::sentence;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::context::StepContext;
use crate::error::{ErrorKind, StepError};
use crate::limits::Pause;
use crate::once::JOURNAL_PATIENCE;
use crate::step::{BoundStep, Probe, StepFactory};

/// Binds a step, waiting within bounds while what it takes (settings, secrets) does not answer.
pub(crate) async fn bind(
    factory: &dyn StepFactory,
    job: JobId,
    spec: &StepSpec,
    stop: &CancellationToken,
) -> Result<Box<dyn BoundStep>, StepError> {
    let deadline = Instant::now() + JOURNAL_PATIENCE;
    let mut pause = Pause::new();
    loop {
        let bound = tokio::time::timeout_at(deadline, factory.bind(job, spec)).await;
        match bound
            .unwrap_or_else(|_| Err(StepError::transient(sentence!("the step's drivers could not be had in time"))))
        {
            Err(error) if error.kind == ErrorKind::Transient && pause.ends_before(deadline) && !stop.is_cancelled() => {
                pause.wait(stop).await;
            }
            other => return other,
        }
    }
}

/// Stands in for a step to be undone whose drivers could not be had: its undo fails as any undo does.
pub(crate) struct Unbindable(pub(crate) StepError);

#[async_trait]
impl BoundStep for Unbindable {
    async fn run(&self, _: &StepContext) -> Result<Value, StepError> {
        Err(self.0.clone())
    }

    async fn probe(&self, _: &StepContext) -> Result<Probe<Value>, StepError> {
        Err(self.0.clone())
    }

    async fn undo(&self, _: &StepContext, _: Option<Value>) -> Result<(), StepError> {
        Err(self.0.clone())
    }

    /// Enough for the one answer: [`bind`] has waited already.
    fn deadline(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn patience(&self) -> Duration {
        self.deadline()
    }

    fn has_effect(&self) -> bool {
        true
    }

    fn holds_up_unwinding(&self) -> bool {
        true
    }
}
