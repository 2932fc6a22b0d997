//! A migration from its first operation to its ledger entry.

use sentence::{Sentence, sentence};
use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, SystemTime};

use domain::ledger::{Direction, OurLedger};
use driver_mongodb::{Fingerprint, Target};
use mongo_script::{Compiled, Operation, Settings, compile};
use saga::{Keeper, StatementKey, StepContext, StepError};
use serde_json::json;

use super::LEDGER;
use super::documents::direction_marker;
use super::locked::{Run, keeping_operations};
use crate::book::{Book, Progress};
use crate::engine::{DataEngine, Scripts};
use crate::error::Error;
use crate::examine::mongo::{Treatment, treatment};
use crate::kept::{Comes, older};
use crate::script::{Script, number, sha256};

/// A script with its operations; none where it has to run live.
pub(super) struct Plan<'a> {
    pub(super) script: Script<'a>,
    pub(super) operations: Vec<Operation>,
    pub(super) is_live: bool,
    pub(super) settings: Settings,
}

impl<'a> Plan<'a> {
    pub(super) fn of(target: &Target, cx: &StepContext, script: Script<'a>) -> Result<Self, StepError> {
        let mut settings = Settings::new(target.database());
        // The same operations whenever the step is resumed: the script's clock is the job's beginning.
        settings.clock = Some(begin_of(cx));
        let compiled = compile(script.text, &settings).map_err(|error| {
            StepError::permanent(sentence!(
                "{script} cannot be run: {error}",
                script = script.name(),
                error = error.sentence()
            ))
        })?;
        let (operations, is_live) = match compiled {
            Compiled::Predictable(operations) => (operations, false),
            Compiled::Live { .. } => (Vec::new(), true),
        };
        Ok(Self { script, operations, is_live, settings })
    }

    pub(super) fn key(&self, operation: &Operation) -> StatementKey {
        self.script.key(operation.index, &hash(operation))
    }

    pub(super) fn end(&self) -> StatementKey {
        if self.is_live {
            // Behind every operation that it may turn out to have.
            return self.script.key(u32::MAX, &sha256(self.script.text.as_bytes()));
        }
        self.script.end(self.operations.len())
    }

    /// The operations that can have put something aside in this step.
    pub(super) async fn keeping_keys(&self, target: &Target, book: &Book) -> Result<Vec<StatementKey>, StepError> {
        if !self.is_live {
            return Ok(self.operations.iter().map(|operation| self.key(operation)).collect());
        }
        let numbers = keeping_operations(target, book, &self.script.key(0, "")).await?;
        Ok(numbers.into_iter().map(|index| self.script.key(index, "")).collect())
    }

    /// For messages: `migration 20250110001 (down), operation 2 at line 3`.
    pub(super) fn place(&self, operation: &Operation) -> Sentence {
        place(&self.script.name(), operation)
    }
}

pub(super) fn place(script: &Sentence, operation: &Operation) -> Sentence {
    sentence!(
        "{script}, operation {number} at line {line}",
        script,
        number = operation.index + 1,
        line = operation.line
    )
}

pub(super) fn hash(operation: &Operation) -> String {
    sha256(json!([operation.database, operation.command]).to_string().as_bytes())
}

/// Fails where an operation cannot be run safely.
pub(super) fn assert_runnable(place: &Sentence, operation: &Operation, own: &str) -> Result<(), StepError> {
    if let Treatment::Refuse { reason, .. } = treatment(operation) {
        return Err(StepError::permanent(sentence!("{place}: {error}", place, error = reason)));
    }
    let is_foreign = |name: &&str| *name != own;
    let effect = operation.effect();
    let foreign = match &effect {
        mongo_script::Effect::Read => None,
        // The command goes to `admin` and names both databases itself.
        mongo_script::Effect::RenameCollection { from, to, .. } => [from, to]
            .into_iter()
            .map(|name| name.split_once('.').map_or(name.as_str(), |(database, _)| database))
            .find(is_foreign),
        _ => operation.database.as_deref().filter(is_foreign),
    };
    match foreign {
        Some(name) => Err(StepError::permanent(sentence!(
            "{place}: it changes database {database}, which is not this data store's",
            place,
            database = name
        ))),
        _ => Ok(()),
    }
}

