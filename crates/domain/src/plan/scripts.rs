//! What there is to say about the scripts that a plan runs, and about those that would take them back.

use sentence::{Sentence, sentence};

use super::facts::{MigrationFacts, ScriptFacts};
use super::schema::StoreView;
use crate::finding::{Code, Finding};
use crate::ledger::Direction;
use crate::rehearsal::{Phase, Verdict};

/// What a migration does that goes in that direction.
pub(super) fn examine(
    store: &StoreView<'_>,
    migration: &MigrationFacts,
    direction: Direction,
    findings: &mut Vec<Finding>,
) {
    let version = migration.reference.version.as_str();
    if !migration.intact {
        findings.push(Finding::new(Code::ScriptTampered, [("store", store.name), ("migration", version)]));
    }
    let (script, back, opposite): (&ScriptFacts, _, _) = match direction {
        Direction::Up => (&migration.up, migration.reference.down_sha256.as_ref().map(|_| &migration.down), "down"),
        Direction::Down => (&migration.down, Some(&migration.up), "up"),
    };
    let common = [("store", store.name), ("migration", version), ("direction", direction.as_str())];
    match migration.rehearsed.as_ref().map(|rehearsed| &rehearsed.verdict) {
        Some(Verdict::Failed { phase, reason }) if (*phase == Phase::Up) == (direction == Direction::Up) => {
            findings.push(Finding::new(Code::RehearsalFailed, common).about("reason", reason));
        }
        Some(Verdict::Passed | Verdict::Failed { .. }) => {}
        _ if direction == Direction::Up => {}
        _ => findings.push(Finding::new(Code::Unrehearsed, [common[0], common[1]])),
    }
    for refusal in &script.refusals {
        let params = [common[0], common[1], common[2], ("position", &refusal.position)];
        findings.push(Finding::new(Code::StatementRefused, params).about("reason", &refusal.reason));
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
    let gone = store.facts.dropped.iter().filter(|gone| gone.migration == version && gone.direction == direction);
    let gone: Vec<&str> = gone.map(|gone| gone.object.as_str()).collect();
    if !gone.is_empty() {
        findings.push(Finding::new(Code::DataDropped, [common[0], common[1], ("objects", &gone.join(", "))]));
    }
    if let Some(reason) = why_not(back) {
        let params = [common[0], common[1], ("direction", opposite)];
        findings.push(Finding::new(Code::CannotBeUndone, params).about("reason", reason));
    }
}

/// Why a script cannot take back what the other did, partly perhaps.
fn why_not(script: Option<&ScriptFacts>) -> Option<Sentence> {
    let Some(script) = script else { return Some(sentence!("there is none")) };
    if let Some(refusal) = script.refusals.first() {
        return Some(sentence!("{position}: {reason}", position = refusal.position, reason = refusal.reason));
    }
    if !script.predictable {
        return Some(sentence!("what it does depends on what the server answers"));
    }
    script.unknown.first().map(|position| sentence!("{position}: the statement is not understood", position))
}
