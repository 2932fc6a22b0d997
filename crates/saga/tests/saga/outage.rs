//! Time: retries, deadlines, and a journal that is away for a while.

use std::time::Duration;

use backout_saga::{Abandoned, ErrorKind, JournalError, StepError};
use domain::job::JobState;
use domain::step::StepState;
use sentence::Sentence;
use tokio::time::Instant;

use crate::support::{Act, Case, Fault, Life, chain};

#[tokio::test(start_paused = true)]
async fn a_transient_error_is_tried_again_and_probed_before_each_try() {
    let case = Case::new(&chain(), 3);
    case.world.on_run(1, vec![Act::Fail(ErrorKind::Transient); 4]);
    assert_eq!(case.live().await, Life::rests(JobState::Succeeded));
    case.assert_all_done();
    assert_eq!((case.world.runs(1), case.world.probes(1)), (5, 4));
    assert_eq!(case.journal.progress().len(), 4, "those who watch are told of each try");
}

#[tokio::test(start_paused = true)]
async fn a_transient_error_after_the_effect_is_settled_by_the_probe() {
    let case = Case::new(&chain(), 3);
    case.world.on_run(1, [Act::FailAfter(ErrorKind::Transient)]);
    assert_eq!(case.live().await, Life::rests(JobState::Succeeded));
    case.assert_all_done();
    assert_eq!(case.world.runs(1), 1);
}

