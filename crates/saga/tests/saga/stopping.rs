//! Shutdown is no failure: whoever claims the job next goes on.

use backout_saga::{ErrorKind, Outcome};
use domain::job::JobState;
use domain::step::StepState;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

use crate::support::{Act, Case, Life, chain, diamond};

const STOPPED: Life = Life::Ended(Ok(Outcome::Stopped));

/// A token that fires after this time.
fn stop_after(time: Duration) -> CancellationToken {
    let stop = CancellationToken::new();
    let fired = stop.clone();
    tokio::spawn(async move {
        tokio::time::sleep(time).await;
        fired.cancel();
    });
    stop
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_stopped_already_begins_nothing() {
    let case = Case::new(&chain(), 3);
    let stop = CancellationToken::new();
    stop.cancel();
    assert_eq!(case.live_until(stop).await, STOPPED);
    assert_eq!(case.journal.writes(), 0);
    assert_eq!(case.journal.job_state(), JobState::Running);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_lets_the_running_step_finish_and_begins_no_other() {
    let case = Case::new(&chain(), 3);
    case.world.on_run(1, [Act::Take(Duration::from_secs(5))]);
    assert_eq!(case.live_until(stop_after(Duration::from_secs(2))).await, STOPPED);
    assert_eq!((case.step(1), case.step(2)), (StepState::Finished, StepState::Pending));
    assert_eq!(case.live().await, Life::rests(JobState::Succeeded));
    case.assert_all_done();
}

#[tokio::test(start_paused = true)]
async fn a_step_that_stops_for_a_shutdown_has_not_failed_and_the_next_worker_goes_on() {
    let case = Case::new(&diamond(), 3);
    case.world.on_run(1, [Act::WaitForStop]);
    assert_eq!(case.live_until(stop_after(Duration::from_secs(2))).await, STOPPED);
    assert_eq!((case.journal.job_state(), case.step(1)), (JobState::Running, StepState::Started));
    assert_eq!(case.journal.job_error(), None);
    assert_eq!(case.live().await, Life::rests(JobState::Succeeded));
    case.assert_all_done();
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_while_a_step_waits_to_be_tried_again_leaves_the_job_as_it_is() {
    let case = Case::new(&chain(), 3);
    case.world.on_run(1, vec![Act::Fail(ErrorKind::Transient); 6]);
    assert_eq!(case.live_until(stop_after(Duration::from_millis(500))).await, STOPPED);
    assert_eq!((case.journal.job_state(), case.step(1)), (JobState::Running, StepState::Started));
    assert_eq!(case.live().await, Life::rests(JobState::Succeeded));
    case.assert_all_done();
}

#[tokio::test(start_paused = true)]
async fn a_real_failure_during_a_shutdown_turns_the_job_back_and_the_next_worker_unwinds() {
    let case = Case::new(&diamond(), 3);
    case.world.on_run(1, [Act::FailIn(Duration::from_secs(3), ErrorKind::Permanent)]);
    case.world.on_run(2, [Act::WaitForStop]);
    assert_eq!(case.live_until(stop_after(Duration::from_secs(2))).await, STOPPED);
    assert_eq!(case.journal.job_state(), JobState::Unwinding);
    assert_eq!(case.journal.job_error().unwrap().message, "step 1 was told to fail");
    assert_eq!(case.live().await, Life::rests(JobState::Undone));
    case.assert_as_before();
}

#[tokio::test(start_paused = true)]
async fn a_failure_before_a_shutdown_is_not_forgotten_while_other_steps_end() {
    let case = Case::new(&diamond(), 3);
    case.world.on_run(1, [Act::FailIn(Duration::from_secs(1), ErrorKind::Permanent)]);
    case.world.on_run(2, [Act::Take(Duration::from_secs(5))]);
    assert_eq!(case.live_until(stop_after(Duration::from_secs(2))).await, STOPPED);
    assert_eq!((case.step(1), case.step(2)), (StepState::Failed, StepState::Finished));
    assert_eq!(case.live().await, Life::rests(JobState::Undone));
    case.assert_as_before();
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_in_the_middle_of_unwinding_leaves_the_rest_to_the_next_worker() {
    let case = Case::new(&chain(), 3);
    case.world.on_run(3, [Act::Fail(ErrorKind::Permanent)]);
    case.world.on_undo(1, [Act::WaitForStop]);
    assert_eq!(case.live_until(stop_after(Duration::from_secs(2))).await, STOPPED);
    assert_eq!((case.journal.job_state(), case.step(1)), (JobState::Unwinding, StepState::Undoing));
    assert_eq!(case.live().await, Life::rests(JobState::Undone));
    case.assert_as_before();
}
