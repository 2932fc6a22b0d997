//! An in-memory journal, a world of counted effects, and runs of a job in one or several lives.

mod chaos;
mod journal;
mod plan;
mod world;

use std::sync::Arc;

use backout_saga::{Abandoned, Held, Journal, Outcome, drive};
use domain::ids::WorkerId;
use domain::job::{JobEvent, JobState};
use domain::step::StepState;
use tokio_util::sync::CancellationToken;

pub(crate) use chaos::Chaos;
pub(crate) use journal::{Fault, MemoryJournal};
pub(crate) use plan::{chain, diamond, plan};
pub(crate) use world::{Act, Factory, World};

/// A job with its journal, its world, and the faults planned for both.
pub(crate) struct Case {
    pub(crate) chaos: Arc<Chaos>,
    pub(crate) journal: Arc<MemoryJournal>,
    pub(crate) world: Arc<World>,
}

/// How one life of a worker ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Life {
    /// `drive` returned.
    Ended(Result<Outcome, Abandoned>),
    /// The worker died: the future was dropped at a planned point.
    Died,
}

impl Life {
    pub(crate) fn rests(state: JobState) -> Self {
        Self::Ended(Ok(Outcome::Rests(state)))
    }
}

impl Case {
    /// A job of these steps, each with the steps that it waits for.
    pub(crate) fn new(steps: &[(u32, &[u32])], pivot: u32) -> Self {
        let chaos = Arc::new(Chaos::default());
        let plan = plan(steps, pivot);
        let journal = Arc::new(MemoryJournal::new(plan.clone(), Arc::clone(&chaos)));
        let world = Arc::new(World::new(&plan, Arc::clone(&chaos), Arc::clone(&journal)));
        Self { chaos, journal, world }
    }

    /// Claims the job for a new worker, as the queue or a rescuer does.
    pub(crate) fn claim(&self) -> Held {
        self.journal.claim(WorkerId::generate())
    }

    /// One life of a worker: claims the job and drives it until it rests, stops, is abandoned or dies.
    pub(crate) async fn live(&self) -> Life {
        self.live_until(CancellationToken::new()).await
    }

    pub(crate) async fn live_until(&self, stop: CancellationToken) -> Life {
        let held = self.claim();
        let died = self.chaos.next_death();
        let factory = Factory(Arc::clone(&self.world));
        tokio::select! {
            biased;
            () = died.cancelled() => Life::Died,
            ended = drive(Arc::clone(&self.journal) as Arc<dyn Journal>, &factory, held, stop) => Life::Ended(ended),
        }
    }

    /// Lives until the job rests.
    pub(crate) async fn live_on(&self) -> JobState {
        for _ in 0..10 {
            if let Life::Ended(Ok(Outcome::Rests(state))) = self.live().await {
                return state;
            }
        }
        panic!("the job does not come to rest:\n{}", self.journal.log());
    }

    pub(crate) fn retry(&self) {
        self.journal.resolve(JobEvent::RetryWanted);
    }

    pub(crate) fn unwind(&self) {
        self.journal.resolve(JobEvent::UnwindWanted);
    }

    pub(crate) fn step(&self, id: u32) -> StepState {
        self.journal.step_state(id)
    }

    /// Every effect is there exactly once.
    pub(crate) fn assert_all_done(&self) {
        self.assert_sound();
        assert_eq!(self.world.present(), self.world.all(), "{}", self.journal.log());
    }

    /// The world is as it was before.
    pub(crate) fn assert_as_before(&self) {
        self.assert_sound();
        assert_eq!(self.world.present(), Vec::<u32>::new(), "{}", self.journal.log());
    }

    /// No effect came twice, before its time, or under a lost claim; no write was one that the state machine forbids.
    pub(crate) fn assert_sound(&self) {
        let mut violations = self.world.violations();
        violations.extend(self.journal.illegal());
        assert!(violations.is_empty(), "{violations:#?}\n{}", self.journal.log());
    }
}
