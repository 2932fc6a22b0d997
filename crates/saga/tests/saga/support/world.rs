//! A world of cells: each step's effect is a cell that is there or not, with counters.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use backout_saga::{BoundStep, Erased, ErrorKind, Probe, Step, StepContext, StepError, StepFactory};
use domain::ids::JobId;
use domain::plan::{Plan, StepSpec};
use sentence::Sentence;
use tokio::sync::Barrier;

use super::chaos::Chaos;
use super::journal::MemoryJournal;

/// What a step does at one of its calls instead of just working.
#[derive(Clone)]
pub(crate) enum Act {
    /// Fails before it has done anything.
    Fail(ErrorKind),
    /// Fails after it has done everything: the answer was lost.
    FailAfter(ErrorKind),
    /// Fails after this time, before it has done anything.
    FailIn(Duration, ErrorKind),
    /// Never ends.
    Hang,
    /// Never ends after it has done everything.
    HangAfter,
    /// Waits for a person or a shutdown to stop it, and says so.
    WaitForStop,
    /// Meets others there, then works.
    Meet(Arc<Barrier>),
    /// Works after this time.
    Take(Duration),
    Panic,
}

pub(crate) struct World {
    chaos: Arc<Chaos>,
    journal: Arc<MemoryJournal>,
    depends_on: BTreeMap<u32, Vec<u32>>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    cells: BTreeMap<u32, Cell>,
    run: BTreeMap<u32, VecDeque<Act>>,
    undo: BTreeMap<u32, VecDeque<Act>>,
    unknown: Vec<u32>,
    effectless: Vec<u32>,
    minor: Vec<u32>,
    patience: Option<Duration>,
    unbindable: BTreeMap<u32, VecDeque<StepError>>,
    order: Vec<String>,
    violations: Vec<String>,
}

#[derive(Default, Clone, Copy)]
struct Cell {
    present: bool,
    runs: u32,
    probes: u32,
    undos: u32,
    applied: u32,
}

