//! The schema part of a plan: which migrations run, which way, and whether both images can bear it.

use std::collections::BTreeSet;

use super::facts::{ContainerState, Facts, MigrationFacts, SchemaFacts, StoreFacts};
use super::scripts::examine;
use crate::deployment::SchemaMode;
use crate::environment::Engine;
use crate::finding::{Code, Finding, Severity};
use crate::ledger::Direction;

/// What happens to the schemas of all data stores.
#[derive(Debug, Default)]
pub(super) struct SchemaDecision {
    pub(super) moves: Vec<StoreMove>,
    /// Whether writers have to be stopped while migrations run.
    pub(super) needs_window: bool,
    /// Whether migrations are to be taken back, also where none of them can be.
    pub(super) goes_down: bool,
}

impl SchemaDecision {
    /// The data stores whose migrations run.
    pub(super) fn stores(&self) -> Vec<&str> {
        let mut stores: Vec<&str> = self.moves.iter().map(|change| change.store.as_str()).collect();
        stores.dedup();
        stores
    }
}

/// The migrations of one data store, in the order in which they run.
#[derive(Debug)]
pub(super) struct StoreMove {
    pub(super) store: String,
    pub(super) engine: Engine,
    pub(super) direction: Direction,
    pub(super) migrations: Vec<MigrationFacts>,
}

/// Decides for every data store, and says what is in the way.
///
/// Downs are decided for the environment as a whole: where the target cannot run on one store's newer
/// schema, every store goes back to the schema that the target was released with, because that
/// combination is the one that was tested. That goes for data stores too that only the current release uses.
pub(super) fn decide(facts: &Facts, findings: &mut Vec<Finding>) -> SchemaDecision {
    let current_stores = facts.current.iter().flat_map(|current| current.release.schema.keys());
    let names: BTreeSet<&String> = facts.target.schema.keys().chain(current_stores).collect();
    let stores: Vec<StoreView> = names.into_iter().filter_map(|name| view(facts, name, findings)).collect();
    // A store that is merely behind says nothing here: its ups have yet to run.
    let target_bears_it = stores.iter().all(|store| store.newer().is_empty() || store.is_borne(store.head()));
    let anything_newer = stores.iter().any(|store| !store.newer().is_empty());
    let go_down = anything_newer
        && match facts.schema_mode {
            SchemaMode::Auto => !target_bears_it,
            SchemaMode::Down => true,
            SchemaMode::Keep => false,
        };
    let mut decision = SchemaDecision { goes_down: go_down, ..SchemaDecision::default() };
    for store in &stores {
        let newer = store.newer();
        let current = facts.current.as_ref().and_then(|current| current.release.schema.get(store.name));
        let downs = if go_down { downs(facts, store, &newer, findings) } else { Vec::new() };
        let ups = ups(facts, store, go_down, findings);
        let head = head_after(store, &downs, &ups);
        if store.is_borne(head.as_deref()) {
            if !newer.is_empty() && !go_down {
                let head = head.as_deref().unwrap_or("-");
                let code = if store.schema.is_some() { Code::SchemaKept } else { Code::StoreUnused };
                findings.push(Finding::new(code, [("store", store.name), ("head", head)]));
            }
        } else {
            findings.push(Finding::new(
                Code::SchemaIncompatible,
                [
                    ("store", store.name),
                    ("version", &facts.target.version.to_string()),
                    ("head", head.as_deref().unwrap_or("-")),
                ],
            ));
        }
        let current_bears_it = current.is_none_or(|schema| schema.runs_on.admits(head.as_deref()));
        decision.needs_window |= !downs.is_empty() || (!ups.is_empty() && !current_bears_it);
        for (direction, migrations) in [(Direction::Down, downs), (Direction::Up, ups)] {
            if !migrations.is_empty() {
                decision.moves.push(StoreMove {
                    store: store.name.to_owned(),
                    engine: store.facts.engine,
                    direction,
                    migrations,
                });
            }
        }
    }
    drifts(facts, &decision, findings);
    // Before the first deployment nothing of ours serves, except what a failed one may have left.
    decision.needs_window &= facts.current.is_some()
        || facts.containers.iter().any(|container| matches!(container.state, ContainerState::Present { .. }));
    decision
}

