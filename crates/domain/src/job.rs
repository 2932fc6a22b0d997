//! Jobs and their states. All transitions are one function, [`apply`].

use sentence::{Sentence, sentence};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::deployment::words;

/// The state of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waits for a worker.
    Queued,
    /// Waits for a person's approval of the plan.
    AwaitingApproval,
    /// A worker carries out its steps.
    Running,
    /// Waits between steps, for a watch or a person.
    Paused,
    /// A step failed before the pivot; finished steps are being undone.
    Unwinding,
    /// Every step finished.
    Succeeded,
    /// Ended without having touched anything.
    Failed,
    /// Cancelled without having touched anything.
    Cancelled,
    /// Everything that was done has been undone.
    Undone,
    /// Neither forward nor back without a person.
    Stuck,
}

words!(JobState {
    Queued = "queued",
    AwaitingApproval = "awaiting_approval",
    Running = "running",
    Paused = "paused",
    Unwinding = "unwinding",
    Succeeded = "succeeded",
    Failed = "failed",
    Cancelled = "cancelled",
    Undone = "undone",
    Stuck = "stuck",
});

/// What can happen to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobEvent {
    /// The environment wants an approval first.
    ApprovalWanted,
    /// A person approved the plan.
    Approved,
    /// A worker took the job for the first time.
    Claimed,
    /// A watch or a person asked to wait.
    PauseWanted,
    /// The wait is over.
    Resumed,
    /// Every step finished.
    StepsFinished,
    /// It cannot go on and nothing was touched.
    FailedUntouched,
    /// A person called it off and nothing was touched.
    CancelledUntouched,
    /// A step failed, or a person called it off, before the pivot.
    UnwindBegun,
    /// The last undo finished.
    UnwindFinished,
    /// Neither forward nor back is possible without a person.
    GotStuck,
    /// A person asked to go on from where it stands.
    RetryWanted,
    /// A person asked to take everything back.
    UnwindWanted,
}

/// An event that a state does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct IllegalTransition {
    /// Where the job stands.
    pub state: JobState,
    /// What was asked of it.
    pub event: JobEvent,
}

impl IllegalTransition {
    /// What people are told.
    pub fn sentence(&self) -> Sentence {
        let (state, event) = (self.state.as_str(), format!("{:?}", self.event));
        sentence!("a job that is {state} cannot take the event {event}", state, event)
    }
}

/// The next state, or why there is none.
pub fn apply(state: JobState, event: JobEvent) -> Result<JobState, IllegalTransition> {
    use JobEvent as E;
    use JobState as S;
    match (state, event) {
        (S::Queued, E::ApprovalWanted) => Ok(S::AwaitingApproval),
        (S::AwaitingApproval, E::Approved) => Ok(S::Queued),
        (S::Queued, E::Claimed) | (S::Paused, E::Resumed) | (S::Stuck, E::RetryWanted) => Ok(S::Running),
        (S::Running, E::PauseWanted) => Ok(S::Paused),
        (S::Running, E::StepsFinished) => Ok(S::Succeeded),
        (S::Running, E::FailedUntouched) => Ok(S::Failed),
        (S::Queued | S::AwaitingApproval | S::Running, E::CancelledUntouched) => Ok(S::Cancelled),
        (S::Running | S::Paused, E::UnwindBegun) | (S::Stuck, E::UnwindWanted) => Ok(S::Unwinding),
        (S::Unwinding, E::UnwindFinished) => Ok(S::Undone),
        (S::Running | S::Paused | S::Unwinding, E::GotStuck) => Ok(S::Stuck),
        (state, event) => Err(IllegalTransition { state, event }),
    }
}

impl JobState {
    /// Every state, in the order in which people read them.
    pub const ALL: [Self; 10] = [
        Self::Queued,
        Self::AwaitingApproval,
        Self::Running,
        Self::Paused,
        Self::Unwinding,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
        Self::Undone,
        Self::Stuck,
    ];

    /// Whether the job has ended for good.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled | Self::Undone)
    }

    /// Whether the job holds its environment: nothing else may change it meanwhile.
    pub fn holds_environment(self) -> bool {
        !self.is_final()
    }

    /// Whether a worker has to hold the job's lease.
    pub fn wants_worker(self) -> bool {
        matches!(self, Self::Running | Self::Unwinding)
    }
}

impl JobEvent {
    /// Every event.
    pub const ALL: [Self; 13] = [
        Self::ApprovalWanted,
        Self::Approved,
        Self::Claimed,
        Self::PauseWanted,
        Self::Resumed,
        Self::StepsFinished,
        Self::FailedUntouched,
        Self::CancelledUntouched,
        Self::UnwindBegun,
        Self::UnwindFinished,
        Self::GotStuck,
        Self::RetryWanted,
        Self::UnwindWanted,
    ];
}

/// The diagram of all transitions, as Mermaid source; `docs/states.md` holds exactly this.
pub fn diagram() -> String {
    let mut lines = vec!["stateDiagram-v2".to_owned(), "    [*] --> queued".to_owned()];
    for state in JobState::ALL {
        for event in JobEvent::ALL {
            if let Ok(next) = apply(state, event) {
                lines.push(format!("    {} --> {}: {event:?}", state.as_str(), next.as_str()));
            }
        }
        if state.is_final() {
            lines.push(format!("    {} --> [*]", state.as_str()));
        }
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_final_state_takes_no_event() {
        for state in JobState::ALL.into_iter().filter(|state| state.is_final()) {
            for event in JobEvent::ALL {
                assert_eq!(apply(state, event), Err(IllegalTransition { state, event }));
            }
        }
    }

    #[test]
    fn every_state_is_reached_and_every_other_one_can_end() {
        for goal in JobState::ALL {
            assert!(reachable(JobState::Queued).contains(&goal), "{goal:?} is never reached");
        }
        for state in JobState::ALL {
            assert!(reachable(state).iter().any(|end| end.is_final()), "{state:?} never ends");
        }
    }

    fn reachable(from: JobState) -> Vec<JobState> {
        let mut seen = vec![from];
        let mut index = 0;
        while index < seen.len() {
            for event in JobEvent::ALL {
                if let Ok(next) = apply(seen[index], event)
                    && !seen.contains(&next)
                {
                    seen.push(next);
                }
            }
            index += 1;
        }
        seen
    }

    #[test]
    fn every_word_reads_back() {
        for state in JobState::ALL {
            assert_eq!(JobState::from_word(state.as_str()), Some(state));
        }
    }

    #[test]
    fn the_documented_diagram_is_the_code() {
        let documented = include_str!("../../../docs/states.md");
        assert!(
            documented.contains(&diagram()),
            "docs/states.md is out of date; its diagram has to be:\n{}",
            diagram()
        );
    }
}
