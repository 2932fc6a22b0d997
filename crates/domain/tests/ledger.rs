//! Which migrations count as applied, and how a data store differs from our ledger: from facts alone.

use std::collections::{BTreeMap, BTreeSet};

use backout_domain::ledger::{
    Direction, Drift, DriftFacts, DriftKind, EntryState, LedgerLock, LedgerSource, LedgerTool, OurLedger, Standing,
    TargetEntry, TargetLedger, drift,
};
use proptest::prelude::*;

fn entry(id: &str, checksum: Option<&str>) -> TargetEntry {
    TargetEntry {
        id: id.into(),
        version: id.into(),
        name: None,
        applied_at: None,
        checksum: checksum.map(str::to_owned),
        state: EntryState::Applied,
        detail: None,
    }
}

fn ledger(tool: LedgerTool, entries: &[(&str, Option<&str>)]) -> TargetLedger {
    let entries = entries.iter().map(|(id, checksum)| entry(id, *checksum)).collect();
    TargetLedger { tool, place: "the_ledger".into(), entries, lock: None }
}

fn list(versions: &[&str]) -> TargetLedger {
    ledger(LedgerTool::Versions, &versions.iter().map(|version| (*version, None)).collect::<Vec<_>>())
}

fn row(version: &str, direction: Direction, source: LedgerSource) -> Standing {
    let script_sha256 = (direction == Direction::Up).then(|| format!("sha of {version}"));
    Standing { version: version.into(), direction, source, script_sha256 }
}

fn ours(standings: &[(&str, Direction, LedgerSource)]) -> OurLedger {
    let standings: Vec<Standing> = standings.iter().map(|(version, way, source)| row(version, *way, *source)).collect();
    OurLedger { is_adopted: standings.iter().any(|row| row.source == LedgerSource::Baseline), standings }
}

/// Facts in which the schema is as it was left and the scripts are those that were applied.
fn facts(ours: OurLedger, targets: Vec<TargetLedger>) -> DriftFacts {
    let registered =
        ours.standings.iter().filter_map(|row| Some((row.version.clone(), [row.script_sha256.clone()?].into())));
    DriftFacts {
        registered: registered.collect::<BTreeMap<String, BTreeSet<String>>>(),
        ours,
        targets,
        accepted: None,
        left_as: Some("as left".into()),
        fingerprint: "as left".into(),
    }
}

fn kinds(found: &[Drift]) -> Vec<(DriftKind, Option<&str>)> {
    found.iter().map(|one| (one.kind, one.version.as_deref())).collect()
}

fn differences(facts: &DriftFacts) -> Vec<(DriftKind, String)> {
    let found = drift(facts).into_iter().filter(Drift::is_difference);
    found.map(|one| (one.kind, one.version.unwrap_or_default())).collect()
}

use Direction::{Down, Up};
use LedgerSource::{Baseline, Job, Repair};

#[test]
fn what_jobs_applied_and_the_list_has_does_not_differ() {
    let facts = facts(ours(&[("1", Up, Job), ("2", Down, Job)]), vec![list(&["1"])]);
    assert_eq!(drift(&facts), []);
}

#[test]
fn a_version_that_only_one_side_has_is_missing_or_extra() {
    let facts = facts(ours(&[("1", Up, Job), ("2", Down, Job)]), vec![list(&["2", "3"])]);
    let expected = [(DriftKind::Missing, Some("1")), (DriftKind::Extra, Some("2")), (DriftKind::Extra, Some("3"))];
    let found = drift(&facts);
    assert_eq!(kinds(&found)[..3], expected);
    assert_eq!(
        found[3].detail,
        "2 entries of the_ledger have no checksum: whether their scripts were edited cannot be told"
    );
}

#[test]
fn a_list_that_is_gone_lacks_what_jobs_applied() {
    assert_eq!(kinds(&drift(&facts(ours(&[("1", Up, Job)]), vec![]))), [(DriftKind::Missing, Some("1"))]);
}

