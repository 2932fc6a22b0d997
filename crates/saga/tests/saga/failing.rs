//! Failures before and after the pivot.

use backout_saga::ErrorKind;
use std::time::Duration;

use domain::job::JobState;
use domain::step::StepState;

use crate::support::{Act, Case, Life, chain, diamond};

#[tokio::test(start_paused = true)]
async fn a_job_without_failures_brings_every_effect_once() {
    let case = Case::new(&diamond(), 3);
    assert_eq!(case.live().await, Life::rests(JobState::Succeeded));
    case.assert_all_done();
    assert!(case.world.all().iter().all(|id| case.world.runs(*id) == 1 && case.world.probes(*id) == 0));
}

#[tokio::test(start_paused = true)]
async fn whichever_step_fails_before_the_pivot_the_world_ends_as_before() {
    for failing in 0..4 {
        for act in
            [Act::Fail(ErrorKind::Permanent), Act::FailAfter(ErrorKind::Permanent), Act::Fail(ErrorKind::WorldChanged)]
        {
            let case = Case::new(&diamond(), 3);
            case.world.on_run(failing, [act]);
            assert_eq!(case.live().await, Life::rests(JobState::Undone), "step {failing}");
            case.assert_as_before();
            let error = case.journal.job_error().unwrap();
            assert_eq!(error.message.to_string(), format!("step {failing} was told to fail"));
            assert_eq!(case.journal.step_error(failing), Some(error));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn undoing_goes_in_reverse_order() {
    let case = Case::new(&chain(), 3);
    case.world.on_run(3, [Act::FailAfter(ErrorKind::Permanent)]);
    assert_eq!(case.live().await, Life::rests(JobState::Undone));
    assert_eq!(case.world.order(), ["+0", "+1", "+2", "+3", "-3", "-2", "-1", "-0"]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_a_step_that_only_looks_leaves_the_job_failed_and_nothing_undone() {
    let case = Case::new(&chain(), 2);
    case.world.has_no_effect(0);
    case.world.on_run(0, [Act::Fail(ErrorKind::WorldChanged)]);
    assert_eq!(case.live().await, Life::rests(JobState::Failed));
    case.assert_as_before();
    assert_eq!(case.step(0), StepState::Failed);
    assert_eq!(case.world.undos(0), 0);
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_the_pivot_itself_unwinds() {
    let case = Case::new(&chain(), 2);
    case.world.on_run(2, [Act::Fail(ErrorKind::Permanent)]);
    assert_eq!(case.live().await, Life::rests(JobState::Undone));
    case.assert_as_before();
}

#[tokio::test(start_paused = true)]
async fn a_failure_past_the_pivot_is_stuck_and_a_retry_goes_on() {
    let case = Case::new(&chain(), 2);
    case.world.on_run(3, [Act::Fail(ErrorKind::Permanent)]);
    assert_eq!(case.live().await, Life::rests(JobState::Stuck));
    assert_eq!(case.world.present(), [0, 1, 2]);
    assert_eq!(case.journal.job_error().unwrap().message, "step 3 was told to fail");
    case.retry();
    assert_eq!(case.live().await, Life::rests(JobState::Succeeded));
    case.assert_all_done();
}

#[tokio::test(start_paused = true)]
async fn a_retried_step_is_looked_at_before_it_runs_again() {
    let case = Case::new(&chain(), 2);
    case.world.on_run(3, [Act::FailAfter(ErrorKind::Permanent)]);
    assert_eq!(case.live().await, Life::rests(JobState::Stuck));
    case.retry();
    assert_eq!(case.live().await, Life::rests(JobState::Succeeded));
    case.assert_all_done();
    assert_eq!((case.world.runs(3), case.world.probes(3)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_job_stuck_past_the_pivot_can_be_unwound_by_a_person() {
    let case = Case::new(&chain(), 2);
    case.world.on_run(3, [Act::FailAfter(ErrorKind::Permanent)]);
    assert_eq!(case.live().await, Life::rests(JobState::Stuck));
    case.unwind();
    assert_eq!(case.live().await, Life::rests(JobState::Undone));
    case.assert_as_before();
}

#[tokio::test(start_paused = true)]
async fn a_failed_undo_is_stuck_and_either_word_of_a_person_goes_on_unwinding() {
    for retry in [true, false] {
        let case = Case::new(&chain(), 3);
        case.world.on_run(3, [Act::Fail(ErrorKind::Permanent)]);
        case.world.on_undo(1, [Act::Fail(ErrorKind::Permanent)]);
        assert_eq!(case.live().await, Life::rests(JobState::Stuck));
        assert_eq!(case.step(1), StepState::UndoFailed);
        assert_eq!(case.world.present(), [0, 1]);
        if retry {
            case.retry();
        } else {
            case.unwind();
        }
        assert_eq!(case.live().await, Life::rests(JobState::Undone), "retry: {retry}\n{}", case.journal.log());
        case.assert_as_before();
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_undo_of_a_minor_step_does_not_keep_the_others_from_being_undone() {
    let case = Case::new(&chain(), 3);
    case.world.is_minor(1);
    case.world.on_run(3, [Act::Fail(ErrorKind::Permanent)]);
    case.world.on_undo(1, [Act::Fail(ErrorKind::Permanent)]);
    assert_eq!(case.live().await, Life::rests(JobState::Stuck));
    assert_eq!(case.world.present(), [1]);
    assert_eq!(case.journal.job_error().unwrap().message, "step 1 was told to fail");
    case.retry();
    assert_eq!(case.live().await, Life::rests(JobState::Undone), "{}", case.journal.log());
    assert_eq!((case.world.undos(0), case.world.undos(1)), (1, 2), "what is undone is not undone again");
    case.assert_as_before();
}

#[tokio::test(start_paused = true)]
async fn a_step_that_cannot_tell_makes_the_job_stuck_and_its_dependants_wait() {
    let case = Case::new(&chain(), 3);
    case.world.on_run(1, [Act::FailAfter(ErrorKind::Unknown)]);
    assert_eq!(case.live().await, Life::rests(JobState::Stuck));
    assert_eq!((case.step(1), case.step(2)), (StepState::Started, StepState::Pending));
    case.retry();
    assert_eq!(case.live().await, Life::rests(JobState::Succeeded));
    case.assert_all_done();
    assert_eq!(case.world.runs(1), 1, "it was probed, not run again");
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_failure_of_its_step() {
    let case = Case::new(&chain(), 3);
    case.world.on_run(2, [Act::Panic]);
    assert_eq!(case.live().await, Life::rests(JobState::Undone));
    case.assert_as_before();
    assert!(case.journal.step_error(2).unwrap().message.to_string().contains("panicked"));
}

#[tokio::test(start_paused = true)]
async fn the_steps_beside_a_failed_one_are_asked_to_stop() {
    let case = Case::new(&diamond(), 3);
    case.world.on_run(1, [Act::Fail(ErrorKind::Permanent)]);
    case.world.on_run(2, [Act::WaitForStop]);
    assert_eq!(case.live().await, Life::rests(JobState::Undone));
    case.assert_as_before();
    assert_eq!(case.journal.job_error().unwrap().message, "step 1 was told to fail");
}

#[tokio::test(start_paused = true)]
async fn a_failure_beside_the_pivot_is_stuck_once_the_pivot_has_finished() {
    let case = Case::new(&diamond(), 2);
    case.world.on_run(1, [Act::FailIn(Duration::from_secs(1), ErrorKind::Permanent)]);
    case.world.on_run(2, [Act::Take(Duration::from_secs(2))]);
    assert_eq!(case.live().await, Life::rests(JobState::Stuck));
    assert_eq!(case.world.present(), [0, 2]);
    case.assert_sound();
}
