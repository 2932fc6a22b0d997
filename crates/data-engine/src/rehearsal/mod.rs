//! Tries a release's migrations on a scratch database: up, down and up again, by the same engine that runs them in earnest,
//! with what is put aside and comes back.
//!
//! The scratch database stands beside the real one, on the same server, with its definitions and some of its rows. Scripts
//! that could reach beyond it are not tried. Nothing of a rehearsal outlives it, so that its journal is in memory.

mod journal;
mod mariadb;
mod mongodb;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use domain::environment::Engine;
use domain::ids::{JobId, RehearsalId, WorkerId};
use domain::ledger::Direction;
use domain::rehearsal::{Phase, RehearsedMigration, RehearsedStatement, StatementClass, StoreRehearsal, Verdict};
use saga::{ErrorKind, Held, StepContext, StepError};
use sentence::{Sentence, sentence};
use tokio_util::sync::CancellationToken;

use self::journal::MemoryJournal;
use crate::engine::{DataEngine, DataTarget, Migrated, Scripts};

/// What is to be tried.
#[derive(Debug, Clone)]
pub struct Rehearsal {
    /// Which rehearsal.
    pub id: RehearsalId,
    /// Number of the attempt: what an earlier one left is removed, and what it still does is done to another database.
    pub attempt: u32,
    /// How many rows of a table, or documents of a collection, are copied at most; the newest ones.
    pub sample: u32,
    /// Fires when the worker stops.
    pub stop: CancellationToken,
}

/// Which statement: migration, script, number.
type Place = (String, Direction, u32);

/// A scratch database and what is known of it.
struct Scratch {
    target: DataTarget,
    /// Rows or documents that it was given.
    rows: u64,
    /// Whether some table has only a part of its rows.
    is_partial: bool,
    classes: HashMap<Place, StatementClass>,
    /// By how much more a statement has to do on the whole table: only those that go over rows are named.
    factors: HashMap<Place, u64>,
}

impl Rehearsal {
    /// The scratch database of an attempt. 48 characters, so that a prefix of ours still fits in front.
    fn database(&self, attempt: u32) -> String {
        format!("{}{:.29}{attempt:03}", crate::SCRATCH_PREFIX, self.id.0.simple().to_string())
    }
}

impl DataEngine {
    /// Tries migrations, oldest first. Where they are `applied` already, they are taken back first and applied again.
    ///
    /// It answers in any case: what cannot be tried is [`Verdict::Skipped`].
    pub async fn rehearse(&self, rehearsal: &Rehearsal, migrations: &[Scripts], applied: bool) -> StoreRehearsal {
        let engine = match self.target() {
            DataTarget::MariaDb(_) => Engine::MariaDb,
            DataTarget::MongoDb(_) => Engine::MongoDb,
        };
        let skipped = |reason| StoreRehearsal {
            store: self.store.clone(),
            engine,
            verdict: Verdict::Skipped { reason },
            rows: 0,
            migrations: Vec::new(),
        };
        if let Err(reason) = self.drop_scratches_of(rehearsal).await {
            return skipped(reason);
        }
        let prepared = match self.target() {
            DataTarget::MariaDb(target) => mariadb::prepare(target, rehearsal, migrations, applied).await,
            DataTarget::MongoDb(target) => mongodb::prepare(target, rehearsal, migrations).await,
        };
        let outcome = match prepared {
            Ok(scratch) => self.try_on(scratch, rehearsal, migrations, applied, engine).await,
            Err(reason) => skipped(reason),
        };
        if let Err(reason) = self.drop_scratches_of(rehearsal).await {
            tracing::warn!(store = %self.store, %reason, "a scratch database could not be removed");
        }
        outcome
    }

    /// Removes what this attempt and those before it may have left. Can be repeated.
    ///
    /// # Errors
    /// Why something may still be there.
    pub async fn drop_scratches_of(&self, rehearsal: &Rehearsal) -> Result<(), Sentence> {
        for attempt in 1..=rehearsal.attempt {
            let database = rehearsal.database(attempt);
            match self.target() {
                DataTarget::MariaDb(target) => mariadb::drop_scratch(target, &database).await?,
                DataTarget::MongoDb(target) => {
                    target.sibling(&database).drop_scratch().await.map_err(|error| error.sentence())?;
                }
            }
        }
        Ok(())
    }

