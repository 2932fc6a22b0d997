//! The statement journal of one step, with what this run has read and written of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::ids::PreservationId;
use domain::ledger::{Direction, MigrationRef};
use saga::{AppliedUp, LedgerRecord, Preservation, StatementJournal, StatementKey, StepContext, StepError};
use sentence::sentence;
use sha2::{Digest, Sha256};
use uuid::{Builder, Variant, Version};

use crate::engine::{DataEngine, Scripts};
use crate::script::Script;

/// How far a statement is, as far as the journal tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    Untouched,
    /// Its intent is written; whether it ran has to be looked up.
    Begun,
    Done,
}

/// Where a statement is in the journal: undo, migration, which script, number.
type Place = (bool, String, Direction, u32);

/// The journal of one step. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Book {
    pub(crate) store: String,
    pub(crate) cx: StepContext,
    journal: Arc<dyn StatementJournal>,
    entries: Arc<Mutex<HashMap<Place, (String, Progress)>>>,
}

impl Book {
    /// Reads what the journal has of the step. On a target with a lock of its own this is done under that
    /// lock, so that nobody writes meanwhile.
    pub(crate) async fn open(engine: &DataEngine, cx: &StepContext) -> Result<Self, StepError> {
        let read = engine.journal.entries(cx.held(), cx.step()).await?;
        let entries = read
            .into_iter()
            .map(|entry| {
                let progress = if entry.done { Progress::Done } else { Progress::Begun };
                (place(&entry.key), (entry.key.sha256, progress))
            })
            .collect();
        Ok(Self {
            store: engine.store.clone(),
            cx: cx.clone(),
            journal: Arc::clone(&engine.journal),
            entries: Arc::new(Mutex::new(entries)),
        })
    }

    /// How far a statement is; an error where the journal has another statement in its place.
    pub(crate) fn progress(&self, key: &StatementKey) -> Result<Progress, StepError> {
        match self.entries().get(&place(key)) {
            None => Ok(Progress::Untouched),
            Some((sha256, progress)) if *sha256 == key.sha256 => Ok(*progress),
            Some(_) => Err(StepError::permanent(sentence!(
                "statement {index} of migration {version} ({direction}) is not the one that was begun: the script was \
                 changed",
                index = key.index,
                version = &key.migration,
                direction = key.direction.as_str()
            ))),
        }
    }

    /// Whether any statement of the migration's script was begun.
    pub(crate) fn is_begun(&self, undo: bool, migration: &str, direction: Direction) -> bool {
        self.entries().keys().any(|place| place.0 == undo && place.1 == migration && place.2 == direction)
    }

