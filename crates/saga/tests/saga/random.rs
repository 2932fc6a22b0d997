//! Random graphs under random faults: whatever happens, the end is one of the allowed ones.

use std::time::Duration;

use backout_saga::ErrorKind;
use domain::job::JobState;
use proptest::prelude::*;

use crate::support::{Act, Case, Fault, Life};

#[derive(Debug, Clone)]
struct Story {
    /// For each step, which of the earlier ones it waits for, as bits.
    graph: Vec<u8>,
    pivot: u32,
    runs: Vec<(u32, u8)>,
    undos: Vec<(u32, u8)>,
    faults: Vec<(u32, u8)>,
    deaths: Vec<u32>,
    cancel_ms: Option<u64>,
    stop_ms: Option<u64>,
    /// What a person says each time that the job is stuck: retry or unwind.
    words: Vec<bool>,
}

fn stories() -> impl Strategy<Value = Story> {
    (2_usize..7)
        .prop_flat_map(|size| {
            let step = 0..u32::try_from(size).unwrap();
            (
                prop::collection::vec(any::<u8>(), size),
                step.clone(),
                prop::collection::vec((step.clone(), 0_u8..8), 0..6),
                prop::collection::vec((step, 0_u8..8), 0..4),
                prop::collection::vec((1_u32..40, 0_u8..4), 0..4),
                prop::collection::vec(1_u32..30, 0..4),
                prop::option::of(0_u64..4000),
                prop::option::of(0_u64..4000),
                prop::collection::vec(any::<bool>(), 6),
            )
        })
        .prop_map(|(graph, pivot, runs, undos, faults, deaths, cancel_ms, stop_ms, words)| Story {
            graph,
            pivot,
            runs,
            undos,
            faults,
            deaths,
            cancel_ms,
            stop_ms,
            words,
        })
}

fn act(number: u8) -> Act {
    match number {
        0 => Act::Fail(ErrorKind::Transient),
        1 => Act::FailAfter(ErrorKind::Transient),
        2 => Act::Fail(ErrorKind::Permanent),
        3 => Act::FailAfter(ErrorKind::Permanent),
        4 => Act::FailAfter(ErrorKind::Unknown),
        5 => Act::HangAfter,
        6 => Act::WaitForStop,
        _ => Act::Take(Duration::from_millis(1500)),
    }
}

fn fault(number: u8) -> Fault {
    [Fault::Away, Fault::AnswerLost, Fault::TakenOver, Fault::Broken][usize::from(number)]
}

impl Story {
    fn case(&self) -> Case {
        let depends_on: Vec<Vec<u32>> = self
            .graph
            .iter()
            .zip(0_u32..)
            .map(|(bits, id)| (0..id).filter(|on| bits & (1 << on) != 0).collect())
            .collect();
        let steps: Vec<(u32, &[u32])> = (0..).zip(depends_on.iter().map(Vec::as_slice)).collect();
        let case = Case::new(&steps, self.pivot);
        self.runs.iter().for_each(|(id, number)| case.world.on_run(*id, [act(*number)]));
        self.undos.iter().for_each(|(id, number)| case.world.on_undo(*id, [act(*number)]));
        self.faults.iter().for_each(|(n, number)| case.journal.fault_at(*n, fault(*number)));
        case.chaos.die_at(&self.deaths);
        case
    }

    async fn tell(&self) {
        let case = self.case();
        if let Some(ms) = self.cancel_ms {
            let journal = std::sync::Arc::clone(&case.journal);
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                journal.cancel();
            });
        }
        let mut words = self.words.iter();
        let mut stop_ms = self.stop_ms;
        for _ in 0..40 {
            let stop = tokio_util::sync::CancellationToken::new();
            if let Some(ms) = stop_ms.take() {
                let stop = stop.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(ms)).await;
                    stop.cancel();
                });
            }
            let Life::Ended(Ok(backout_saga::Outcome::Rests(state))) = case.live_until(stop).await else { continue };
            if state != JobState::Stuck {
                return self.check(&case, state);
            }
            case.assert_sound();
            assert!(case.journal.job_error().is_some(), "a stuck job says why");
            match words.next() {
                Some(true) => case.retry(),
                _ => case.unwind(),
            }
        }
        panic!("the job never ends:\n{}", case.journal.log());
    }

    fn check(&self, case: &Case, state: JobState) {
        match state {
            JobState::Succeeded => case.assert_all_done(),
            JobState::Undone => case.assert_as_before(),
            JobState::Failed | JobState::Cancelled => {
                case.assert_as_before();
                assert!(case.world.all().iter().all(|id| case.world.applied(*id) == 0), "{state:?} means untouched");
            }
            other => panic!("{other:?} is no end: {self:?}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn every_job_ends_with_all_effects_or_none(story in stories()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(story.tell());
    }
}
