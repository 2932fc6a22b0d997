//! How a data store differs from what our ledger says of it.

use std::collections::{BTreeMap, BTreeSet};

use sentence::{Sentence, sentence};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Direction;
use super::applied::{LedgerSource, OurLedger, Standing};
use super::target::{EntryState, LedgerTool, TargetLedger, is_same_version};
use crate::deployment::words;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DriftKind {
    /// We applied it, and the target's ledger does not have it any more.
    Missing,
    /// The target's ledger has it, and ours does not.
    Extra,
    /// Its script is not the one that was applied.
    Edited,
    /// The schema is not the one that Backout left, or that a person accepted.
    SchemaChanged,
    /// A tool began it and did not finish.
    Unfinished,
    /// A tool's lock is taken, by a process that runs or has died.
    Locked,
    /// Alembic has several newest revisions.
    SeveralHeads,
    /// It cannot be told whether anything differs.
    Unverifiable,
}

words!(DriftKind {
    Missing = "missing",
    Extra = "extra",
    Edited = "edited",
    SchemaChanged = "schema_changed",
    Unfinished = "unfinished",
    Locked = "locked",
    SeveralHeads = "several_heads",
    Unverifiable = "unverifiable",
});

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct Drift {
    /// What is wrong.
    pub kind: DriftKind,
    /// The migration it is about.
    pub version: Option<String>,
    /// What is known about it.
    #[schema(value_type = String)]
    pub detail: Sentence,
}

impl Drift {
    fn new(kind: DriftKind, version: Option<&str>, detail: Sentence) -> Self {
        Self { kind, version: version.map(str::to_owned), detail }
    }

    /// Whether something differs, as opposed to nobody knowing.
    pub fn is_difference(&self) -> bool {
        self.kind != DriftKind::Unverifiable
    }
}

/// What is compared.
#[derive(Debug, Clone, Default)]
pub struct DriftFacts {
    /// Our ledger.
    pub ours: OurLedger,
    /// The target's ledgers.
    pub targets: Vec<TargetLedger>,
    /// The target's ledgers as they were when a person last accepted them, if ever.
    pub accepted: Option<Vec<TargetLedger>>,
    /// The hashes of the up scripts that are registered for each version.
    pub registered: BTreeMap<String, BTreeSet<String>>,
    /// Fingerprint that the schema had when Backout last changed it or a person accepted it.
    pub left_as: Option<String>,
    /// Fingerprint of the schema as it is.
    pub fingerprint: String,
}

/// Everything in which a data store differs from our ledger, by kind. The same facts give the same list.
pub fn drift(facts: &DriftFacts) -> Vec<Drift> {
    let mut found = Vec::new();
    schema(facts, &mut found);
    scripts(facts, &mut found);
    let list = facts.targets.iter().find(|ledger| ledger.tool == LedgerTool::Versions);
    if list.is_some() || facts.targets.is_empty() {
        versions(facts, list, &mut found);
    }
    for ledger in &facts.targets {
        if ledger.tool != LedgerTool::Versions {
            compare_with_accepted(facts, ledger, &mut found);
        }
        unfinished(ledger, &mut found);
        checksums(facts, ledger, &mut found);
    }
    found.sort();
    found
}

fn schema(facts: &DriftFacts, found: &mut Vec<Drift>) {
    match &facts.left_as {
        Some(left_as) if *left_as != facts.fingerprint => {
            let (left_as, now) = (short(left_as), short(&facts.fingerprint));
            let detail = sentence!("the schema is {now}, and was left as {left_as}", now, left_as);
            found.push(Drift::new(DriftKind::SchemaChanged, None, detail));
        }
        Some(_) => {}
        None => {
            let detail = sentence!("no fingerprint of the schema is recorded to compare with");
            found.push(Drift::new(DriftKind::Unverifiable, None, detail));
        }
    }
}

/// What was applied beside what is registered.
fn scripts(facts: &DriftFacts, found: &mut Vec<Drift>) {
    for standing in facts.ours.ups() {
        let (Some(ran), Some(registered)) = (&standing.script_sha256, facts.registered.get(&standing.version)) else {
            continue;
        };
        if !registered.contains(ran) {
            let detail =
                sentence!("script {sha256} was applied, and another one is registered now", sha256 = short(ran));
            found.push(Drift::new(DriftKind::Edited, Some(&standing.version), detail));
        }
    }
}

