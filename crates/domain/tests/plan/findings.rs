//! One fact for each finding: the facts are good but for one thing, and the plan says which.

use backout_domain::deployment::SchemaMode;
use backout_domain::environment::Engine;
use backout_domain::finding::Code;
use backout_domain::plan::{ContainerState, Facts, ImageState, ScriptRefusal, build};

use crate::support::{applied, blockers, change_migration, codes, facts, finding, migration};

const NEWEST: &str = "20250110001";

fn rollback() -> Facts {
    facts(Some("v0.8.2"), "v0.8.1")
}

/// Builds the plan, which has to have this one blocker, and gives the values of its parameters by name.
fn only_blocker(facts: &Facts, code: Code) -> Vec<(String, String)> {
    let plan = build(facts);
    assert_eq!(blockers(&plan), [code]);
    assert!(!plan.is_runnable());
    finding(&plan, code).params.clone().into_iter().collect()
}

fn params(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn good_facts_have_no_blocker() {
    for (from, to) in [
        (None, "v0.8.0"),
        (Some("v0.8.0"), "v0.8.1"),
        (Some("v0.8.1"), "v0.8.2"),
        (Some("v0.8.2"), "v0.8.1"),
        (Some("v0.8.2"), "v0.8.0"),
    ] {
        assert!(build(&facts(from, to)).is_runnable(), "{from:?} to {to}");
    }
}

#[test]
fn the_current_release_is_no_target() {
    let found = only_blocker(&facts(Some("v0.8.1"), "v0.8.1"), Code::ReleaseIsCurrent);
    assert_eq!(found, params(&[("version", "v0.8.1")]));
}

#[test]
fn a_missing_image_blocks() {
    let mut facts = rollback();
    facts.images[0].state = ImageState::Absent;
    let found = only_blocker(&facts, Code::ImageMissing);
    assert_eq!(found, params(&[("host", "local"), ("image", "cms-backend:v0.8.1")]));
}

#[test]
fn a_tag_that_names_another_image_than_before_blocks() {
    let mut facts = rollback();
    facts.images[0].known_id = Some("sha256:before".into());
    only_blocker(&facts, Code::ImageChanged);
}

#[test]
fn a_service_without_image_blocks() {
    let mut facts = rollback();
    facts.target.images.clear();
    only_blocker(&facts, Code::ImageUnnamed);
}

#[test]
fn the_image_of_the_maintenance_page_is_needed_only_for_a_window() {
    let mut with_window = rollback();
    with_window.images[1].state = ImageState::Absent;
    only_blocker(&with_window, Code::MaintenanceImageMissing);

    let mut without = facts(Some("v0.8.0"), "v0.8.1");
    without.images[1].state = ImageState::Absent;
    assert_eq!(blockers(&build(&without)), []);
}

#[test]
fn a_host_that_does_not_answer_is_reported_once() {
    let mut facts = rollback();
    for image in &mut facts.images {
        image.state = ImageState::Unreachable("connection refused".into());
    }
    facts.containers[0].state = ContainerState::Unreachable("connection refused".into());
    let found = only_blocker(&facts, Code::HostUnreachable);
    assert_eq!(found, params(&[("host", "local"), ("reason", "connection refused")]));
}

#[test]
fn a_container_that_is_not_ours_blocks_the_first_deployment_and_is_drift_later() {
    let foreign = ContainerState::Present { image_id: "sha256:other".into(), ours: false };
    let mut first = facts(None, "v0.8.0");
    first.containers[0].state = foreign.clone();
    only_blocker(&first, Code::ContainerForeign);

    let mut later = rollback();
    later.containers[0].state = foreign;
    let plan = build(&later);
    assert!(plan.is_runnable());
    finding(&plan, Code::ContainerDrifted);
}

#[test]
fn a_container_that_is_gone_is_created_again() {
    let mut facts = rollback();
    facts.containers[0].state = ContainerState::Absent;
    let plan = build(&facts);
    assert!(plan.is_runnable());
    finding(&plan, Code::ContainerMissing);
    let names: Vec<&str> = plan.steps.iter().map(|step| step.spec.name()).collect();
    assert!(!names.contains(&"stop_service") && names.contains(&"start_service"), "{names:?}");
}

#[test]
fn a_store_that_does_not_answer_blocks() {
    let mut facts = rollback();
    facts.stores.get_mut("main").unwrap().unreachable = Some("timeout".into());
    let found = only_blocker(&facts, Code::StoreUnreachable);
    assert_eq!(found, params(&[("reason", "timeout"), ("store", "main")]));
}

#[test]
fn a_store_that_the_environment_has_not_blocks() {
    let mut facts = rollback();
    facts.stores.remove("content");
    let found = only_blocker(&facts, Code::StoreUnknown);
    assert_eq!(found, params(&[("engine", "mongodb"), ("store", "content")]));
}

#[test]
fn a_store_of_another_kind_is_not_the_one_the_release_means() {
    let mut facts = rollback();
    facts.stores.get_mut("content").unwrap().engine = Engine::MariaDb;
    facts.target.requires.clear();
    only_blocker(&facts, Code::StoreUnknown);
}

#[test]
fn a_ledger_that_cannot_be_read_blocks() {
    let mut facts = rollback();
    facts.stores.get_mut("main").unwrap().applied = Err("no column version".into());
    let found = only_blocker(&facts, Code::LedgerUnreadable);
    assert_eq!(found, params(&[("reason", "no column version"), ("store", "main")]));
}

#[test]
fn a_migration_without_down_script_is_not_taken_back() {
    let mut facts = rollback();
    change_migration(&mut facts, "main", NEWEST, |migration| migration.reference.down_sha256 = None);
    let found = only_blocker(&facts, Code::DownScriptMissing);
    assert_eq!(found, params(&[("migration", NEWEST), ("store", "main")]));
}

#[test]
fn a_script_with_other_bytes_than_registered_blocks() {
    let mut facts = rollback();
    change_migration(&mut facts, "main", NEWEST, |migration| migration.intact = false);
    let found = only_blocker(&facts, Code::ScriptTampered);
    assert_eq!(found, params(&[("migration", NEWEST), ("store", "main")]));
}

#[test]
fn a_migration_missing_from_the_ledger_is_a_hole() {
    let mut facts = facts(Some("v0.8.1"), "v0.8.2");
    applied(&mut facts, "main").retain(|version| version != "20250105001");
    let found = only_blocker(&facts, Code::MigrationHole);
    assert_eq!(found, params(&[("migration", "20250105001"), ("store", "main")]));
}

#[test]
fn a_hole_at_the_same_version_is_reported_for_each_store() {
    let mut facts = facts(None, "v0.8.2");
    for store in ["main", "content"] {
        *applied(&mut facts, store) = vec!["20250111001".into()];
    }
    let plan = build(&facts);
    let stores: Vec<&str> = plan
        .findings
        .iter()
        .filter(|finding| finding.code == Code::MigrationHole && finding.params["migration"] == NEWEST)
        .map(|finding| finding.params["store"].as_str())
        .collect();
    assert_eq!(stores, ["content", "main"]);
}

#[test]
fn a_migration_that_would_be_pulled_out_from_under_another_is_a_hole() {
    let mut facts = rollback();
    let between = migration("main", "20250106001", "merged_late");
    applied(&mut facts, "main").insert(1, between.reference.version.clone());
    facts.stores.get_mut("main").unwrap().known.insert(between.reference.version.clone(), between);
    let found = only_blocker(&facts, Code::MigrationHole);
    assert_eq!(found, params(&[("migration", "20250106001"), ("store", "main")]));
}

#[test]
fn a_migration_that_no_release_knows_is_not_taken_back() {
    let mut facts = rollback();
    facts.schema_mode = SchemaMode::Down;
    facts.target.schema.get_mut("main").unwrap().runs_on.max = None;
    applied(&mut facts, "main").push("20250111001".into());
    let found = only_blocker(&facts, Code::MigrationUnknown);
    assert_eq!(found, params(&[("migration", "20250111001"), ("store", "main")]));
}

#[test]
fn a_migration_that_differs_between_the_releases_blocks() {
    let mut facts = rollback();
    facts.target.schema.get_mut("main").unwrap().migrations[0].reference.up_sha256 = "other".into();
    let found = only_blocker(&facts, Code::MigrationEdited);
    assert_eq!(found, params(&[("migration", "20250105001"), ("store", "main")]));
}

#[test]
fn a_refused_statement_blocks_with_its_position_and_reason() {
    let mut facts = rollback();
    change_migration(&mut facts, "main", NEWEST, |migration| {
        migration.down.refusals = vec![ScriptRefusal { position: "3:1".into(), reason: "not atomic".into() }];
    });
    let found = only_blocker(&facts, Code::StatementRefused);
    let expected = [
        ("direction", "down"),
        ("migration", NEWEST),
        ("position", "3:1"),
        ("reason", "not atomic"),
        ("store", "main"),
    ];
    assert_eq!(found, params(&expected));
}

#[test]
fn a_statement_refused_in_the_other_direction_is_of_no_matter() {
    let mut facts = rollback();
    change_migration(&mut facts, "main", NEWEST, |migration| {
        migration.up.refusals = vec![ScriptRefusal { position: "1:1".into(), reason: "not atomic".into() }];
    });
    assert_eq!(blockers(&build(&facts)), []);
}

#[test]
fn keeping_a_schema_that_the_target_does_not_run_on_blocks() {
    let mut facts = rollback();
    facts.schema_mode = SchemaMode::Keep;
    let found = only_blocker(&facts, Code::SchemaIncompatible);
    assert_eq!(found, params(&[("head", NEWEST), ("store", "main"), ("version", "v0.8.1")]));
    let kept = build(&facts);
    assert_eq!(finding(&kept, Code::SchemaKept).params["store"], "content", "only there the target runs on it");
}

#[test]
fn a_server_that_is_too_old_blocks() {
    let mut facts = rollback();
    facts.stores.get_mut("main").unwrap().version = Some("10.5.23-MariaDB".into());
    let found = only_blocker(&facts, Code::RequirementNotMet);
    assert_eq!(found, params(&[("reported", "10.5.23-MariaDB"), ("requirement", ">=10.6"), ("store", "main")]));
}

#[test]
fn a_server_that_does_not_tell_its_version_is_a_warning() {
    let mut facts = rollback();
    facts.stores.get_mut("main").unwrap().version = None;
    let plan = build(&facts);
    assert!(plan.is_runnable());
    assert_eq!(finding(&plan, Code::RequirementUnknown).params["store"], "main");
}

#[test]
fn what_cannot_be_foretold_is_a_warning() {
    let mut facts = rollback();
    change_migration(&mut facts, "main", NEWEST, |migration| {
        migration.down.predictable = false;
        migration.down.unknown = vec!["2:5".into()];
    });
    facts.spec.probes.clear();
    facts.target.config = None;
    let plan = build(&facts);
    assert!(plan.is_runnable());
    assert_eq!(finding(&plan, Code::RiskUnknown).params["position"], "2:5");
    for code in [Code::ScriptNotPredictable, Code::NoProbes, Code::ConfigurationMissing] {
        finding(&plan, code);
    }
    assert!(!codes(&plan).contains(&Code::TrafficBeforeVerification), "nothing is verified without probes");
}

#[test]
fn data_is_said_to_be_put_aside_on_the_way_back_and_to_return_on_the_way_forward() {
    let columns = "column users.two_factor_enabled, column users.two_factor_secret";
    let back = build(&rollback());
    assert_eq!(finding(&back, Code::DataPreserved).params["objects"], columns);

    let mut forward = facts(Some("v0.8.1"), "v0.8.2");
    let kept = columns.split(", ").map(str::to_owned).collect();
    forward.stores.get_mut("main").unwrap().kept.insert(NEWEST.into(), kept);
    assert_eq!(finding(&build(&forward), Code::DataRestored).params["objects"], columns);
}

#[test]
fn blockers_come_before_warnings_and_warnings_before_notes() {
    let mut facts = rollback();
    facts.images[0].state = ImageState::Absent;
    let severities: Vec<_> = build(&facts).findings.iter().map(|finding| finding.severity).collect();
    assert!(severities.is_sorted() && severities.first() < severities.last(), "{severities:?}");
}
