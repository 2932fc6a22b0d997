//! The journals of the saga in memory, guarded by the fence like the real ones.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::Mutex;

use async_trait::async_trait;
use domain::ids::{JobId, PreservationId};
use domain::job::{JobEvent, JobState};
use domain::ledger::Direction;
use domain::step::{StepEvent, StepState};
use saga::{
    AppliedUp, Held, JobNote, JobRecord, Journal, JournalError, LedgerRecord, Preservation, StatementEntry,
    StatementJournal, StatementKey, StepNote,
};
use sentence::Sentence;
use serde_json::Value;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// When the worker dies: at its n-th write, before it is written or after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Death {
    Before(u32),
    After(u32),
}

#[derive(Default)]
struct State {
    fence: u64,
    entries: HashMap<(JobId, u32), Vec<StatementEntry>>,
    connections: HashMap<(JobId, u32), u64>,
    ledger: Vec<(JobId, LedgerRecord)>,
    kept: Vec<Preservation>,
    restored: HashSet<PreservationId>,
    progress: Vec<Value>,
    writes: u32,
    death: Option<Death>,
    /// The write behind which the worker waits.
    stand: Option<u32>,
    /// Fires when a statement is done.
    stop: Option<CancellationToken>,
    /// The claim is lost to another worker when it has been asked for so often.
    taken_over_after: Option<u32>,
}

#[derive(Default)]
pub(crate) struct Memory {
    state: Mutex<State>,
    died: Notify,
    stands: Notify,
    goes_on: Notify,
}

impl Memory {
    pub(crate) fn next_fence(&self) -> u64 {
        let mut state = self.state.lock().unwrap();
        state.fence += 1;
        state.fence
    }

    pub(crate) fn die(&self, death: Death) {
        let mut state = self.state.lock().unwrap();
        state.writes = 0;
        state.death = Some(death);
    }

    /// Lets the worker wait behind its n-th write until [`Memory::go_on`], and die at the next one.
    pub(crate) fn stand_behind(&self, n: u32) {
        self.die(Death::Before(n + 1));
        self.state.lock().unwrap().stand = Some(n);
    }

    /// Ends when the worker stands still.
    pub(crate) async fn stood(&self) {
        self.stands.notified().await;
    }

    /// Lets the worker go on that stands still.
    pub(crate) fn go_on(&self) {
        self.goes_on.notify_one();
    }

    /// Lets nobody die any more.
    pub(crate) fn let_live(&self) {
        self.state.lock().unwrap().death = None;
    }

    /// Lets `stop` fire when the next statement is done.
    pub(crate) fn stop_when_done(&self, stop: &CancellationToken) {
        self.state.lock().unwrap().stop = Some(stop.clone());
    }

    /// Lets another worker take the job over at the n-th question whether the claim holds, before it is answered.
    pub(crate) fn take_over_at_question(&self, n: u32) {
        self.state.lock().unwrap().taken_over_after = Some(n);
    }

    /// Runs a worker; `None` where it died.
    pub(crate) async fn until_dead<T>(&self, worker: impl Future<Output = T>) -> Option<T> {
        let outcome = tokio::select! {
            outcome = worker => Some(outcome),
            () = self.died.notified() => None,
        };
        self.let_live();
        outcome
    }

    pub(crate) fn ledger(&self) -> Vec<(String, Direction)> {
        let state = self.state.lock().unwrap();
        state.ledger.iter().map(|(_, record)| (record.version.clone(), record.direction)).collect()
    }

    /// What is put aside and has not come back.
    pub(crate) fn waiting(&self) -> Vec<Preservation> {
        let state = self.state.lock().unwrap();
        let mut waiting: Vec<_> =
            state.kept.iter().filter(|kept| !state.restored.contains(&kept.id)).cloned().collect();
        waiting.sort_by_key(|kept| kept.id);
        waiting
    }

    pub(crate) fn progress_said(&self, text: &str) -> bool {
        self.state.lock().unwrap().progress.iter().any(|news| news.to_string().contains(text))
    }

    pub(crate) fn connection(&self, job: JobId) -> Option<u64> {
        self.state.lock().unwrap().connections.get(&(job, 1)).copied()
    }

    fn check(&self, held: &Held) -> Result<std::sync::MutexGuard<'_, State>, JournalError> {
        let state = self.state.lock().unwrap();
        if held.fence == state.fence {
            Ok(state)
        } else {
            Err(JournalError::FenceLost { job: held.job, fence: held.fence })
        }
    }

    /// A write at which the worker can die.
    async fn write<T>(&self, held: &Held, change: impl FnOnce(&mut State) -> T) -> Result<T, JournalError> {
        let number = {
            let mut state = self.check(held)?;
            let number = state.writes;
            state.writes += 1;
            number
        };
        let is = |death| self.state.lock().unwrap().death == Some(death);
        if is(Death::Before(number)) {
            self.die_here().await;
        }
        let changed = change(&mut *self.check(held)?);
        if is(Death::After(number)) {
            self.die_here().await;
        }
        let stands = self.state.lock().unwrap().stand.take_if(|at| *at == number).is_some();
        if stands {
            self.stands.notify_one();
            self.goes_on.notified().await;
        }
        Ok(changed)
    }

    async fn die_here(&self) {
        self.died.notify_one();
        std::future::pending::<()>().await;
    }
}