/// Our ledger beside the target's list of versions. What a person said is not held against the list.
fn versions(facts: &DriftFacts, list: Option<&TargetLedger>, found: &mut Vec<Drift>) {
    let has = |version: &str| list.is_some_and(|list| list.entries.iter().any(|entry| entry.version == version));
    for standing in facts.ours.ups().filter(|standing| standing.source == LedgerSource::Job) {
        if !has(&standing.version) {
            let detail = sentence!("a job applied it, and the ledger of the target does not have it");
            found.push(Drift::new(DriftKind::Missing, Some(&standing.version), detail));
        }
    }
    for entry in list.into_iter().flat_map(|list| &list.entries) {
        let detail = match facts.ours.standing(&entry.version) {
            None => sentence!("the ledger of the target has it, and ours does not"),
            Some(Standing { direction: Direction::Down, source: LedgerSource::Job, .. }) => {
                sentence!("a job took it back, and the ledger of the target has it")
            }
            Some(_) => continue,
        };
        found.push(Drift::new(DriftKind::Extra, Some(&entry.version), detail));
    }
}

/// Another tool's ledger beside what it was when a person accepted it. It is never written, so that what jobs did since
/// is not in it.
fn compare_with_accepted(facts: &DriftFacts, ledger: &TargetLedger, found: &mut Vec<Drift>) {
    let tool = ledger.tool.name();
    let accepted = facts.accepted.iter().flatten().find(|seen| seen.tool == ledger.tool && seen.place == ledger.place);
    let Some(accepted) = accepted else {
        let detail = sentence!("the ledger of {tool} has not been accepted by a baseline or repair", tool);
        found.push(Drift::new(DriftKind::Unverifiable, None, detail));
        return;
    };
    let ours = |version: &str, direction: Direction| {
        facts
            .ours
            .standings
            .iter()
            .any(|standing| standing.direction == direction && is_same_version(&standing.version, version))
    };
    for entry in &ledger.entries {
        match accepted.entry(&entry.id) {
            None if !ours(&entry.version, Direction::Up) => {
                let detail = sentence!("{tool} has it in its ledger since that was accepted", tool);
                found.push(Drift::new(DriftKind::Extra, Some(&entry.id), detail));
            }
            Some(seen) if seen.checksum != entry.checksum && entry.checksum.is_some() && seen.checksum.is_some() => {
                let detail = sentence!("the checksum in the ledger of {tool} is another one than was accepted", tool);
                found.push(Drift::new(DriftKind::Edited, Some(&entry.id), detail));
            }
            _ => {}
        }
    }
    for seen in &accepted.entries {
        // Where only the newest is kept, an older one makes place for it.
        let superseded = !ledger.tool.lists_all() && !ledger.entries.is_empty();
        if ledger.entry(&seen.id).is_none() && !superseded && !ours(&seen.version, Direction::Down) {
            let detail = sentence!("the ledger of {tool} does not have it any more", tool);
            found.push(Drift::new(DriftKind::Missing, Some(&seen.id), detail));
        }
    }
}

fn unfinished(ledger: &TargetLedger, found: &mut Vec<Drift>) {
    let tool = ledger.tool.name();
    for entry in ledger.entries.iter().filter(|entry| entry.state == EntryState::Unfinished) {
        let detail = match &entry.detail {
            Some(reason) => sentence!("{tool} did not finish it: {reason}", tool, reason),
            None => sentence!("{tool} did not finish it", tool),
        };
        found.push(Drift::new(DriftKind::Unfinished, Some(&entry.id), detail));
    }
    if let Some(lock) = &ledger.lock {
        let detail = match &lock.by {
            Some(by) => sentence!("the lock of {tool} is taken by {by}", tool, by),
            None => sentence!("the lock of {tool} is taken", tool),
        };
        found.push(Drift::new(DriftKind::Locked, None, detail));
    }
    if ledger.tool == LedgerTool::Alembic && ledger.entries.len() > 1 {
        let heads = ledger.entries.iter().map(|entry| entry.id.as_str()).collect::<Vec<_>>().join(", ");
        let detail = sentence!("{tool} has several heads: {heads}", tool, heads);
        found.push(Drift::new(DriftKind::SeveralHeads, None, detail));
    }
}

/// Entries without a checksum of which we have no hash of our own either: nobody can say whether they were edited.
fn checksums(facts: &DriftFacts, ledger: &TargetLedger, found: &mut Vec<Drift>) {
    let is_ours = |version: &str| {
        facts.ours.ups().any(|ours| ours.script_sha256.is_some() && is_same_version(&ours.version, version))
    };
    let bare =
        ledger.entries.iter().filter(|entry| entry.checksum.is_none() && !is_ours(&entry.version)).count() as u64;
    if bare > 0 {
        let detail = sentence!(
            "{count} entries of {place} have no checksum: whether their scripts were edited cannot be told",
            count = bare,
            place = ledger.place
        );
        found.push(Drift::new(DriftKind::Unverifiable, None, detail));
    }
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
