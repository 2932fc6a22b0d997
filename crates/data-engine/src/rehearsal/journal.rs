//! The journals of a rehearsal, which last as long as it does.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use domain::ids::PreservationId;
use domain::job::{JobEvent, JobState};
use domain::ledger::Direction;
use domain::step::{StepEvent, StepState};
use saga::{
    AppliedUp, Held, JobNote, JobRecord, Journal, JournalError, LedgerRecord, Preservation, StatementEntry,
    StatementJournal, StatementKey, StepNote,
};
use sentence::sentence;
use serde_json::Value;

use super::Place;

#[derive(Default)]
struct State {
    entries: BTreeMap<u32, Vec<StatementEntry>>,
    ledger: Vec<(u32, LedgerRecord)>,
    kept: Vec<Preservation>,
    restored: HashSet<PreservationId>,
    /// When the statement before was done, or the migration begun.
    since: Option<Instant>,
    times: HashMap<Place, u64>,
}

/// Statements, ledger and kept data in memory; measures how long each statement takes.
#[derive(Default)]
pub(super) struct MemoryJournal(Mutex<State>);

impl MemoryJournal {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The migrations that a step has done as a whole.
    pub(super) fn recorded(&self, step: u32) -> BTreeSet<String> {
        let state = self.state();
        state.ledger.iter().filter(|(of, _)| *of == step).map(|(_, record)| record.version.clone()).collect()
    }

    /// How long each statement took when it ran first, milliseconds, with what was put aside before it.
    pub(super) fn times(&self) -> HashMap<Place, u64> {
        self.state().times.clone()
    }
}

fn same_place(a: &StatementKey, b: &StatementKey) -> bool {
    (a.undo, &a.migration, a.direction, a.index) == (b.undo, &b.migration, b.direction, b.index)
}

#[async_trait]
impl StatementJournal for MemoryJournal {
    async fn entries(&self, _: &Held, step: u32) -> Result<Vec<StatementEntry>, JournalError> {
        let mut state = self.state();
        state.since = Some(Instant::now());
        Ok(state.entries.get(&step).cloned().unwrap_or_default())
    }

    async fn note_connection(&self, _: &Held, _: u32, _: u64) -> Result<(), JournalError> {
        Ok(())
    }

    async fn last_connection(&self, _: &Held, _: u32) -> Result<Option<u64>, JournalError> {
        Ok(None)
    }

    async fn intent(&self, _: &Held, step: u32, key: &StatementKey) -> Result<(), JournalError> {
        let mut state = self.state();
        let entries = state.entries.entry(step).or_default();
        if !entries.iter().any(|entry| same_place(&entry.key, key)) {
            entries.push(StatementEntry { key: key.clone(), done: false });
        }
        Ok(())
    }

    async fn done(&self, _: &Held, step: u32, key: &StatementKey, _: u64) -> Result<(), JournalError> {
        let mut state = self.state();
        let now = Instant::now();
        let took =
            state.since.replace(now).map_or(0, |since| u64::try_from((now - since).as_millis()).unwrap_or(u64::MAX));
        state.times.entry((key.migration.clone(), key.direction, key.index)).or_insert(took);
        let entries = state.entries.entry(step).or_default();
        match entries.iter_mut().find(|entry| same_place(&entry.key, key)) {
            Some(entry) => entry.done = true,
            None => entries.push(StatementEntry { key: key.clone(), done: true }),
        }
        Ok(())
    }

    async fn record_ledger(&self, _: &Held, step: u32, record: &LedgerRecord) -> Result<(), JournalError> {
        self.state().ledger.push((step, record.clone()));
        Ok(())
    }

    async fn applied_up(&self, _: &Held, _: &str, version: &str) -> Result<Option<AppliedUp>, JournalError> {
        let state = self.state();
        let mut ups = state.ledger.iter().rev().map(|(_, record)| record);
        let found = ups.find(|record| record.version == version && record.direction == Direction::Up);
        Ok(found.map(|record| AppliedUp {
            migration: record.migration,
            script_sha256: record.script_sha256.clone(),
            fingerprint_before: Some(record.fingerprint_before.clone()),
            fingerprint_after: Some(record.fingerprint_after.clone()),
        }))
    }

    async fn keep(&self, _: &Held, _: u32, preservation: &Preservation) -> Result<(), JournalError> {
        let mut state = self.state();
        if !state.kept.iter().any(|kept| kept.id == preservation.id) {
            state.kept.push(preservation.clone());
        }
        Ok(())
    }

    async fn kept(&self, _: &Held, store: &str, migration: &str) -> Result<Vec<Preservation>, JournalError> {
        let state = self.state();
        let waits = |kept: &&Preservation| {
            kept.store == store && kept.migration == migration && !state.restored.contains(&kept.id)
        };
        Ok(state.kept.iter().filter(waits).cloned().collect())
    }

    async fn restored(&self, _: &Held, id: PreservationId) -> Result<(), JournalError> {
        self.state().restored.insert(id);
        Ok(())
    }

    async fn kept_again(&self, _: &Held, id: PreservationId) -> Result<(), JournalError> {
        self.state().restored.remove(&id);
        Ok(())
    }
}

/// A rehearsal is no job: of the journal of jobs it only needs what steps ask.
#[async_trait]
impl Journal for MemoryJournal {
    async fn load(&self, _: &Held) -> Result<JobRecord, JournalError> {
        Err(no_job())
    }

    async fn step(&self, _: &Held, _: u32, _: StepEvent, _: StepNote) -> Result<StepState, JournalError> {
        Err(no_job())
    }

    async fn job(&self, _: &Held, _: JobEvent, _: JobNote) -> Result<JobState, JournalError> {
        Err(no_job())
    }

    async fn progress(&self, _: &Held, _: u32, _: Value) -> Result<(), JournalError> {
        Ok(())
    }

    async fn assert_held(&self, _: &Held) -> Result<(), JournalError> {
        Ok(())
    }

    async fn cancel_requested(&self, _: &Held) -> Result<bool, JournalError> {
        Ok(false)
    }
}

fn no_job() -> JournalError {
    JournalError::Illegal(sentence!("a rehearsal is no job"))
}