/// The scripts to run; an error where one of them cannot be run safely, so that none is begun.
pub(super) fn plans<'a>(
    target: &Target,
    cx: &StepContext,
    migrations: &'a [Scripts],
    direction: Direction,
) -> Result<Vec<Plan<'a>>, StepError> {
    let mut plans = Vec::with_capacity(migrations.len());
    for scripts in migrations {
        let plan = Plan::of(target, cx, Script::of(scripts, direction, false)?)?;
        for operation in &plan.operations {
            assert_runnable(&plan.place(operation), operation, target.database())?;
        }
        plans.push(plan);
    }
    Ok(plans)
}

/// Whether the journal has all of them as done.
pub(super) async fn all_done(engine: &DataEngine, cx: &StepContext, plans: &[Plan<'_>]) -> Result<bool, StepError> {
    let book = Book::open(engine, cx).await?;
    for plan in plans {
        if book.progress(&plan.end())? != Progress::Done {
            return Ok(false);
        }
    }
    Ok(true)
}

/// See [`Book::touched`].
pub(super) async fn touched<'a>(
    engine: &DataEngine,
    target: &Target,
    cx: &StepContext,
    direction: Direction,
    migrations: &'a [Scripts],
) -> Result<Vec<&'a Scripts>, StepError> {
    let book = Book::open(engine, cx).await?;
    let mut keys = HashMap::new();
    for scripts in migrations {
        let plan = Plan::of(target, cx, Script::of(scripts, direction, false)?)?;
        keys.insert(plan.script.version(), plan.keeping_keys(target, &book).await?);
    }
    let keys_of = |scripts: &Scripts| Ok(keys.remove(scripts.reference.version.as_str()).unwrap_or_default());
    book.touched(direction, migrations, keys_of).await
}

impl Run {
    /// Runs what is left of a migration. The fingerprint afterwards, unless nothing was left.
    pub(super) async fn migration(&self, plan: &Plan<'_>) -> Result<Option<String>, StepError> {
        let end = plan.end();
        if self.book.progress(&end)? == Progress::Done {
            return Ok(None);
        }
        if plan.script.direction == Direction::Down {
            self.book.assert_belongs_to_up(&plan.script).await?;
        }
        let before = self.schema_before(&plan.script).await?;
        let earlier = self.earlier_kept(plan).await?;
        // Told first: what comes back in their place is not taken for something that the script wrote.
        for (one, _) in earlier.iter().filter(|(_, comes)| *comes == Comes::Nothing) {
            self.report(one, &older(one)).await?;
        }
        // Fields come back before the script fills those that are missing, collections after it has made them.
        // Documents that come back later still lack theirs.
        let (fields, others): (Vec<_>, Vec<_>) =
            earlier.iter().partition(|(one, _)| matches!(one.keeper, Keeper::Fields { .. }));
        let come_documents = others.iter().any(|(one, _)| !matches!(one.keeper, Keeper::Indexes { .. }));
        for (one, _) in &fields {
            if come_documents {
                self.restore_present(one).await?;
            } else {
                self.restore(one, None).await?;
            }
        }
        if plan.is_live {
            self.run_live(plan).await?;
        }
        for operation in &plan.operations {
            self.go_on()?;
            let (done, total) = (u64::from(operation.index), u64::from(number(plan.operations.len())));
            self.book.cx.progress_of(&plan.script.name().to_string(), done, total).await?;
            let key = plan.key(operation);
            self.operation(&plan.script.name(), plan.script.undo, &key, operation).await?;
        }
        let mut late = Vec::new();
        for (one, _) in others.iter().filter(|(_, comes)| *comes == Comes::Whole) {
            let of_this_way = self.note(&direction_marker(one)).await?;
            if of_this_way.as_deref() != Some(plan.script.direction.as_str()) {
                late.push(one);
            }
        }
        self.restore_behind(&late, plan).await?;
        for (one, _) in fields.iter().filter(|_| come_documents) {
            self.restore(one, None).await?;
        }
        self.finish(&plan.script, &end, &before, true).await.map(Some)
    }

    async fn schema(&self) -> Result<Fingerprint, StepError> {
        Ok(self.target.fingerprint(&[LEDGER]).await.map_err(Error::from)?)
    }

    /// The fingerprint from before the script's first operation; taken once, whoever began the script.
    pub(super) async fn schema_before(&self, script: &Script<'_>) -> Result<String, StepError> {
        let marker = format!("{}/before", self.book.marker(&script.key(0, "")));
        if let Some(noted) = self.note(&marker).await? {
            return Ok(noted);
        }
        let before = self.schema().await?;
        self.remember_schema(&marker, &before).await?;
        Ok(before.sha256)
    }

