//! What a worker makes of the states that an earlier one left.

use domain::job::JobState;
use domain::step::StepState;

use crate::support::{Case, Life, chain, diamond};

#[tokio::test(start_paused = true)]
async fn a_step_found_failed_turns_the_job_back_and_is_not_run_again() {
    let case = Case::new(&chain(), 3);
    case.journal.found(&[(0, StepState::Finished), (1, StepState::Failed)]);
    case.world.put(0);
    assert_eq!(case.live().await, Life::rests(JobState::Undone));
    case.assert_as_before();
    assert_eq!(case.world.runs(1), 0);
}

#[tokio::test(start_paused = true)]
async fn a_step_found_failed_past_the_pivot_makes_the_job_stuck() {
    let case = Case::new(&chain(), 1);
    case.journal.found(&[(0, StepState::Finished), (1, StepState::Finished), (2, StepState::Failed)]);
    assert_eq!(case.live().await, Life::rests(JobState::Stuck));
    assert_eq!(case.world.runs(2), 0);
    assert!(case.journal.job_error().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_failed_step_without_effect_found_first_ends_the_job_as_failed() {
    let case = Case::new(&chain(), 3);
    case.world.has_no_effect(0);
    case.journal.found(&[(0, StepState::Failed)]);
    assert_eq!(case.live().await, Life::rests(JobState::Failed));
}

#[tokio::test(start_paused = true)]
async fn a_step_found_started_whose_effect_is_there_is_not_run() {
    let case = Case::new(&chain(), 3);
    case.journal.found(&[(0, StepState::Started)]);
    case.world.put(0);
    assert_eq!(case.live().await, Life::rests(JobState::Succeeded));
    case.assert_all_done();
    assert_eq!((case.world.runs(0), case.world.probes(0)), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn the_dependants_of_a_step_found_started_wait_until_it_is_settled() {
    let case = Case::new(&diamond(), 3);
    case.journal.found(&[(0, StepState::Finished), (1, StepState::Started), (2, StepState::Started)]);
    case.world.put(0);
    case.world.put(2);
    assert_eq!(case.live().await, Life::rests(JobState::Succeeded));
    case.assert_all_done();
    assert_eq!(case.world.order(), ["+1", "+3"]);
}

#[tokio::test(start_paused = true)]
async fn a_step_whose_probe_cannot_tell_makes_the_job_stuck() {
    let case = Case::new(&chain(), 3);
    case.journal.found(&[(0, StepState::Started)]);
    case.world.put(0);
    case.world.probe_cannot_tell(0);
    assert_eq!(case.live().await, Life::rests(JobState::Stuck));
    assert_eq!((case.step(0), case.world.runs(0)), (StepState::Started, 0));
    assert_eq!(case.journal.job_error().unwrap().message, "cell 0 cannot be seen");

    case.world.probe_can_tell_again();
    case.retry();
    assert_eq!(case.live().await, Life::rests(JobState::Succeeded));
    case.assert_all_done();
}

#[tokio::test(start_paused = true)]
async fn a_running_job_with_undone_steps_goes_on_unwinding() {
    for found in [StepState::Undoing, StepState::Undone, StepState::UndoFailed] {
        let case = Case::new(&chain(), 3);
        case.journal.found(&[(0, StepState::Finished), (1, found)]);
        case.world.put(0);
        assert_eq!(case.live().await, Life::rests(JobState::Undone), "{found:?}");
        case.assert_as_before();
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_rests_is_left_alone() {
    let case = Case::new(&chain(), 3);
    assert_eq!(case.live().await, Life::rests(JobState::Succeeded));
    let writes = case.journal.writes();
    assert_eq!(case.live().await, Life::rests(JobState::Succeeded));
    assert_eq!(case.journal.writes(), writes);
}
