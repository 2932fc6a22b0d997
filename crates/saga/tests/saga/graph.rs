//! What runs side by side, and what waits.

use std::sync::Arc;

use domain::job::JobState;
use domain::step::StepState;
use tokio::sync::Barrier;

use crate::support::{Act, Case, Life, diamond};

#[tokio::test(start_paused = true)]
async fn independent_steps_run_side_by_side() {
    let case = Case::new(&diamond(), 3);
    let barrier = Arc::new(Barrier::new(2));
    // One after the other they would never meet, and exceed their deadlines.
    case.world.on_run(1, [Act::Meet(Arc::clone(&barrier))]);
    case.world.on_run(2, [Act::Meet(barrier)]);
    assert_eq!(case.live().await, Life::rests(JobState::Succeeded));
    case.assert_all_done();
}

#[tokio::test(start_paused = true)]
async fn a_step_waits_for_all_that_it_depends_on() {
    let case = Case::new(&diamond(), 3);
    case.world.on_run(1, [Act::Take(std::time::Duration::from_secs(20))]);
    assert_eq!(case.live().await, Life::rests(JobState::Succeeded));
    assert_eq!(case.world.order(), ["+0", "+2", "+1", "+3"]);
    case.assert_sound();
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_waits_for_a_step_it_does_not_have_fails_and_is_not_called_succeeded() {
    let case = Case::new(&[(0, &[]), (1, &[0, 7])], 1);
    case.world.has_no_effect(0);
    assert_eq!(case.live().await, Life::rests(JobState::Failed));
    assert_eq!(case.step(1), StepState::Pending);
    assert!(case.journal.job_error().unwrap().message.to_string().contains("waits for a step"));
}
