//! The schema part of a plan: which migrations run, which way, and whether both images can bear it.

use std::collections::BTreeSet;

use super::facts::{ContainerState, Facts, MigrationFacts, SchemaFacts, ScriptFacts, StoreFacts};
use crate::deployment::SchemaMode;
use crate::environment::Engine;
use crate::finding::{Code, Finding};
use crate::ledger::Direction;

/// What happens to the schemas of all data stores.
#[derive(Debug, Default)]
pub(super) struct SchemaDecision {
    pub(super) moves: Vec<StoreMove>,
    /// Whether writers have to be stopped while migrations run.
    pub(super) needs_window: bool,
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
/// combination is the one that was tested.
pub(super) fn decide(facts: &Facts, findings: &mut Vec<Finding>) -> SchemaDecision {
    let stores: Vec<StoreView> =
        facts.target.schema.iter().filter_map(|(name, schema)| view(facts, name, schema, findings)).collect();
    // A store that is merely behind says nothing here: its ups have yet to run.
    let target_bears_it =
        stores.iter().all(|store| store.newer().is_empty() || store.schema.runs_on.admits(store.head()));
    let anything_newer = stores.iter().any(|store| !store.newer().is_empty());
    let go_down = anything_newer
        && match facts.schema_mode {
            SchemaMode::Auto => !target_bears_it,
            SchemaMode::Down => true,
            SchemaMode::Keep => false,
        };
    let mut decision = SchemaDecision::default();
    for store in &stores {
        let newer = store.newer();
        let current = facts.current.as_ref().and_then(|current| current.release.schema.get(store.name));
        let downs = if go_down { downs(store, &newer, current, findings) } else { Vec::new() };
        let ups = ups(store, go_down, findings);
        let head = head_after(store, &downs, &ups);
        if store.schema.runs_on.admits(head.as_deref()) {
            if !newer.is_empty() && !go_down {
                let head = head.as_deref().unwrap_or("-");
                findings.push(Finding::new(Code::SchemaKept, [("store", store.name), ("head", head)]));
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
                    engine: store.schema.engine,
                    direction,
                    migrations,
                });
            }
        }
    }
    // Before the first deployment nothing of ours serves, except what a failed one may have left.
    decision.needs_window &= facts.current.is_some()
        || facts.containers.iter().any(|container| matches!(container.state, ContainerState::Present { .. }));
    decision
}

struct StoreView<'a> {
    name: &'a str,
    schema: &'a SchemaFacts,
    facts: &'a StoreFacts,
    applied: &'a [String],
    target: BTreeSet<&'a str>,
}

impl StoreView<'_> {
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

fn view<'a>(
    facts: &'a Facts,
    name: &'a str,
    schema: &'a SchemaFacts,
    findings: &mut Vec<Finding>,
) -> Option<StoreView<'a>> {
    let Some(store) = facts.stores.get(name).filter(|store| store.engine == schema.engine) else {
        findings.push(Finding::new(Code::StoreUnknown, [("store", name), ("engine", schema.engine.as_str())]));
        return None;
    };
    if store.unreachable.is_some() {
        return None; // reported with the other unreachable ones
    }
    let applied = match &store.applied {
        Ok(applied) => applied,
        Err(reason) => {
            findings.push(Finding::new(Code::LedgerUnreadable, [("store", name), ("reason", reason)]));
            return None;
        }
    };
    let view = StoreView {
        name,
        schema,
        facts: store,
        applied,
        target: schema.migrations.iter().map(|migration| migration.reference.version.as_str()).collect(),
    };
    if let Some(current) = facts.current.as_ref().and_then(|current| current.release.schema.get(name)) {
        compare_releases(&view, current, findings);
    }
    Some(view)
}

/// A version that stands for other bytes, or one that the current release should have brought and did not.
fn compare_releases(store: &StoreView<'_>, current: &SchemaFacts, findings: &mut Vec<Finding>) {
    let applied: BTreeSet<&str> = store.applied.iter().map(String::as_str).collect();
    for migration in &current.migrations {
        let version = migration.reference.version.as_str();
        let other = store.schema.migrations.iter().find(|other| other.reference.version == version);
        if other.is_some_and(|other| other.reference.up_sha256 != migration.reference.up_sha256) {
            findings.push(Finding::new(Code::MigrationEdited, [("store", store.name), ("migration", version)]));
        }
        if !applied.contains(version) && store.head().is_some_and(|head| version < head) {
            report_hole(store, version, findings);
        }
    }
}

/// What has to be taken back, with the scripts of the release that applied it where that is the current one:
/// another release may have registered other bytes under the same version.
fn downs(
    store: &StoreView<'_>,
    newer: &[&str],
    current: Option<&SchemaFacts>,
    findings: &mut Vec<Finding>,
) -> Vec<MigrationFacts> {
    let mut downs = Vec::new();
    for version in newer {
        if store.newest_shared().is_some_and(|shared| *version < shared) {
            // Taking it back would pull it out from under a migration that stays.
            report_hole(store, version, findings);
            continue;
        }
        let applied_by_current = current
            .and_then(|schema| schema.migrations.iter().find(|migration| migration.reference.version == *version));
        let Some(migration) = applied_by_current.or_else(|| store.facts.known.get(*version)) else {
            findings.push(Finding::new(Code::MigrationUnknown, [("store", store.name), ("migration", version)]));
            continue;
        };
        if migration.reference.down_sha256.is_none() {
            findings.push(Finding::new(Code::DownScriptMissing, [("store", store.name), ("migration", version)]));
        }
        examine(store, migration, Direction::Down, findings);
        downs.push(migration.clone());
    }
    downs
}

fn ups(store: &StoreView<'_>, after_downs: bool, findings: &mut Vec<Finding>) -> Vec<MigrationFacts> {
    let applied: BTreeSet<&str> = store.applied.iter().map(String::as_str).collect();
    let newest = if after_downs { store.newest_shared() } else { store.head() };
    let mut ups = Vec::new();
    for migration in &store.schema.migrations {
        let version = migration.reference.version.as_str();
        if applied.contains(version) {
            continue;
        }
        if newest.is_some_and(|newest| version < newest) {
            report_hole(store, version, findings);
            continue;
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

fn examine(store: &StoreView<'_>, migration: &MigrationFacts, direction: Direction, findings: &mut Vec<Finding>) {
    let version = migration.reference.version.as_str();
    if !migration.intact {
        findings.push(Finding::new(Code::ScriptTampered, [("store", store.name), ("migration", version)]));
    }
    let script: &ScriptFacts = match direction {
        Direction::Up => &migration.up,
        Direction::Down => &migration.down,
    };
    let common = [("store", store.name), ("migration", version), ("direction", direction.as_str())];
    for refusal in &script.refusals {
        findings.push(Finding::new(
            Code::StatementRefused,
            [common[0], common[1], common[2], ("position", &refusal.position), ("reason", &refusal.reason)],
        ));
    }
    for position in &script.unknown {
        findings.push(Finding::new(Code::RiskUnknown, [common[0], common[1], common[2], ("position", position)]));
    }
    if !script.predictable {
        findings.push(Finding::new(Code::ScriptNotPredictable, common));
    }
    if !script.preserves.is_empty() {
        let objects = script.preserves.join(", ");
        findings.push(Finding::new(Code::DataPreserved, [common[0], common[1], ("objects", &objects)]));
    }
    if direction == Direction::Up
        && let Some(kept) = store.facts.kept.get(version)
    {
        let objects = kept.join(", ");
        findings.push(Finding::new(Code::DataRestored, [common[0], common[1], ("objects", &objects)]));
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