#[async_trait]
impl StatementJournal for Memory {
    async fn entries(&self, held: &Held, step: u32) -> Result<Vec<StatementEntry>, JournalError> {
        let state = self.state.lock().unwrap();
        Ok(state.entries.get(&(held.job, step)).cloned().unwrap_or_default())
    }

    async fn note_connection(&self, held: &Held, step: u32, connection: u64) -> Result<(), JournalError> {
        self.write(held, |state| {
            state.connections.insert((held.job, step), connection);
        })
        .await
    }

    async fn last_connection(&self, held: &Held, step: u32) -> Result<Option<u64>, JournalError> {
        Ok(self.state.lock().unwrap().connections.get(&(held.job, step)).copied())
    }

    async fn intent(&self, held: &Held, step: u32, key: &StatementKey) -> Result<(), JournalError> {
        self.write(held, |state| {
            let entries = state.entries.entry((held.job, step)).or_default();
            if !entries.iter().any(|entry| same_place(&entry.key, key)) {
                entries.push(StatementEntry { key: key.clone(), done: false });
            }
        })
        .await
    }

    async fn done(&self, held: &Held, step: u32, key: &StatementKey, _: u64) -> Result<(), JournalError> {
        self.write(held, |state| {
            let entries = state.entries.entry((held.job, step)).or_default();
            let entry = entries.iter_mut().find(|entry| same_place(&entry.key, key)).expect("done without intent");
            entry.done = true;
            if let Some(stop) = state.stop.take() {
                stop.cancel();
            }
        })
        .await
    }

    async fn record_ledger(&self, held: &Held, _: u32, record: &LedgerRecord) -> Result<(), JournalError> {
        self.write(held, |state| {
            let is_there = state.ledger.iter().any(|(job, other)| {
                *job == held.job && other.version == record.version && other.direction == record.direction
            });
            if !is_there {
                state.ledger.push((held.job, record.clone()));
            }
        })
        .await
    }

    async fn applied_up(&self, _: &Held, _: &str, version: &str) -> Result<Option<AppliedUp>, JournalError> {
        let state = self.state.lock().unwrap();
        let ups = state.ledger.iter().rev().map(|(_, record)| record);
        let mut ups = ups.filter(|record| record.version == version && record.direction == Direction::Up);
        Ok(ups.next().map(|record| AppliedUp {
            migration: record.migration,
            script_sha256: record.script_sha256.clone(),
            fingerprint_before: Some(record.fingerprint_before.clone()),
            fingerprint_after: Some(record.fingerprint_after.clone()),
        }))
    }

    async fn keep(&self, held: &Held, _: u32, preservation: &Preservation) -> Result<(), JournalError> {
        self.write(held, |state| {
            if !state.kept.iter().any(|kept| kept.id == preservation.id) {
                state.kept.push(preservation.clone());
            }
        })
        .await
    }

    async fn kept(&self, _: &Held, store: &str, migration: &str) -> Result<Vec<Preservation>, JournalError> {
        let mut waiting = self.waiting();
        waiting.retain(|kept| kept.store == store && kept.migration == migration);
        Ok(waiting)
    }

    async fn restored(&self, held: &Held, id: PreservationId) -> Result<(), JournalError> {
        self.write(held, |state| {
            state.restored.insert(id);
        })
        .await
    }

    async fn kept_again(&self, held: &Held, id: PreservationId) -> Result<(), JournalError> {
        self.write(held, |state| {
            state.restored.remove(&id);
        })
        .await
    }
}

#[async_trait]
impl Journal for Memory {
    async fn load(&self, _: &Held) -> Result<JobRecord, JournalError> {
        Err(JournalError::Illegal(Sentence::verbatim("no jobs here")))
    }

    async fn step(&self, _: &Held, _: u32, _: StepEvent, _: StepNote) -> Result<StepState, JournalError> {
        Err(JournalError::Illegal(Sentence::verbatim("no steps here")))
    }

    async fn job(&self, _: &Held, _: JobEvent, _: JobNote) -> Result<JobState, JournalError> {
        Err(JournalError::Illegal(Sentence::verbatim("no jobs here")))
    }

    async fn progress(&self, held: &Held, _: u32, message: Value) -> Result<(), JournalError> {
        self.check(held)?.progress.push(message);
        Ok(())
    }

    async fn assert_held(&self, held: &Held) -> Result<(), JournalError> {
        {
            let mut state = self.state.lock().unwrap();
            state.taken_over_after = state.taken_over_after.map(|left| left - 1);
            if state.taken_over_after == Some(0) {
                state.taken_over_after = None;
                state.fence += 1;
            }
        }
        self.check(held).map(drop)
    }

    async fn cancel_requested(&self, _: &Held) -> Result<bool, JournalError> {
        Ok(false)
    }
}

fn same_place(a: &StatementKey, b: &StatementKey) -> bool {
    a.undo == b.undo && a.migration == b.migration && a.direction == b.direction && a.index == b.index
}
