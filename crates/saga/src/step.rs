//! What a step has to be able to do.

use std::time::Duration;

use async_trait::async_trait;
use domain::ids::JobId;
use domain::plan::StepSpec;
use sentence::{Sentence, sentence};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::context::StepContext;
use crate::error::StepError;

/// What a probe found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe<T> {
    /// The effect is there.
    Done(T),
    /// It is not, or only in part and `run` goes on where it stopped.
    NotDone,
    /// It cannot be told, and why: a person has to look.
    Unknown(Sentence),
}

/// One step with its input, bound to the drivers that it needs.
#[async_trait]
pub trait Step: Send + Sync {
    /// What it leaves for later steps, for its undo and for the report.
    type Output: Serialize + DeserializeOwned + Send + Sync;

    /// Brings the effect about. Called again after [`Probe::NotDone`].
    async fn run(&self, cx: &StepContext) -> Result<Self::Output, StepError>;

    /// Looks whether the effect is there, without changing anything.
    async fn probe(&self, cx: &StepContext) -> Result<Probe<Self::Output>, StepError>;

    /// Takes the effect back, whole or partial. Looks before it acts, so that calling it again is harmless.
    async fn undo(&self, cx: &StepContext, output: Option<Self::Output>) -> Result<(), StepError>;

    /// How long run or undo may take, tries included.
    fn deadline(&self) -> Duration;

    /// How long transient errors that follow one another are borne; a step that may work for hours does not wait for
    /// hours where nothing answers.
    fn patience(&self) -> Duration {
        self.deadline()
    }

    /// Whether it leaves something in the world that has to be taken back when the job unwinds.
    fn has_effect(&self) -> bool {
        true
    }

    /// Whether what was done before this step must not be undone where its own undo fails for good. Where it may be, as
    /// with an entry in a cache, unwinding goes on, and a person is told at its end.
    fn holds_up_unwinding(&self) -> bool {
        true
    }
}

/// A [`Step`] whose output type is erased; implemented by [`Erased`] only.
#[async_trait]
pub trait BoundStep: Send + Sync {
    /// See [`Step::run`].
    async fn run(&self, cx: &StepContext) -> Result<Value, StepError>;
    /// See [`Step::probe`].
    async fn probe(&self, cx: &StepContext) -> Result<Probe<Value>, StepError>;
    /// See [`Step::undo`].
    async fn undo(&self, cx: &StepContext, output: Option<Value>) -> Result<(), StepError>;
    /// See [`Step::deadline`].
    fn deadline(&self) -> Duration;
    /// See [`Step::patience`].
    fn patience(&self) -> Duration;
    /// See [`Step::has_effect`].
    fn has_effect(&self) -> bool;
    /// See [`Step::holds_up_unwinding`].
    fn holds_up_unwinding(&self) -> bool;
}

/// Wraps a typed step so that its output is JSON.
pub struct Erased<S>(pub S);

#[async_trait]
impl<S: Step> BoundStep for Erased<S> {
    async fn run(&self, cx: &StepContext) -> Result<Value, StepError> {
        to_json(&self.0.run(cx).await?)
    }

    async fn probe(&self, cx: &StepContext) -> Result<Probe<Value>, StepError> {
        Ok(match self.0.probe(cx).await? {
            Probe::Done(output) => Probe::Done(to_json(&output)?),
            Probe::NotDone => Probe::NotDone,
            Probe::Unknown(why) => Probe::Unknown(why),
        })
    }

    async fn undo(&self, cx: &StepContext, output: Option<Value>) -> Result<(), StepError> {
        let output = output.map(serde_json::from_value).transpose().map_err(|error| {
            StepError::permanent(sentence!(
                "the step's stored output cannot be read: {error}",
                error = error.to_string()
            ))
        })?;
        self.0.undo(cx, output).await
    }

    fn deadline(&self) -> Duration {
        self.0.deadline()
    }

    fn patience(&self) -> Duration {
        self.0.patience()
    }

    fn has_effect(&self) -> bool {
        self.0.has_effect()
    }

    fn holds_up_unwinding(&self) -> bool {
        self.0.holds_up_unwinding()
    }
}

fn to_json(output: &impl Serialize) -> Result<Value, StepError> {
    serde_json::to_value(output).map_err(|error| {
        StepError::permanent(sentence!("the step's output cannot be stored: {error}", error = error.to_string()))
    })
}

/// Binds a step's specification to drivers.
#[async_trait]
pub trait StepFactory: Send + Sync {
    /// The step that does what the specification says.
    async fn bind(&self, job: JobId, spec: &StepSpec) -> Result<Box<dyn BoundStep>, StepError>;
}