    /// The migrations that the step has touched, in the order given: a statement was begun, or data was put
    /// aside for one that was about to begin.
    pub(crate) async fn touched<'a>(
        &self,
        direction: Direction,
        migrations: &'a [Scripts],
        mut keys: impl FnMut(&Scripts) -> Result<Vec<StatementKey>, StepError>,
    ) -> Result<Vec<&'a Scripts>, StepError> {
        let mut touched = Vec::new();
        for scripts in migrations {
            let version = &scripts.reference.version;
            if self.is_begun(false, version, direction) || self.has_kept(version, &keys(scripts)?).await? {
                touched.push(scripts);
            }
        }
        Ok(touched)
    }

    async fn has_kept(&self, migration: &str, keys: &[StatementKey]) -> Result<bool, StepError> {
        let kept = self.kept(migration).await?;
        Ok(kept.iter().any(|one| keys.iter().any(|key| self.preservation_id(key) == one.id)))
    }

    pub(crate) async fn intent(&self, key: &StatementKey) -> Result<(), StepError> {
        self.journal.intent(self.cx.held(), self.cx.step(), key).await?;
        self.entries().entry(place(key)).or_insert_with(|| (key.sha256.clone(), Progress::Begun));
        Ok(())
    }

    pub(crate) async fn done(&self, key: &StatementKey, rows: u64) -> Result<(), StepError> {
        self.journal.done(self.cx.held(), self.cx.step(), key, rows).await?;
        self.entries().insert(place(key), (key.sha256.clone(), Progress::Done));
        Ok(())
    }

    pub(crate) async fn keep(&self, preservation: &Preservation) -> Result<(), StepError> {
        Ok(self.journal.keep(self.cx.held(), self.cx.step(), preservation).await?)
    }

    pub(crate) async fn kept(&self, migration: &str) -> Result<Vec<Preservation>, StepError> {
        Ok(self.journal.kept(self.cx.held(), &self.store, migration).await?)
    }

    pub(crate) async fn restored(&self, id: PreservationId) -> Result<(), StepError> {
        Ok(self.journal.restored(self.cx.held(), id).await?)
    }

    pub(crate) async fn away_again(&self, id: PreservationId) -> Result<(), StepError> {
        Ok(self.journal.kept_again(self.cx.held(), id).await?)
    }

    pub(crate) async fn applied_up(&self, version: &str) -> Result<Option<AppliedUp>, StepError> {
        Ok(self.journal.applied_up(self.cx.held(), &self.store, version).await?)
    }

    /// Fails where a down is about to run that does not belong to the up that our ledger has: two releases can
    /// have registered different scripts under one version.
    pub(crate) async fn assert_belongs_to_up(&self, script: &Script<'_>) -> Result<(), StepError> {
        let reference = &script.scripts.reference;
        let Some(up) = self.applied_up(&reference.version).await? else {
            return Ok(());
        };
        if up.migration == reference.id {
            return Ok(());
        }
        Err(StepError::permanent(sentence!(
            "{script} belongs to other scripts than those that were applied: our ledger has registration {applied} (up \
             {applied_sha256}), and this is registration {registered} (up {registered_sha256})",
            script = script.name(),
            applied = up.migration.to_string(),
            applied_sha256 = short(&up.script_sha256),
            registered = reference.id.to_string(),
            registered_sha256 = short(&reference.up_sha256)
        ))
        .with_hint(sentence!("plan again: the down that belongs to the applied up is the one to run")))
    }

    /// See [`go_on`].
    pub(crate) fn go_on(&self) -> Result<(), StepError> {
        go_on(&self.cx)
    }

    pub(crate) async fn record_ledger(
        &self,
        migration: &MigrationRef,
        direction: Direction,
        fingerprint_before: &str,
        fingerprint_after: &str,
    ) -> Result<(), StepError> {
        let script_sha256 = match direction {
            Direction::Up => migration.up_sha256.clone(),
            Direction::Down => migration.down_sha256.clone().unwrap_or_default(),
        };
        let record = LedgerRecord {
            store: self.store.clone(),
            migration: migration.id,
            version: migration.version.clone(),
            name: migration.name.clone(),
            direction,
            script_sha256,
            fingerprint_before: fingerprint_before.to_owned(),
            fingerprint_after: fingerprint_after.to_owned(),
        };
        Ok(self.journal.record_ledger(self.cx.held(), self.cx.step(), &record).await?)
    }

    /// What finds the statement's traces in the target.
    pub(crate) fn marker(&self, key: &StatementKey) -> String {
        key.marker(self.cx.held().job, self.cx.step())
    }

    /// The marker that has the decision which of the copies kept earlier come back.
    pub(crate) fn choices_marker(&self, version: &str) -> String {
        format!("{}choices/{version}", self.marker_prefix())
    }

    /// The marker that tells why something kept did not come back.
    pub(crate) fn warning_marker(&self, id: PreservationId) -> String {
        format!("{}warning/{id}", self.marker_prefix())
    }

    /// How all markers of this step begin.
    pub(crate) fn marker_prefix(&self) -> String {
        format!("{}/{}/", self.cx.held().job, self.cx.step())
    }

    /// A short text that differs between statements and is the same whenever this one is repeated.
    pub(crate) fn short_id(&self, key: &StatementKey) -> String {
        hex::encode(&Sha256::digest(self.marker(key))[..5])
    }

    /// The id of what a statement puts aside: the same whenever it is repeated, and in the order of jobs and,
    /// within a script, of statements.
    pub(crate) fn preservation_id(&self, key: &StatementKey) -> PreservationId {
        let digest = Sha256::digest(self.marker(key));
        self.id_of(key, digest[2], &digest[3..])
    }

    /// As [`Book::preservation_id`], for one of several things that a statement puts aside: in their order, too, and the
    /// first of them is the newest.
    pub(crate) fn part_id(&self, key: &StatementKey, number: usize) -> PreservationId {
        let place = u8::try_from(63_usize.saturating_sub(number)).unwrap_or_default();
        self.id_of(key, place, &Sha256::digest(format!("{}/{number}", self.marker(key))))
    }

    /// `place` orders what has the same statement, by its lower six bits.
    fn id_of(&self, key: &StatementKey, place: u8, digest: &[u8]) -> PreservationId {
        let mut bytes = [0_u8; 16];
        bytes[..6].copy_from_slice(&self.cx.held().job.0.as_bytes()[..6]);
        bytes[8] = place;
        bytes[9..].copy_from_slice(&digest[..7]);
        // Twelve bits beside the version number, so that a script's statements stay in their order.
        let index = key.index.min(0x0fff);
        bytes[6] = u8::try_from(index >> 8).unwrap_or_default();
        bytes[7] = u8::try_from(index & 0xff).unwrap_or_default();
        let id = Builder::from_bytes(bytes).with_version(Version::SortRand).with_variant(Variant::RFC4122).into_uuid();
        PreservationId(id)
    }

    /// The id under which something is put aside again whose coming back is undone: at the same place in their order.
    pub(crate) fn kept_again(&self, id: PreservationId) -> PreservationId {
        let mut bytes = *id.0.as_bytes();
        let digest = Sha256::digest(format!("{}{id}", self.marker_prefix()));
        bytes[9..].copy_from_slice(&digest[..7]);
        PreservationId(Builder::from_bytes(bytes).into_uuid())
    }

    fn entries(&self) -> std::sync::MutexGuard<'_, HashMap<Place, (String, Progress)>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The marker of a copy that was made before older data of the same thing had come back.
pub(crate) fn early_marker(id: PreservationId) -> String {
    format!("early/{id}")
}

/// Fails once the job is called off or the worker shuts down. Asked wherever stopping leaves nothing half done; the
/// saga takes a transient error of a step that was asked to stop for an interruption.
pub(crate) fn go_on(cx: &StepContext) -> Result<(), StepError> {
    if cx.stop().is_cancelled() {
        return Err(StepError::transient(sentence!("asked to stop; what is done is in the journal")));
    }
    Ok(())
}

fn short(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}

fn place(key: &StatementKey) -> Place {
    (key.undo, key.migration.clone(), key.direction, key.index)
}
