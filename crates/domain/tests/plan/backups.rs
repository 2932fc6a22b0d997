//! Backups on demand.

use backout_domain::deployment::DeploymentKind;
use backout_domain::finding::Code;
use backout_domain::plan::{ContainerState, Facts, Precondition, StepSpec, build};
use sentence::Sentence;

use crate::support::{blockers, facts, preconditions};

fn backing_up(stores: &[&str]) -> Facts {
    let mut facts = facts(Some("v0.8.1"), "v0.8.1");
    facts.kind = DeploymentKind::Backup;
    facts.backups_of = stores.iter().map(|store| (*store).to_owned()).collect();
    facts
}

#[test]
fn data_stores_are_backed_up_side_by_side_and_anew() {
    let plan = build(&backing_up(&["content", "main"]));
    let backups: Vec<(&str, bool, &[u32])> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.spec {
            StepSpec::Backup { store, anew, .. } => Some((store.as_str(), *anew, step.depends_on.as_slice())),
            _ => None,
        })
        .collect();
    assert_eq!(backups, [("content", true, &[0][..]), ("main", true, &[0][..])]);
    assert_eq!((plan.steps.len(), plan.step(plan.pivot).unwrap().depends_on.as_slice()), (4, &[0, 1, 2][..]));
}

#[test]
fn what_does_not_take_part_in_a_backup_cannot_keep_it_from_being_made() {
    let mut facts = backing_up(&["main"]);
    facts.containers[0].state = ContainerState::Unreachable(Sentence::verbatim("away"));
    facts.stores.get_mut("content").unwrap().unreachable = Some(Sentence::verbatim("away"));
    let plan = build(&facts);
    assert!(plan.is_runnable(), "{:?}", plan.findings);
    let asked: Vec<&Precondition> = preconditions(&plan).iter().collect();
    assert!(
        matches!(asked[..], [Precondition::Database { store, .. }, Precondition::Disk { .. }] if store == "main"),
        "{asked:?}"
    );

    facts.stores.get_mut("main").unwrap().unreachable = Some(Sentence::verbatim("away"));
    assert_eq!(blockers(&build(&facts)), [Code::StoreUnreachable]);
}