#[tokio::test(start_paused = true)]
async fn transient_errors_up_to_the_deadline_are_a_failure() {
    let case = Case::new(&chain(), 3);
    case.world.on_run(1, vec![Act::Fail(ErrorKind::Transient); 1000]);
    let begun = Instant::now();
    assert_eq!(case.live().await, Life::rests(JobState::Undone));
    case.assert_as_before();
    assert!(begun.elapsed() <= Duration::from_secs(31), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn trouble_is_borne_for_as_long_as_the_patience_of_a_step_though_its_deadline_is_far() {
    let case = Case::new(&chain(), 3);
    case.world.bear_for(Duration::from_secs(10));
    case.world.on_run(1, vec![Act::Fail(ErrorKind::Transient); 1000]);
    let begun = Instant::now();
    assert_eq!(case.live().await, Life::rests(JobState::Undone));
    case.assert_as_before();
    assert!(begun.elapsed() <= Duration::from_secs(11), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_try_that_went_well_for_long_begins_the_patience_anew() {
    let case = Case::new(&chain(), 3);
    case.world.bear_for(Duration::from_secs(5));
    let trouble = || vec![Act::Fail(ErrorKind::Transient); 4];
    case.world.on_run(1, trouble());
    case.world.on_run(1, [Act::FailIn(Duration::from_secs(6), ErrorKind::Transient)]);
    case.world.on_run(1, trouble());
    assert_eq!(case.live().await, Life::rests(JobState::Succeeded), "{}", case.journal.log());
    case.assert_all_done();
}

#[tokio::test(start_paused = true)]
async fn a_step_that_exceeds_its_deadline_has_failed() {
    for act in [Act::Hang, Act::HangAfter] {
        let case = Case::new(&chain(), 3);
        case.world.on_run(1, [act]);
        let begun = Instant::now();
        assert_eq!(case.live().await, Life::rests(JobState::Undone));
        case.assert_as_before();
        assert_eq!(begun.elapsed().as_secs(), 30);
        assert!(case.journal.step_error(1).unwrap().message.to_string().contains("deadline of 30 s"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_undo_is_tried_again_and_held_to_its_deadline() {
    let case = Case::new(&chain(), 3);
    case.world.on_run(3, [Act::Fail(ErrorKind::Permanent)]);
    case.world.on_undo(2, vec![Act::Fail(ErrorKind::Transient); 3]);
    case.world.on_undo(1, [Act::Hang]);
    assert_eq!(case.live().await, Life::rests(JobState::Stuck));
    assert_eq!(
        (case.step(2), case.step(1), case.step(0)),
        (StepState::Undone, StepState::UndoFailed, StepState::Finished)
    );
    case.unwind();
    assert_eq!(case.live().await, Life::rests(JobState::Undone));
    case.assert_as_before();
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_is_away_for_a_minute_is_waited_for() {
    let case = Case::new(&chain(), 3);
    for n in 5..30 {
        case.journal.fault_at(n, Fault::Away);
    }
    let begun = Instant::now();
    assert_eq!(case.live().await, Life::rests(JobState::Succeeded));
    case.assert_all_done();
    assert!(begun.elapsed() > Duration::from_mins(1), "{:?}", begun.elapsed());
    assert!(case.world.all().iter().all(|id| case.world.runs(*id) == 1));
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_journal_does_not_use_up_the_deadline_of_a_step() {
    let case = Case::new(&chain(), 3);
    // The start of the first step is written after more than the step's whole deadline.
    case.world.on_run(0, [Act::Take(Duration::from_secs(1))]);
    for n in 1..20 {
        case.journal.fault_at(n, Fault::Away);
    }
    let begun = Instant::now();
    assert_eq!(case.live().await, Life::rests(JobState::Succeeded), "{}", case.journal.log());
    assert!(begun.elapsed() > Duration::from_secs(31), "{:?}", begun.elapsed());
    case.assert_all_done();
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_stays_away_makes_the_worker_let_go_with_the_job_as_it_is() {
    let case = Case::new(&chain(), 3);
    for n in 4..200 {
        case.journal.fault_at(n, Fault::Away);
    }
    let life = case.live().await;
    assert_eq!(life, Life::Ended(Err(Abandoned::Journal(JournalError::Unavailable(Sentence::verbatim("planned"))))));
    assert_eq!(case.journal.job_state(), JobState::Running);
    case.journal.forget_faults();
    assert_eq!(case.live_on().await, JobState::Succeeded);
    case.assert_all_done();
}

#[tokio::test(start_paused = true)]
async fn drivers_that_cannot_be_had_for_a_while_are_waited_for() {
    let case = Case::new(&chain(), 3);
    case.world.on_bind(1, vec![StepError::transient(Sentence::verbatim("no settings")); 5]);
    assert_eq!(case.live().await, Life::rests(JobState::Succeeded));
    case.assert_all_done();
}

#[tokio::test(start_paused = true)]
async fn a_step_whose_drivers_can_never_be_had_fails_without_having_begun() {
    let case = Case::new(&chain(), 3);
    case.world.on_bind(1, vec![StepError::permanent(Sentence::verbatim("the secret cannot be opened")); 1000]);
    assert_eq!(case.live().await, Life::rests(JobState::Undone));
    case.assert_as_before();
    assert_eq!(case.step(1), StepState::Pending);
    assert_eq!(case.journal.job_error().unwrap().message, "the secret cannot be opened");
}

#[tokio::test(start_paused = true)]
async fn a_step_found_started_whose_drivers_cannot_be_had_makes_the_job_stuck() {
    let case = Case::new(&chain(), 3);
    case.journal.found(&[(0, StepState::Started)]);
    case.world.put(0);
    case.world.on_bind(0, [StepError::permanent(Sentence::verbatim("the secret cannot be opened"))]);
    assert_eq!(case.live().await, Life::rests(JobState::Stuck));
    assert_eq!(case.step(0), StepState::Started);
    case.retry();
    assert_eq!(case.live().await, Life::rests(JobState::Succeeded));
    case.assert_all_done();
}

#[tokio::test(start_paused = true)]
async fn a_step_to_be_undone_whose_drivers_cannot_be_had_makes_the_job_stuck() {
    let case = Case::new(&chain(), 3);
    case.journal.found(&[(0, StepState::Finished), (1, StepState::Failed)]);
    case.world.put(0);
    case.world.on_bind(0, vec![StepError::permanent(Sentence::verbatim("the secret cannot be opened")); 2]);
    assert_eq!(case.live().await, Life::rests(JobState::Stuck));
    assert_eq!(case.step(0), StepState::UndoFailed);
    case.unwind();
    assert_eq!(case.live().await, Life::rests(JobState::Undone));
    case.assert_as_before();
}
