//! Writes that fail, whose answer is lost, or that come too late.

use backout_saga::{Abandoned, ErrorKind, JournalError};
use domain::job::JobState;
use sentence::Sentence;

use crate::support::{Act, Case, Fault, Life, diamond};

fn failing() -> Case {
    let case = Case::new(&diamond(), 3);
    case.world.on_run(3, vec![Act::Fail(ErrorKind::Permanent); 50]);
    case
}

/// Plans the fault at each write in turn, for a job that succeeds and for one that unwinds.
async fn at_every_write(fault: Fault, check: impl Fn(&Case, &Life, JobState)) {
    for (build, goal) in
        [((|| Case::new(&diamond(), 3)) as fn() -> Case, JobState::Succeeded), (failing, JobState::Undone)]
    {
        for n in 1.. {
            let case = build();
            case.journal.fault_at(n, fault);
            let life = case.live().await;
            let happened = case.journal.is_over();
            case.journal.forget_faults();
            if !happened {
                assert!(n > 8, "only {n} writes were tried");
                break;
            }
            check(&case, &life, goal);
        }
    }
}

fn assert_goal(case: &Case, goal: JobState) {
    assert_eq!(case.journal.job_state(), goal, "{}", case.journal.log());
    if goal == JobState::Succeeded { case.assert_all_done() } else { case.assert_as_before() }
}

#[tokio::test(start_paused = true)]
async fn whichever_write_loses_its_answer_is_repeated_without_harm() {
    at_every_write(Fault::AnswerLost, |case, life, goal| {
        assert_eq!(*life, Life::rests(goal), "{}", case.journal.log());
        assert_goal(case, goal);
        assert!(case.world.all().iter().all(|id| case.world.applied(*id) <= 1));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn whichever_write_finds_the_journal_away_is_repeated() {
    at_every_write(Fault::Away, |case, life, goal| {
        assert_eq!(*life, Life::rests(goal));
        assert_goal(case, goal);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_lost_its_lease_stops_at_the_next_write_with_no_further_effect() {
    // The world itself counts an effect under a lost claim as a violation.
    at_every_write(Fault::TakenOver, |case, life, _| {
        assert_eq!(*life, Life::Ended(Err(Abandoned::FenceLost)), "{}", case.journal.log());
        case.assert_sound();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn whoever_took_the_job_over_finishes_it() {
    for (build, goal) in
        [((|| Case::new(&diamond(), 3)) as fn() -> Case, JobState::Succeeded), (failing, JobState::Undone)]
    {
        for n in 1.. {
            let case = build();
            case.journal.fault_at(n, Fault::TakenOver);
            case.live().await;
            let happened = case.journal.is_over();
            case.journal.forget_faults();
            if !happened {
                break;
            }
            assert_eq!(case.live_on().await, goal, "{}", case.journal.log());
            assert_goal(&case, goal);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_refuses_makes_the_worker_let_go_and_the_next_one_goes_on() {
    for (build, goal) in
        [((|| Case::new(&diamond(), 3)) as fn() -> Case, JobState::Succeeded), (failing, JobState::Undone)]
    {
        for n in 1.. {
            let case = build();
            case.journal.fault_at(n, Fault::Broken);
            let life = case.live().await;
            let happened = case.journal.is_over();
            case.journal.forget_faults();
            if !happened {
                break;
            }
            assert_eq!(
                life,
                Life::Ended(Err(Abandoned::Journal(JournalError::Corrupt(Sentence::verbatim("planned")))))
            );
            assert_eq!(case.live_on().await, goal, "{}", case.journal.log());
            assert_goal(&case, goal);
        }
    }
}
