//! The states of a step within its job. All transitions are one function, [`apply`].

use sentence::{Sentence, sentence};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::deployment::words;

/// The state of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Not begun.
    Pending,
    /// Begun; the effect may or may not be there.
    Started,
    /// The effect is there.
    Finished,
    /// It gave up; the effect may be there in part.
    Failed,
    /// Its undo has begun.
    Undoing,
    /// The effect is gone.
    Undone,
    /// Its undo gave up.
    UndoFailed,
}

words!(StepState {
    Pending = "pending",
    Started = "started",
    Finished = "finished",
    Failed = "failed",
    Undoing = "undoing",
    Undone = "undone",
    UndoFailed = "undo_failed",
});

/// What can happen to a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepEvent {
    /// Journalled before the effect; repeated when a later worker takes over.
    Start,
    /// Journalled after the effect.
    Finish,
    /// The step gave up.
    Fail,
    /// Journalled before the undo; repeated when a later worker takes over.
    BeginUndo,
    /// Journalled after the undo.
    FinishUndo,
    /// The undo gave up.
    FailUndo,
}

/// An event that a step's state does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct IllegalStepTransition {
    /// Where the step stands.
    pub state: StepState,
    /// What was asked of it.
    pub event: StepEvent,
}

impl IllegalStepTransition {
    /// What people are told.
    pub fn sentence(&self) -> Sentence {
        let (state, event) = (self.state.as_str(), format!("{:?}", self.event));
        sentence!("a step that is {state} cannot take the event {event}", state, event)
    }
}

/// The next state, or why there is none.
pub fn apply(state: StepState, event: StepEvent) -> Result<StepState, IllegalStepTransition> {
    use StepEvent as E;
    use StepState as S;
    match (state, event) {
        // A failed step starts again when a person asks a stuck job to go on.
        (S::Pending | S::Started | S::Failed, E::Start) => Ok(S::Started),
        (S::Started, E::Finish) => Ok(S::Finished),
        (S::Started, E::Fail) => Ok(S::Failed),
        (S::Started | S::Finished | S::Failed | S::Undoing | S::UndoFailed, E::BeginUndo) => Ok(S::Undoing),
        (S::Undoing, E::FinishUndo) => Ok(S::Undone),
        (S::Undoing, E::FailUndo) => Ok(S::UndoFailed),
        (state, event) => Err(IllegalStepTransition { state, event }),
    }
}

impl StepState {
    /// Every state.
    pub const ALL: [Self; 7] =
        [Self::Pending, Self::Started, Self::Finished, Self::Failed, Self::Undoing, Self::Undone, Self::UndoFailed];

    /// Whether the step may have left something in the world.
    pub fn may_have_effect(self) -> bool {
        !matches!(self, Self::Pending | Self::Undone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [StepEvent; 6] = [
        StepEvent::Start,
        StepEvent::Finish,
        StepEvent::Fail,
        StepEvent::BeginUndo,
        StepEvent::FinishUndo,
        StepEvent::FailUndo,
    ];

    #[test]
    fn an_undone_step_stays_undone() {
        for event in EVENTS {
            assert!(apply(StepState::Undone, event).is_err());
        }
    }

    #[test]
    fn whatever_may_have_an_effect_can_be_undone() {
        for state in StepState::ALL.into_iter().filter(|state| state.may_have_effect()) {
            assert_eq!(apply(state, StepEvent::BeginUndo), Ok(StepState::Undoing), "{state:?}");
        }
    }

    #[test]
    fn only_a_started_step_finishes() {
        for state in StepState::ALL {
            assert_eq!(apply(state, StepEvent::Finish).is_ok(), state == StepState::Started);
        }
    }

    #[test]
    fn every_word_reads_back() {
        for state in StepState::ALL {
            assert_eq!(StepState::from_word(state.as_str()), Some(state));
        }
    }
}
