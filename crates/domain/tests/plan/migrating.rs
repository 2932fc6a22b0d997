//! Migrations that are applied ahead of their release.

use backout_domain::deployment::DeploymentKind;
use backout_domain::finding::Code;
use backout_domain::ids::JobId;
use backout_domain::plan::{Facts, MaintenanceFacts, Plan, build};
use uuid::Uuid;

use crate::support::{applied, blockers, facts, finding, versions};

fn names(plan: &Plan) -> Vec<&'static str> {
    plan.steps.iter().map(|step| step.spec.name()).collect()
}

fn ahead(from: Option<&str>, of: &str) -> Facts {
    let mut facts = facts(from, of);
    facts.kind = DeploymentKind::Migrate;
    facts
}

#[test]
fn migrations_run_behind_backups_and_what_runs_is_verified_and_left_alone() {
    let plan = build(&ahead(Some("v0.8.0"), "v0.8.1"));
    assert!(plan.is_runnable(), "{:?}", plan.findings);
    let names = names(&plan);
    for absent in ["stop_service", "start_service", "maintenance_on", "flush_cache", "migrate_down"] {
        assert!(!names.contains(&absent), "{names:?}");
    }
    assert_eq!(names.first(), Some(&"preflight"));
    assert_eq!(names[names.len() - 2..], ["verify", "finish"]);
    assert!(names.contains(&"backup") && names.contains(&"migrate_up"));
}

#[test]
fn what_runs_has_to_bear_the_new_schema() {
    let plan = build(&ahead(Some("v0.8.1"), "v0.8.2"));
    assert_eq!(blockers(&plan), [Code::SchemaIncompatible]);
    assert_eq!(finding(&plan, Code::SchemaIncompatible).params["head"], "20250110001");
}

#[test]
fn migrations_are_applied_up_to_the_one_that_is_named() {
    let mut facts = ahead(None, "v0.8.2");
    for store in ["main", "content"] {
        applied(&mut facts, store).clear();
    }
    facts.through = Some("20250108001".into());
    let plan = build(&facts);
    assert!(plan.is_runnable(), "{:?}", plan.findings);
    assert_eq!(versions(&plan, "main", false).last().map(String::as_str), Some("20250108001"));
    assert!(!names(&plan).contains(&"verify"), "nothing runs");
}

#[test]
fn behind_a_page_that_a_person_keeps_on_nothing_is_verified() {
    let mut facts = ahead(Some("v0.8.0"), "v0.8.1");
    facts.maintenance = Some(MaintenanceFacts { job: JobId(Uuid::from_u128(1)), steps: Vec::new() });
    let plan = build(&facts);
    assert!(plan.is_runnable(), "{:?}", plan.findings);
    assert!(!names(&plan).contains(&"verify"));
}

#[test]
fn where_all_are_applied_there_is_nothing_to_do() {
    let plan = build(&ahead(Some("v0.8.2"), "v0.8.2"));
    assert_eq!(blockers(&plan), [Code::NothingToMigrate]);
}
