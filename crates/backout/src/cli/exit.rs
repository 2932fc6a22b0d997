//! Exit codes: what a script can tell apart.

use domain::job::JobState;

/// How a command ended. `--help` and the README list the same numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// What was asked for is so.
    Done,
    /// The operation failed; where it had begun, everything was put back.
    Failed,
    /// Refused by the service, by the plan, or by whoever was asked to confirm; nothing was changed.
    Refused,
    /// A job needs a person: neither forward nor back without a decision.
    Stuck,
    /// The service, or something that it depends on, does not answer.
    Unreachable,
    /// A setting or a file that was given cannot be used.
    Configuration,
    /// Interrupted; what was started goes on.
    Interrupted,
}

impl Exit {
    /// The number. clap itself ends with 2 where the command line is wrong.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Refused => 3,
            Self::Stuck => 4,
            Self::Unreachable => 5,
            Self::Configuration => 64,
            Self::Interrupted => 130,
        }
    }

    /// How a command ends whose job came to rest in that state.
    pub(crate) fn of_job(state: JobState) -> Self {
        match state {
            JobState::Succeeded => Self::Done,
            JobState::Stuck => Self::Stuck,
            JobState::Failed
            | JobState::Cancelled
            | JobState::Undone
            // A job is in one of these only while it is not at rest.
            | JobState::Queued
            | JobState::AwaitingApproval
            | JobState::Running
            | JobState::Paused
            | JobState::Unwinding => Self::Failed,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_job_that_succeeded_exits_with_0() {
        for state in JobState::ALL {
            assert_eq!(Exit::of_job(state) == Exit::Done, state == JobState::Succeeded, "{state:?}");
        }
        assert_eq!(Exit::of_job(JobState::Stuck).code(), 4);
    }
}
