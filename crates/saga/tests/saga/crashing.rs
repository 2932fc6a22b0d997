//! Workers that die at every point in turn: before and after each journal write and each effect.

use backout_saga::ErrorKind;
use domain::job::JobState;

use crate::support::{Act, Case, diamond};

/// More lives than any of these jobs has.
const ALWAYS: usize = 50;

/// Lets a worker die at each point in turn, until there is no such point any more; the case is built anew each time.
async fn die_everywhere(build: impl Fn() -> Case, check: impl Fn(&Case, JobState, u32)) -> u32 {
    for point in 1.. {
        let case = build();
        case.chaos.die_at(&[point]);
        let state = case.live_on().await;
        check(&case, state, point);
        if !case.chaos.is_over() {
            return point;
        }
    }
    unreachable!()
}

fn fails_always(id: u32, act: &Act) -> Case {
    let case = Case::new(&diamond(), 3);
    case.world.on_run(id, vec![act.clone(); ALWAYS]);
    case
}

#[tokio::test(start_paused = true)]
async fn wherever_the_worker_dies_the_next_one_finishes_the_job_with_no_effect_twice() {
    let points = die_everywhere(
        || Case::new(&diamond(), 3),
        |case, state, point| {
            assert_eq!(state, JobState::Succeeded, "died at {point}\n{}", case.journal.log());
            case.assert_all_done();
            assert!(case.world.all().iter().all(|id| case.world.applied(*id) == 1));
        },
    )
    .await;
    assert!(points > 20, "only {points} points were tried");
}

#[tokio::test(start_paused = true)]
async fn wherever_the_worker_dies_a_failing_job_ends_with_the_world_as_before() {
    for failing in 0..4 {
        for act in [Act::Fail(ErrorKind::Permanent), Act::FailAfter(ErrorKind::Permanent)] {
            // A worker that died after the effect leaves a step whose probe says done: then it has not failed.
            let may_succeed = matches!(act, Act::FailAfter(_));
            die_everywhere(
                || fails_always(failing, &act),
                |case, state, point| match state {
                    JobState::Undone => case.assert_as_before(),
                    JobState::Succeeded if may_succeed => case.assert_all_done(),
                    _ => panic!("step {failing}, died at {point}: {state:?}\n{}", case.journal.log()),
                },
            )
            .await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn wherever_the_worker_dies_a_minor_step_that_cannot_be_undone_is_all_that_is_left() {
    let build = || {
        let case = fails_always(3, &Act::Fail(ErrorKind::Permanent));
        case.world.is_minor(1);
        case.world.on_undo(1, vec![Act::Fail(ErrorKind::Permanent); ALWAYS]);
        case
    };
    // A worker that died before step 1 had its effect leaves nothing of it.
    die_everywhere(build, |case, state, point| {
        assert_eq!(state, JobState::Stuck, "died at {point}\n{}", case.journal.log());
        assert!([vec![], vec![1]].contains(&case.world.present()), "died at {point}\n{}", case.journal.log());
        case.assert_sound();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn wherever_two_workers_die_one_after_the_other_the_third_finishes() {
    for first in 1.. {
        let mut second = 0;
        loop {
            second += 1;
            let case = Case::new(&diamond(), 3);
            case.chaos.die_at(&[first, second]);
            assert_eq!(
                case.live_on().await,
                JobState::Succeeded,
                "died at {first} and {second}\n{}",
                case.journal.log()
            );
            case.assert_all_done();
            if !case.chaos.is_over() {
                break;
            }
        }
        if second == 1 {
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn wherever_two_workers_die_a_failing_job_unwinds() {
    for first in 1.. {
        let mut second = 0;
        loop {
            second += 1;
            let case = fails_always(3, &Act::Fail(ErrorKind::Permanent));
            case.chaos.die_at(&[first, second]);
            assert_eq!(case.live_on().await, JobState::Undone, "died at {first} and {second}\n{}", case.journal.log());
            case.assert_as_before();
            if !case.chaos.is_over() {
                break;
            }
        }
        if second == 1 {
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn wherever_the_worker_dies_past_the_pivot_a_failure_is_stuck() {
    let build = || {
        let case = Case::new(&diamond(), 2);
        case.world.on_run(3, vec![Act::Fail(ErrorKind::Permanent); ALWAYS]);
        case
    };
    die_everywhere(build, |case, state, point| {
        assert_eq!(state, JobState::Stuck, "died at {point}\n{}", case.journal.log());
        assert_eq!(case.world.present(), [0, 1, 2]);
        case.assert_sound();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_undo_that_was_done_already_is_harmless() {
    let mut twice = 0;
    for point in 1..60 {
        let case = fails_always(3, &Act::Fail(ErrorKind::Permanent));
        case.chaos.die_at(&[point]);
        assert_eq!(case.live_on().await, JobState::Undone);
        case.assert_as_before();
        twice += u32::from((0..3).any(|id| case.world.undos(id) > 1));
    }
    assert!(twice > 0, "no run undid a step twice, so this proves nothing");
}