#[test]
fn what_a_person_said_is_not_held_against_the_list() {
    let said = ours(&[("1", Up, Baseline), ("2", Down, Repair), ("3", Up, Repair)]);
    assert_eq!(differences(&facts(said, vec![list(&["2"])])), []);
}

#[test]
fn another_script_or_schema_than_was_applied_differs() {
    let mut facts = facts(ours(&[("1", Up, Job)]), vec![list(&["1"])]);
    facts.registered.insert("1".into(), ["another sha".to_owned()].into());
    facts.fingerprint = "by hand".into();
    assert_eq!(kinds(&drift(&facts)), [(DriftKind::Edited, Some("1")), (DriftKind::SchemaChanged, None)]);
}

#[test]
fn without_a_recorded_fingerprint_the_schema_cannot_be_verified() {
    let mut facts = facts(OurLedger::default(), vec![]);
    facts.left_as = None;
    assert_eq!(kinds(&drift(&facts)), [(DriftKind::Unverifiable, None)]);
}

#[test]
fn another_tools_ledger_is_compared_with_what_was_accepted() {
    let now =
        ledger(LedgerTool::Flyway, &[("1", Some("a")), ("2", Some("changed")), ("4", Some("d")), ("005", Some("e"))]);
    let mut facts = facts(ours(&[("1", Up, Baseline), ("5", Up, Job)]), vec![now]);
    assert_eq!(kinds(&drift(&facts)), [(DriftKind::Unverifiable, None)]);
    facts.accepted = Some(vec![ledger(LedgerTool::Flyway, &[("1", Some("a")), ("2", Some("b")), ("3", Some("c"))])]);
    let expected = [(DriftKind::Missing, Some("3")), (DriftKind::Extra, Some("4")), (DriftKind::Edited, Some("2"))];
    assert_eq!(kinds(&drift(&facts)), expected);
}

#[test]
fn a_newer_version_takes_the_place_of_an_older_one_where_only_the_newest_is_kept() {
    let mut facts = facts(ours(&[("7", Up, Baseline)]), vec![ledger(LedgerTool::GolangMigrate, &[("8", None)])]);
    facts.accepted = Some(vec![ledger(LedgerTool::GolangMigrate, &[("7", None)])]);
    assert_eq!(differences(&facts), [(DriftKind::Extra, "8".to_owned())]);
    facts.targets = vec![ledger(LedgerTool::GolangMigrate, &[])];
    assert_eq!(differences(&facts), [(DriftKind::Missing, "7".to_owned())]);
}

#[test]
fn what_a_tool_left_half_done_differs() {
    let mut alembic = ledger(LedgerTool::Alembic, &[("a1", None), ("b2", None)]);
    alembic.lock = Some(LedgerLock { by: Some("pod-1".into()), since: None });
    alembic.entries[0].state = EntryState::Unfinished;
    let mut facts = facts(OurLedger::default(), vec![alembic.clone()]);
    facts.accepted = Some(vec![alembic]);
    let expected = [DriftKind::Unfinished, DriftKind::Locked, DriftKind::SeveralHeads];
    assert_eq!(differences(&facts).into_iter().map(|(kind, _)| kind).collect::<Vec<_>>(), expected);
}

#[test]
fn another_tools_ledger_tells_nothing_before_a_baseline_and_ours_everything_behind_it() {
    let flyway = [ledger(LedgerTool::Flyway, &[("1", None), ("2", None)])];
    let unadopted = ours(&[("1", Up, Job)]).applied(&flyway).unwrap_err();
    assert_eq!((unadopted.tool, unadopted.place.as_str()), (LedgerTool::Flyway, "the_ledger"));
    let adopted = ours(&[("1", Up, Baseline), ("2", Down, Job), ("3", Up, Job)]);
    // The row of the baseline may have been followed by a job's.
    assert_eq!(adopted.applied(&flyway).unwrap(), ["1", "3"]);
    assert!(!OurLedger::writes_to(&flyway));
}

