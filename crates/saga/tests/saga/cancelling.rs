//! A person calls the job off.

use std::sync::Arc;
use std::time::Duration;

use backout_saga::ErrorKind;
use domain::job::JobState;
use domain::step::StepState;

use crate::support::{Act, Case, Life, chain, diamond};

/// Lives while a person calls the job off after this time.
async fn cancelled_after(case: &Case, time: Duration) -> Life {
    let journal = Arc::clone(&case.journal);
    tokio::spawn(async move {
        tokio::time::sleep(time).await;
        journal.cancel();
    });
    case.live().await
}

#[tokio::test(start_paused = true)]
async fn a_job_called_off_before_anything_began_is_cancelled() {
    let case = Case::new(&chain(), 3);
    case.journal.cancel();
    assert_eq!(case.live().await, Life::rests(JobState::Cancelled));
    case.assert_as_before();
    assert_eq!(case.journal.writes(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_job_called_off_between_steps_is_undone() {
    let case = Case::new(&chain(), 3);
    case.world.on_run(1, [Act::Take(Duration::from_millis(500))]);
    assert_eq!(cancelled_after(&case, Duration::from_millis(200)).await, Life::rests(JobState::Undone));
    case.assert_as_before();
    assert_eq!((case.world.applied(1), case.world.runs(2)), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_job_called_off_inside_a_step_that_can_stop_is_undone() {
    let case = Case::new(&chain(), 3);
    case.world.on_run(1, [Act::WaitForStop]);
    let begun = tokio::time::Instant::now();
    assert_eq!(cancelled_after(&case, Duration::from_secs(3)).await, Life::rests(JobState::Undone));
    case.assert_as_before();
    assert!(begun.elapsed() < Duration::from_secs(10), "it did not wait for the deadline");
}

#[tokio::test(start_paused = true)]
async fn a_job_called_off_while_a_step_waits_to_be_tried_again_is_undone() {
    let case = Case::new(&chain(), 3);
    case.world.on_run(1, vec![Act::Fail(ErrorKind::Transient); 100]);
    let begun = tokio::time::Instant::now();
    assert_eq!(cancelled_after(&case, Duration::from_secs(3)).await, Life::rests(JobState::Undone));
    case.assert_as_before();
    assert!(begun.elapsed() < Duration::from_secs(10), "it did not wait for the deadline");
}

#[tokio::test(start_paused = true)]
async fn a_job_called_off_past_the_pivot_goes_on() {
    let case = Case::new(&chain(), 2);
    case.world.on_run(3, [Act::Take(Duration::from_secs(10))]);
    assert_eq!(cancelled_after(&case, Duration::from_secs(5)).await, Life::rests(JobState::Succeeded));
    case.assert_all_done();
}

#[tokio::test(start_paused = true)]
async fn a_job_called_off_while_its_pivot_runs_goes_on_if_the_pivot_finishes() {
    let case = Case::new(&diamond(), 2);
    case.world.on_run(1, [Act::WaitForStop]);
    case.world.on_run(2, [Act::Take(Duration::from_secs(10))]);
    assert_eq!(cancelled_after(&case, Duration::from_secs(5)).await, Life::rests(JobState::Succeeded));
    case.assert_all_done();
    assert_eq!(case.world.runs(1), 2, "the step that had stopped was run again");
}

#[tokio::test(start_paused = true)]
async fn a_job_called_off_while_no_worker_had_it_unwinds_at_the_next_claim() {
    let case = Case::new(&chain(), 3);
    case.journal.found(&[(0, StepState::Finished), (1, StepState::Started)]);
    case.world.put(0);
    case.journal.cancel();
    assert_eq!(case.live().await, Life::rests(JobState::Undone));
    case.assert_as_before();
    assert_eq!(case.world.runs(1), 0);
}