/// Applies what the target's migrations have over the schemas as they are; nothing is taken back. What runs stays, and has
/// to bear the new schemas.
pub(super) fn apply(facts: &Facts, findings: &mut Vec<Finding>) -> SchemaDecision {
    let mut decision = SchemaDecision::default();
    for name in facts.target.schema.keys() {
        let Some(store) = view(facts, name, findings) else { continue };
        let mut migrations = ups(facts, &store, false, findings);
        migrations.retain(|migration| {
            facts.through.as_deref().is_none_or(|last| migration.reference.version.as_str() <= last)
        });
        if migrations.is_empty() {
            continue;
        }
        let head = head_after(&store, &[], &migrations);
        let current = facts.current.as_ref().map(|current| &current.release);
        if let Some(current) = current
            && !current.schema.get(name).is_none_or(|schema| schema.runs_on.admits(head.as_deref()))
        {
            let version = current.version.to_string();
            let params = [("store", name.as_str()), ("version", &version), ("head", head.as_deref().unwrap_or("-"))];
            findings.push(Finding::new(Code::SchemaIncompatible, params));
        }
        decision.moves.push(StoreMove {
            store: name.clone(),
            engine: store.facts.engine,
            direction: Direction::Up,
            migrations,
        });
    }
    if decision.moves.is_empty() {
        findings.push(Finding::new(Code::NothingToMigrate, [("version", &facts.target.version.to_string())]));
    }
    drifts(facts, &decision, findings);
    decision
}

/// Schemas that somebody else changed since Backout last did.
fn drifts(facts: &Facts, decision: &SchemaDecision, findings: &mut Vec<Finding>) {
    let moved = decision.stores();
    for (name, store) in &facts.stores {
        let (Some(left_as), Some(found)) = (&store.left_as, &store.fingerprint) else { continue };
        if left_as == found {
            continue;
        }
        // On MongoDB an application makes a collection by writing to it: nothing tells that from a change by hand.
        let blocks = moved.contains(&name.as_str()) && store.engine != Engine::MongoDb;
        let params = [("store", name.as_str()), ("left_as", short(left_as)), ("found", short(found))];
        let severity = if blocks { Severity::Blocker } else { Severity::Warning };
        findings.push(Finding::new(Code::SchemaDrifted, params).weighing(severity));
    }
}

fn short(fingerprint: &str) -> &str {
    fingerprint.get(..12).unwrap_or(fingerprint)
}

pub(super) struct StoreView<'a> {
    pub(super) name: &'a str,
    /// What the target brings; none where only the current release uses the store.
    schema: Option<&'a SchemaFacts>,
    pub(super) facts: &'a StoreFacts,
    applied: &'a [String],
    target: BTreeSet<&'a str>,
}

impl<'a> StoreView<'a> {
    /// The target's migrations.
    fn migrations(&self) -> &'a [MigrationFacts] {
        self.schema.map_or(&[], |schema| &schema.migrations)
    }

    /// Whether the target runs on a schema whose newest migration is `head`.
    fn is_borne(&self, head: Option<&str>) -> bool {
        self.schema.is_none_or(|schema| schema.runs_on.admits(head))
    }

    /// The newest version in the ledger.
    fn head(&self) -> Option<&str> {
        self.applied.iter().map(String::as_str).max()
    }

    /// Applied versions that the target does not know, newest applied first. What is older than the
    /// target's first migration, or than any registered one where the target has none, was there before
    /// Backout and stays.
    fn newer(&self) -> Vec<&str> {
        let Some(oldest) = self.target.first().copied().or_else(|| self.facts.known.keys().next().map(String::as_str))
        else {
            return Vec::new();
        };
        self.applied
            .iter()
            .rev()
            .map(String::as_str)
            .filter(|version| !self.target.contains(version) && *version >= oldest)
            .collect()
    }

    /// The newest version that is applied and belongs to the target.
    fn newest_shared(&self) -> Option<&str> {
        self.applied.iter().map(String::as_str).filter(|version| self.target.contains(version)).max()
    }
}

fn view<'a>(facts: &'a Facts, name: &'a str, findings: &mut Vec<Finding>) -> Option<StoreView<'a>> {
    let schema = facts.target.schema.get(name);
    let current = facts.current.as_ref().and_then(|current| current.release.schema.get(name));
    let engine = schema.or(current)?.engine;
    let Some(store) = facts.stores.get(name).filter(|store| store.engine == engine) else {
        let severity = if schema.is_some() { Severity::Blocker } else { Severity::Warning };
        let params = [("store", name), ("engine", engine.as_str())];
        findings.push(Finding::new(Code::StoreUnknown, params).weighing(severity));
        return None;
    };
    if store.unreachable.is_some() {
        return None; // reported with the other unreachable ones
    }
    let applied = match &store.applied {
        Ok(applied) => applied,
        Err(reason) => {
            findings.push(Finding::new(Code::LedgerUnreadable, [("store", name)]).about("reason", reason));
            return None;
        }
    };
    let view = StoreView {
        name,
        schema,
        facts: store,
        applied,
        target: schema
            .iter()
            .flat_map(|schema| &schema.migrations)
            .map(|migration| migration.reference.version.as_str())
            .collect(),
    };
    compare_with_applied(&view, current, findings);
    Some(view)
}