#[test]
fn a_baseline_stands_beside_the_list_that_later_jobs_begin() {
    let ours = ours(&[("1", Up, Baseline), ("2", Up, Baseline), ("3", Up, Job)]);
    assert_eq!(ours.applied(&[]).unwrap(), ["1", "2"]);
    assert_eq!(ours.applied(&[list(&["3"])]).unwrap(), ["1", "2", "3"]);
    assert!(OurLedger::writes_to(&[]));
}

fn versions() -> impl Strategy<Value = BTreeSet<String>> {
    prop::collection::btree_set((0..12_u32).prop_map(|version| format!("{version:03}")), 0..8)
}

fn rows() -> impl Strategy<Value = Vec<Standing>> {
    let one = ((0..12_u32), any::<bool>(), 0..3_usize);
    prop::collection::vec(one, 0..8).prop_map(|rows| {
        let by_version: BTreeMap<u32, Standing> = rows
            .into_iter()
            .map(|(version, up, source)| {
                let direction = if up { Up } else { Down };
                (version, row(&format!("{version:03}"), direction, [Job, Baseline, Repair][source]))
            })
            .collect();
        by_version.into_values().collect()
    })
}

proptest! {
    /// Each version of either side is told of exactly where the sides differ and no person said how it stands.
    #[test]
    fn missing_and_extra_are_what_the_sides_do_not_share(standings in rows(), versions in versions()) {
        let texts: Vec<&str> = versions.iter().map(String::as_str).collect();
        let ours = OurLedger { is_adopted: true, standings: standings.clone() };
        let found = differences(&facts(ours, vec![list(&texts)]));
        let mut expected = Vec::new();
        for number in 0..12_u32 {
            let version = format!("{number:03}");
            let standing = standings.iter().find(|row| row.version == version);
            match (standing.map(|row| (row.direction, row.source)), versions.contains(&version)) {
                (Some((Up, Job)), false) => expected.push((DriftKind::Missing, version)),
                (None | Some((Down, Job)), true) => expected.push((DriftKind::Extra, version)),
                _ => {}
            }
        }
        expected.sort();
        prop_assert_eq!(found, expected);
    }

    /// Whatever differs: once a person has said how each of those versions stands, nothing does, and what they said is
    /// what counts.
    #[test]
    fn nothing_differs_once_a_person_said_how_it_stands(standings in rows(), versions in versions(), up in any::<bool>()) {
        let texts: Vec<&str> = versions.iter().map(String::as_str).collect();
        let before = OurLedger { is_adopted: true, standings: standings.clone() };
        let mut said = standings;
        let differing = differences(&facts(before, vec![list(&texts)]));
        for (_, version) in &differing {
            said.retain(|row| row.version != *version);
            said.push(row(version, if up { Up } else { Down }, Repair));
        }
        let after = OurLedger { is_adopted: true, standings: said };
        let applied = after.applied(&[list(&texts)]).unwrap();
        for (_, version) in &differing {
            prop_assert_eq!(applied.contains(version), up);
        }
        prop_assert_eq!(applied.iter().collect::<BTreeSet<_>>().len(), applied.len());
        prop_assert_eq!(differences(&facts(after, vec![list(&texts)])), vec![]);
    }

    /// Without a word of any person the target's own list decides alone, in its own order.
    #[test]
    fn the_list_decides_where_nobody_said_otherwise(standings in rows(), versions in versions()) {
        let texts: Vec<&str> = versions.iter().rev().map(String::as_str).collect();
        let jobs = standings.into_iter().filter(|row| row.source == Job).collect();
        let applied = OurLedger { is_adopted: false, standings: jobs }.applied(&[list(&texts)]).unwrap();
        prop_assert_eq!(applied, texts);
    }
}