    async fn try_on(
        &self,
        scratch: Scratch,
        rehearsal: &Rehearsal,
        migrations: &[Scripts],
        applied: bool,
        kind: Engine,
    ) -> StoreRehearsal {
        let journal = Arc::new(MemoryJournal::default());
        let statements: Arc<dyn saga::StatementJournal> = Arc::clone(&journal) as _;
        let engine =
            DataEngine::new(self.store.clone(), scratch.target.clone(), statements).with_ledger(self.ours().clone());
        let newest_first: Vec<Scripts> = migrations.iter().rev().cloned().collect();
        let phases: &[Phase] =
            if applied { &[Phase::Down, Phase::UpAgain] } else { &[Phase::Up, Phase::Down, Phase::UpAgain] };
        let before = engine.fingerprint().await.map_err(|error| error.sentence());
        let mut verdict = Verdict::Passed;
        let mut first_up = if applied { before.ok() } else { None };
        let mut failed_at = None;
        let held = Held { job: JobId::generate(), worker: WorkerId::generate(), fence: 1 };
        for (step, phase) in phases.iter().enumerate() {
            let step = u32::try_from(step).unwrap_or_default();
            let cx = StepContext::new(held, step, Arc::clone(&journal) as _, rehearsal.stop.clone());
            let direction = phase.direction();
            let order = if direction == Direction::Down { &newest_first } else { migrations };
            let ran = engine.migrate(&cx, direction, order).await.map_err(|error| scratch.verdict(*phase, error));
            let told = ran.and_then(|migrated| {
                let Migrated { fingerprint, warnings, .. } = migrated;
                if direction == Direction::Up && first_up.as_ref().is_some_and(|first| *first != fingerprint) {
                    let reason = sentence!(
                        "the schema afterwards is not the one that it was before the migrations were taken back"
                    );
                    return Err(Verdict::Failed { phase: *phase, reason });
                }
                // Nobody else writes here: whatever does not come back is lost by the scripts themselves.
                match warnings.into_iter().next().filter(|_| *phase == Phase::UpAgain) {
                    Some(warning) => Err(Verdict::Failed { phase: *phase, reason: warning }),
                    None => Ok(fingerprint),
                }
            });
            match told {
                Ok(fingerprint) if *phase == Phase::Up => first_up = Some(fingerprint),
                Ok(_) => {}
                Err(why) => {
                    verdict = why;
                    let done: BTreeSet<String> = journal.recorded(step);
                    failed_at =
                        order.iter().find(|scripts| !done.contains(&scripts.reference.version)).or(order.last());
                    break;
                }
            }
        }
        let failed_at = failed_at.map(|scripts| scripts.reference.version.clone());
        let times = journal.times();
        let migrations = migrations
            .iter()
            .filter_map(|scripts| scratch.told_of(scripts, &times, &verdict, failed_at.as_deref()))
            .collect();
        StoreRehearsal { store: self.store.clone(), engine: kind, verdict, rows: scratch.rows, migrations }
    }
}

impl Scratch {
    /// What a failure says of the scripts. Where rows are missing that others point at, it says nothing.
    fn verdict(&self, phase: Phase, error: StepError) -> Verdict {
        let reason = error.message;
        let is_of_sample = self.is_partial && reason.to_string().contains("foreign key constraint fails");
        if is_of_sample || !matches!(error.kind, ErrorKind::Permanent | ErrorKind::Unknown) {
            return Verdict::Skipped { reason };
        }
        Verdict::Failed { phase, reason }
    }

    /// What is known of one of the migrations; none where it was not reached, or nothing could be tried.
    fn told_of(
        &self,
        scripts: &Scripts,
        times: &HashMap<Place, u64>,
        verdict: &Verdict,
        failed_at: Option<&str>,
    ) -> Option<RehearsedMigration> {
        let version = scripts.reference.version.clone();
        let verdict = match verdict {
            Verdict::Passed => Verdict::Passed,
            failed if failed_at == Some(version.as_str()) => failed.clone(),
            _ => return None,
        };
        let mut statements: Vec<RehearsedStatement> = times
            .iter()
            .filter(|((migration, ..), _)| *migration == version)
            .map(|(place, ms)| RehearsedStatement {
                direction: place.1,
                index: place.2,
                class: self.classes.get(place).copied(),
                ms: *ms,
                expected_ms: ms.saturating_mul(self.factors.get(place).copied().unwrap_or(1)),
            })
            .collect();
        statements.sort_by_key(|one| (one.direction, one.index));
        Some(RehearsedMigration { id: scripts.reference.id, version, verdict, statements })
    }
}