/// An applied version that stands for other bytes in the target, or one that the current release should have
/// brought and did not.
fn compare_with_applied(store: &StoreView<'_>, current: Option<&SchemaFacts>, findings: &mut Vec<Finding>) {
    let applied: BTreeSet<&str> = store.applied.iter().map(String::as_str).collect();
    for migration in store.migrations() {
        let version = migration.reference.version.as_str();
        let ran = store.facts.recorded.get(version).or_else(|| carried(current, version));
        if applied.contains(version) && ran.is_some_and(|ran| ran.reference.up_sha256 != migration.reference.up_sha256)
        {
            findings.push(Finding::new(Code::MigrationEdited, [("store", store.name), ("migration", version)]));
        }
    }
    for migration in current.iter().flat_map(|current| &current.migrations) {
        let version = migration.reference.version.as_str();
        if !applied.contains(version) && store.head().is_some_and(|head| version < head) {
            report_hole(store, version, findings);
        }
    }
}

fn carried<'a>(schema: Option<&'a SchemaFacts>, version: &str) -> Option<&'a MigrationFacts> {
    schema.and_then(|schema| schema.migrations.iter().find(|migration| migration.reference.version == version))
}

/// What has to be taken back, with the scripts that our ledger says were applied: another release, and even the
/// current one, may have registered other bytes under the same version. Where our ledger knows nothing of it, with
/// those of the current release.
fn downs(facts: &Facts, store: &StoreView<'_>, newer: &[&str], findings: &mut Vec<Finding>) -> Vec<MigrationFacts> {
    let current = facts.current.as_ref().map(|current| &current.release);
    let schema = current.and_then(|release| release.schema.get(store.name));
    let mut downs = Vec::new();
    for version in newer {
        if store.newest_shared().is_some_and(|shared| *version < shared) {
            // Taking it back would pull it out from under a migration that stays.
            report_hole(store, version, findings);
            continue;
        }
        let (recorded, carried) = (store.facts.recorded.get(*version), carried(schema, version));
        let Some(migration) = recorded.or(carried).or_else(|| store.facts.known.get(*version)) else {
            findings.push(Finding::new(Code::MigrationUnknown, [("store", store.name), ("migration", version)]));
            continue;
        };
        if let (Some(release), Some(carried)) = (current, carried)
            && carried.reference.id != migration.reference.id
        {
            let release = release.version.to_string();
            let params = [("store", store.name), ("migration", version), ("release", &release)];
            findings.push(Finding::new(Code::AppliedScriptUsed, params));
        }
        if migration.reference.down_sha256.is_none() {
            findings.push(Finding::new(Code::DownScriptMissing, [("store", store.name), ("migration", version)]));
        }
        examine(store, migration, Direction::Down, findings);
        downs.push(migration.clone());
    }
    downs
}

fn ups(facts: &Facts, store: &StoreView<'_>, after_downs: bool, findings: &mut Vec<Finding>) -> Vec<MigrationFacts> {
    let applied: BTreeSet<&str> = store.applied.iter().map(String::as_str).collect();
    let newest = if after_downs { store.newest_shared() } else { store.head() };
    let current = facts.current.as_ref().and_then(|current| current.release.schema.get(store.name));
    let mut ups = Vec::new();
    for migration in store.migrations() {
        let version = migration.reference.version.as_str();
        if applied.contains(version) {
            continue;
        }
        if newest.is_some_and(|newest| version < newest) {
            if carried(current, version).is_some() {
                report_hole(store, version, findings);
                continue;
            }
            let params = [("store", store.name), ("migration", version), ("newest", newest.unwrap_or_default())];
            findings.push(Finding::new(Code::MigrationOutOfOrder, params));
            if !facts.accepted.contains(&Code::MigrationOutOfOrder) {
                continue;
            }
        }
        examine(store, migration, Direction::Up, findings);
        ups.push(migration.clone());
    }
    ups
}

/// Reports a hole once, whichever of the two releases shows it.
fn report_hole(store: &StoreView<'_>, version: &str, findings: &mut Vec<Finding>) {
    let hole = Finding::new(Code::MigrationHole, [("store", store.name), ("migration", version)]);
    if !findings.contains(&hole) {
        findings.push(hole);
    }
}

fn head_after(store: &StoreView<'_>, downs: &[MigrationFacts], ups: &[MigrationFacts]) -> Option<String> {
    let gone: BTreeSet<&str> = downs.iter().map(|migration| migration.reference.version.as_str()).collect();
    let come = ups.iter().map(|migration| migration.reference.version.as_str());
    store
        .applied
        .iter()
        .map(String::as_str)
        .filter(|version| !gone.contains(version))
        .chain(come)
        .max()
        .map(str::to_owned)
}
