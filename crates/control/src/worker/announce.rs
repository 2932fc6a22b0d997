//! The journal, with whoever watches a job woken after each write.

use async_trait::async_trait;
use domain::job::{JobEvent, JobState};
use domain::step::{StepEvent, StepState};
use saga::{Held, JobNote, JobRecord, Journal, JournalError, StepNote};
use serde_json::Value;

use crate::Control;

pub(super) struct Announcing {
    control: Control,
}

impl Announcing {
    pub(super) fn new(control: Control) -> Self {
        Self { control }
    }
}

#[async_trait]
impl Journal for Announcing {
    async fn load(&self, held: &Held) -> Result<JobRecord, JournalError> {
        self.control.database().load(held).await
    }

    async fn step(&self, held: &Held, step: u32, event: StepEvent, note: StepNote) -> Result<StepState, JournalError> {
        let state = self.control.database().step(held, step, event, note).await?;
        self.control.wake().job(held.job);
        Ok(state)
    }

    async fn job(&self, held: &Held, event: JobEvent, note: JobNote) -> Result<JobState, JournalError> {
        let state = self.control.database().job(held, event, note).await?;
        self.control.wake().job(held.job);
        Ok(state)
    }

    async fn progress(&self, held: &Held, step: u32, message: Value) -> Result<(), JournalError> {
        self.control.database().progress(held, step, message).await?;
        self.control.wake().job(held.job);
        Ok(())
    }

    async fn assert_held(&self, held: &Held) -> Result<(), JournalError> {
        self.control.database().assert_held(held).await
    }

    async fn cancel_requested(&self, held: &Held) -> Result<bool, JournalError> {
        self.control.database().cancel_requested(held).await
    }
}