    /// Settles ledgers and fingerprint behind the last operation. The fingerprint afterwards.
    pub(super) async fn finish(
        &self,
        script: &Script<'_>,
        end: &StatementKey,
        before: &str,
        record: bool,
    ) -> Result<String, StepError> {
        let after = self.schema().await?;
        if script.direction == Direction::Down && !script.undo {
            self.assert_as_before_up(script, before, &after).await?;
        }
        self.assert_lock().await?;
        self.book.intent(end).await?;
        let reference = &script.scripts.reference;
        // Beside another tool's ledger no second one is begun.
        let ledgers = self.target.ledgers(LEDGER).await.map_err(Error::from)?;
        match script.direction {
            _ if !OurLedger::writes_to(&ledgers) => {}
            Direction::Up => {
                self.target.ledger_insert(LEDGER, &reference.version, &reference.name).await.map_err(Error::from)?;
            }
            Direction::Down => {
                self.target.ledger_remove(LEDGER, &reference.version).await.map_err(Error::from)?;
            }
        }
        if record {
            self.book.record_ledger(reference, script.direction, before, &after.sha256).await?;
        }
        self.book.done(end, 0).await?;
        Ok(after.sha256)
    }

    /// Compares the schema with the one recorded before the migration was applied; `before` is what this down began with.
    async fn assert_as_before_up(&self, script: &Script<'_>, before: &str, now: &Fingerprint) -> Result<(), StepError> {
        let Some(up) = self.book.applied_up(script.version()).await? else {
            return Ok(());
        };
        let Some(fingerprint_before) = &up.fingerprint_before else { return Ok(()) };
        if *fingerprint_before == now.sha256 {
            return Ok(());
        }
        let has_changed_since = up.fingerprint_after.as_deref() != Some(before);
        let objects = self.remembered_schema(fingerprint_before).await?;
        let is_known = objects.is_some();
        let then = Fingerprint::of(objects.unwrap_or_default());
        let mut differing = then.diff(now);
        if is_known {
            let known = collections(&then);
            let all = known.union(&collections(now)).copied().collect();
            // The application makes collections with its first write to them, and what else has changed since the up is
            // told by the plan. The collections whose names stand anywhere in the migration are its own.
            differing.retain(|one| {
                let collection = collection_of(&one.object, &all);
                let is_others = has_changed_since || !known.contains(collection);
                !is_others || script.scripts.up.contains(collection)
            });
            if differing.is_empty() {
                return Ok(());
            }
        }
        let names: Vec<String> = differing.into_iter().map(|one| one.object).take(5).collect();
        Err(StepError::permanent(sentence!(
            "after {script} the schema is not the one recorded before it was applied: {difference}",
            script = script.name(),
            difference = sentence!("these objects differ: {objects}", objects = names.join(", "))
        )))
    }
}

/// The names of everything in a fingerprint but its indexes.
fn collections(fingerprint: &Fingerprint) -> BTreeSet<&str> {
    let objects = fingerprint.objects.keys().filter_map(|object| object.split_once(' '));
    objects.filter(|(kind, _)| *kind != "index").map(|(_, name)| name).collect()
}

/// The collection that an object of a fingerprint (`collection fs.chunks`, `index fs.chunks.files_id_1`) belongs to,
/// among those that there are: their names may hold dots.
fn collection_of<'a>(object: &'a str, collections: &BTreeSet<&str>) -> &'a str {
    match object.split_once(' ') {
        Some(("index", name)) => {
            let beginnings = name.match_indices('.').map(|(end, _)| &name[..end]);
            beginnings.rev().find(|beginning| collections.contains(beginning)).unwrap_or(name)
        }
        Some((_, name)) => name,
        None => object,
    }
}

/// When the job was begun: its id says so.
fn begin_of(cx: &StepContext) -> SystemTime {
    let seconds = cx.held().job.0.get_timestamp().map_or((0, 0), |stamp| stamp.to_unix());
    SystemTime::UNIX_EPOCH + Duration::new(seconds.0, seconds.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_belongs_to_the_collection_with_the_longest_name() {
        let collections = BTreeSet::from(["fs", "fs.chunks"]);
        assert_eq!(collection_of("index fs.chunks.files_id_1", &collections), "fs.chunks");
        assert_eq!(collection_of("index fs.name.first_1", &collections), "fs");
        assert_eq!(collection_of("collection fs.chunks", &collections), "fs.chunks");
    }
}
