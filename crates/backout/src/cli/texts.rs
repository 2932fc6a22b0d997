//! The sentences of the command line: none is missing, and none is left over.

use std::collections::BTreeSet;
use std::path::Path;

use domain::deployment::{DeploymentKind, DeploymentResult};
use domain::ledger::{DriftKind, LedgerSource};
use domain::plan::SchemaVerdict;
use domain::rehearsal::{RehearsalState, StatementClass};
use domain::version::VersionKind;
use domain::view::KeptState;

/// Keys whose end is a word of the domain.
fn made_of_words() -> Vec<String> {
    let kinds =
        ["deploy", "rollback", "maintenance_on", "maintenance_off", "migrate", "backup", "restore"].map(|word| {
            assert!(DeploymentKind::from_word(word).is_some(), "{word}");
            word
        });
    let results = [DeploymentResult::Running, DeploymentResult::Succeeded, DeploymentResult::Failed];
    let versions = [VersionKind::Major, VersionKind::Minor, VersionKind::Patch, VersionKind::Prerelease];
    let drifts = [
        DriftKind::Missing,
        DriftKind::Extra,
        DriftKind::Edited,
        DriftKind::SchemaChanged,
        DriftKind::Unfinished,
        DriftKind::Locked,
        DriftKind::SeveralHeads,
        DriftKind::Unverifiable,
    ];
    let corrections = [LedgerSource::Baseline, LedgerSource::Repair];
    let rehearsals = [
        RehearsalState::Queued,
        RehearsalState::Running,
        RehearsalState::Passed,
        RehearsalState::Failed,
        RehearsalState::Skipped,
    ];
    let kept = [KeptState::Kept, KeptState::Restored, KeptState::Dropping, KeptState::Dropped];
    let verdicts = [
        SchemaVerdict::SameSchema,
        SchemaVerdict::RunsOnNewer,
        SchemaVerdict::NeedsUp,
        SchemaVerdict::NeedsDown,
        SchemaVerdict::Irreversible,
    ];
    let classes = [StatementClass::Instant, StatementClass::NoCopy, StatementClass::InPlace, StatementClass::Copy];
    let of_kinds = kinds.iter().flat_map(|kind| ["kind", "plan", "done"].map(|family| format!("{family}-{kind}")));
    of_kinds
        .chain(results.iter().map(|result| format!("result-{}", result.as_str())))
        .chain(versions.iter().map(|kind| format!("kind-{}", kind.as_str())))
        .chain(drifts.iter().map(|kind| format!("drift-{}", kind.as_str().replace('_', "-"))))
        .chain(kept.iter().map(|state| format!("kept-{}", state.as_str())))
        .chain(rehearsals.iter().map(|state| format!("rehearsal-{}", state.as_str())))
        .chain(verdicts.iter().map(|verdict| format!("verdict-{}", verdict.as_str())))
        .chain(classes.iter().map(|class| format!("class-{}", class.as_str())))
        .chain(corrections.iter().map(|source| format!("drift-last-{}", source.as_str())))
        .chain(["image", "config", "schema", "code"].map(|layer| format!("layer-{layer}")))
        .collect()
}

fn sources(folder: &Path, all: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, all);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("texts.rs") {
            all.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// The texts in quotes on a line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('"').skip(1).step_by(2)
}

#[test]
fn every_sentence_that_is_said_exists_and_every_one_that_exists_is_said() {
    let mut code = String::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli"), &mut code);
    let mut said: BTreeSet<String> = made_of_words().into_iter().collect();
    // An array of headings may go on behind the line that names it.
    let mut in_headings = false;
    for line in code.lines() {
        in_headings |= line.contains("headings =");
        let keys = quoted(line).filter_map(|text| text.strip_prefix("cli.")).filter(|key| !key.contains(['{', ' ']));
        said.extend(keys.map(str::to_owned));
        if in_headings || line.contains("table(") {
            said.extend(quoted(line).map(|heading| format!("column-{heading}")));
        }
        in_headings &= !line.contains("];");
    }
    said.remove("toml");
    let there: BTreeSet<String> = include_str!("../../../i18n/locales/en.yml")
        .lines()
        .skip_while(|line| *line != "cli:")
        .skip(1)
        .take_while(|line| line.starts_with(' '))
        .filter_map(|line| Some(line.trim().split_once(':')?.0.to_owned()))
        .collect();
    assert_eq!(said.difference(&there).collect::<Vec<_>>(), Vec::<&String>::new(), "missing");
    assert_eq!(there.difference(&said).collect::<Vec<_>>(), Vec::<&String>::new(), "left over");
}