impl World {
    pub(super) fn new(plan: &Plan, chaos: Arc<Chaos>, journal: Arc<MemoryJournal>) -> Self {
        let depends_on: BTreeMap<_, _> = plan.steps.iter().map(|step| (step.id, step.depends_on.clone())).collect();
        let inner = Inner { cells: depends_on.keys().map(|id| (*id, Cell::default())).collect(), ..Inner::default() };
        Self { chaos, journal, depends_on, inner: Mutex::new(inner) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// What the step does at its next runs.
    pub(crate) fn on_run(&self, id: u32, acts: impl IntoIterator<Item = Act>) {
        self.inner().run.entry(id).or_default().extend(acts);
    }

    /// What the step does at its next undos.
    pub(crate) fn on_undo(&self, id: u32, acts: impl IntoIterator<Item = Act>) {
        self.inner().undo.entry(id).or_default().extend(acts);
    }

    /// The step's probe cannot tell.
    pub(crate) fn probe_cannot_tell(&self, id: u32) {
        self.inner().unknown.push(id);
    }

    pub(crate) fn probe_can_tell_again(&self) {
        self.inner().unknown.clear();
    }

    /// The step only looks.
    pub(crate) fn has_no_effect(&self, id: u32) {
        self.inner().effectless.push(id);
    }

    /// Unwinding goes on where the step's undo fails.
    pub(crate) fn is_minor(&self, id: u32) {
        self.inner().minor.push(id);
    }

    /// The step's next bindings fail.
    pub(crate) fn on_bind(&self, id: u32, errors: impl IntoIterator<Item = StepError>) {
        self.inner().unbindable.entry(id).or_default().extend(errors);
    }

    /// Steps bear trouble for so long, in place of for their whole deadline.
    pub(crate) fn bear_for(&self, patience: Duration) {
        self.inner().patience = Some(patience);
    }

    /// The effect is there from an earlier life.
    pub(crate) fn put(&self, id: u32) {
        self.inner().cells.get_mut(&id).unwrap().present = true;
    }

    pub(crate) fn all(&self) -> Vec<u32> {
        let inner = self.inner();
        inner.cells.keys().copied().filter(|id| !inner.effectless.contains(id)).collect()
    }

    pub(crate) fn present(&self) -> Vec<u32> {
        self.inner().cells.iter().filter(|(_, cell)| cell.present).map(|(id, _)| *id).collect()
    }

    pub(crate) fn runs(&self, id: u32) -> u32 {
        self.inner().cells[&id].runs
    }

    pub(crate) fn probes(&self, id: u32) -> u32 {
        self.inner().cells[&id].probes
    }

    pub(crate) fn undos(&self, id: u32) -> u32 {
        self.inner().cells[&id].undos
    }

    pub(crate) fn applied(&self, id: u32) -> u32 {
        self.inner().cells[&id].applied
    }

    /// Effects and their undoing in the order in which they happened, e.g. `+0`, `-0`.
    pub(crate) fn order(&self) -> Vec<String> {
        self.inner().order.clone()
    }

    pub(super) fn violations(&self) -> Vec<String> {
        self.inner().violations.clone()
    }
}

/// Binds the steps of a world.
pub(crate) struct Factory(pub(crate) Arc<World>);

#[async_trait]
impl StepFactory for Factory {
    async fn bind(&self, _: JobId, spec: &StepSpec) -> Result<Box<dyn BoundStep>, StepError> {
        let StepSpec::FlushCache { store, .. } = spec else { panic!("not one of this world's steps: {spec:?}") };
        let id: u32 = store.parse().unwrap();
        if let Some(error) = self.0.inner().unbindable.get_mut(&id).and_then(VecDeque::pop_front) {
            return Err(error);
        }
        Ok(Box::new(Erased(CellStep { id, world: Arc::clone(&self.0) })))
    }
}

struct CellStep {
    id: u32,
    world: Arc<World>,
}

#[async_trait]
impl Step for CellStep {
    type Output = u32;

    async fn run(&self, cx: &StepContext) -> Result<u32, StepError> {
        let act = self.next(|inner| (&mut inner.run, |cell| cell.runs += 1));
        self.act_before(act.as_ref(), cx).await?;
        self.world.chaos.point().await;
        cx.assert_held().await?;
        self.apply(cx);
        self.world.chaos.point().await;
        self.act_after(act.as_ref()).await?;
        Ok(self.id)
    }

    async fn probe(&self, _: &StepContext) -> Result<Probe<u32>, StepError> {
        let mut inner = self.world.inner();
        if inner.unknown.contains(&self.id) {
            return Ok(Probe::Unknown(Sentence::verbatim(format!("cell {} cannot be seen", self.id))));
        }
        let cell = inner.cells.get_mut(&self.id).unwrap();
        cell.probes += 1;
        Ok(if cell.present { Probe::Done(self.id) } else { Probe::NotDone })
    }

    async fn undo(&self, cx: &StepContext, output: Option<u32>) -> Result<(), StepError> {
        if output.is_some_and(|output| output != self.id) {
            self.world.inner().violations.push(format!("{} is undone with the output of another step", self.id));
        }
        let act = self.next(|inner| (&mut inner.undo, |cell| cell.undos += 1));
        self.act_before(act.as_ref(), cx).await?;
        self.world.chaos.point().await;
        cx.assert_held().await?;
        self.take_back(cx);
        self.world.chaos.point().await;
        self.act_after(act.as_ref()).await
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(30)
    }

    fn patience(&self) -> Duration {
        self.world.inner().patience.unwrap_or(self.deadline())
    }

    fn has_effect(&self) -> bool {
        !self.world.inner().effectless.contains(&self.id)
    }

    fn holds_up_unwinding(&self) -> bool {
        !self.world.inner().minor.contains(&self.id)
    }
}

type Acts = BTreeMap<u32, VecDeque<Act>>;

impl CellStep {
    fn next(&self, of: impl Fn(&mut Inner) -> (&mut Acts, fn(&mut Cell))) -> Option<Act> {
        let mut inner = self.world.inner();
        let (acts, count) = of(&mut inner);
        let act = acts.get_mut(&self.id).and_then(VecDeque::pop_front);
        count(inner.cells.get_mut(&self.id).unwrap());
        act
    }

    async fn act_before(&self, act: Option<&Act>, cx: &StepContext) -> Result<(), StepError> {
        match act {
            Some(Act::Fail(kind)) => Err(self.error(*kind)),
            Some(Act::FailIn(time, kind)) => {
                tokio::time::sleep(*time).await;
                Err(self.error(*kind))
            }
            Some(Act::Hang) => std::future::pending().await,
            Some(Act::WaitForStop) => {
                cx.stop().cancelled().await;
                Err(self.error(ErrorKind::Transient))
            }
            Some(Act::Meet(barrier)) => {
                barrier.wait().await;
                Ok(())
            }
            Some(Act::Take(time)) => {
                tokio::time::sleep(*time).await;
                Ok(())
            }
            Some(Act::Panic) => panic!("planned"),
            Some(Act::FailAfter(_) | Act::HangAfter) | None => Ok(()),
        }
    }

    async fn act_after(&self, act: Option<&Act>) -> Result<(), StepError> {
        match act {
            Some(Act::FailAfter(kind)) => Err(self.error(*kind)),
            Some(Act::HangAfter) => std::future::pending().await,
            _ => Ok(()),
        }
    }

    fn error(&self, kind: ErrorKind) -> StepError {
        StepError::new(kind, Sentence::verbatim(format!("step {} was told to fail", self.id)))
    }

    fn apply(&self, cx: &StepContext) {
        let mut inner = self.world.inner();
        if inner.effectless.contains(&self.id) {
            return;
        }
        let missing = self.world.depends_on[&self.id]
            .iter()
            .find(|id| !inner.cells[id].present && !inner.effectless.contains(id));
        let missing = missing.copied();
        if inner.cells[&self.id].present {
            inner.violations.push(format!("the effect of {} came twice", self.id));
        }
        if let Some(missing) = missing {
            inner.violations.push(format!("the effect of {} came before that of {missing}", self.id));
        }
        if !self.world.journal.holds(cx.held()) {
            inner.violations.push(format!("{} had its effect under a lost claim", self.id));
        }
        let cell = inner.cells.get_mut(&self.id).unwrap();
        cell.present = true;
        cell.applied += 1;
        inner.order.push(format!("+{}", self.id));
    }

    fn take_back(&self, cx: &StepContext) {
        let mut inner = self.world.inner();
        if !self.world.journal.holds(cx.held()) {
            inner.violations.push(format!("{} was undone under a lost claim", self.id));
        }
        // Looks before it acts, as every undo has to.
        if !inner.cells[&self.id].present {
            return;
        }
        let dependant = self
            .world
            .depends_on
            .iter()
            .find(|(id, on)| on.contains(&self.id) && inner.cells[id].present && !inner.minor.contains(id));
        let dependant = dependant.map(|(id, _)| *id);
        if let Some(dependant) = dependant {
            inner.violations.push(format!("{} was undone before {dependant}, which builds on it", self.id));
        }
        inner.cells.get_mut(&self.id).unwrap().present = false;
        inner.order.push(format!("-{}", self.id));
    }
}
