//! One fact for each finding: the facts are good but for one thing, and the plan says which.

use backout_domain::deployment::SchemaMode;
use backout_domain::environment::Engine;
use backout_domain::finding::{Code, Severity};
use backout_domain::ledger::Direction;
use backout_domain::plan::{
    ContainerState, DiskAt, DroppedData, Facts, ImageState, Plan, Precondition, ScriptRefusal, build,
};
use backout_domain::rehearsal::{Phase, Verdict};
use sentence::Sentence;

use crate::support::{applied, blockers, change_migration, codes, facts, finding, migration, preconditions, versions};

const NEWEST: &str = "20250110001";

fn rollback() -> Facts {
    facts(Some("v0.8.2"), "v0.8.1")
}

/// Builds the plan, which has to have this one blocker, and gives the values of its parameters by name.
fn only_blocker(facts: &Facts, code: Code) -> Vec<(String, String)> {
    let plan = build(facts);
    assert_eq!(blockers(&plan), [code]);
    assert!(!plan.is_runnable());
    params_of(&plan, code)
}

/// The parameters of the one finding of that code, without those that every finding has.
fn params_of(plan: &Plan, code: Code) -> Vec<(String, String)> {
    let everywhere = ["application", "environment", "version"];
    let params = finding(plan, code).params.clone();
    let others = params.into_iter().filter(|(name, _)| !everywhere.contains(&name.as_str()));
    others.map(|(name, value)| (name, value.to_string())).collect()
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
    assert_eq!(found, params(&[]));
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
        image.state = ImageState::Unreachable(Sentence::verbatim("connection refused"));
    }
    facts.containers[0].state = ContainerState::Unreachable(Sentence::verbatim("connection refused"));
    let found = only_blocker(&facts, Code::HostUnreachable);
    assert_eq!(found, params(&[("host", "local"), ("reason", "connection refused")]));
}

#[test]
fn a_store_that_does_not_answer_blocks() {
    let mut facts = rollback();
    facts.stores.get_mut("main").unwrap().unreachable = Some(Sentence::verbatim("timeout"));
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
    facts.stores.get_mut("main").unwrap().applied = Err(Sentence::verbatim("no column version"));
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
fn a_migration_that_came_late_runs_only_where_a_person_accepts_it() {
    let mut facts = facts(Some("v0.8.1"), "v0.8.2");
    let late = migration("main", "20250107001", "merged_late");
    facts.target.schema.get_mut("main").unwrap().migrations.insert(2, late);
    let found = only_blocker(&facts, Code::MigrationOutOfOrder);
    assert_eq!(found, params(&[("migration", "20250107001"), ("newest", "20250108001"), ("store", "main")]));
    facts.accepted.insert(Code::MigrationOutOfOrder);
    let plan = build(&facts);
    assert!(plan.is_runnable());
    assert_eq!(versions(&plan, "main", false), ["20250107001", NEWEST]);
}

#[test]
fn a_way_back_that_failed_in_its_rehearsal_blocks_and_one_that_was_never_tried_is_a_note() {
    let failed = |phase| Verdict::Failed { phase, reason: Sentence::verbatim("no such column") };
    let with = |verdict: Option<Verdict>, mut facts: Facts| {
        change_migration(&mut facts, "main", NEWEST, |migration| match (&verdict, &mut migration.rehearsed) {
            (Some(verdict), Some(rehearsed)) => rehearsed.verdict = verdict.clone(),
            (_, rehearsed) => *rehearsed = None,
        });
        facts
    };
    for phase in [Phase::Down, Phase::UpAgain] {
        let mut facts = with(Some(failed(phase)), rollback());
        let found = only_blocker(&facts, Code::RehearsalFailed);
        let common = [("direction", "down"), ("migration", NEWEST), ("reason", "no such column"), ("store", "main")];
        assert_eq!(found, params(&common));
        facts.accepted.insert(Code::RehearsalFailed);
        assert!(build(&facts).is_runnable());
    }
    assert!(build(&with(Some(failed(Phase::Up)), rollback())).is_runnable(), "it is applied all the same");
    let forward = with(Some(failed(Phase::Up)), facts(Some("v0.8.1"), "v0.8.2"));
    assert_eq!(blockers(&build(&forward)), [Code::RehearsalFailed]);

    let untried = build(&with(None, rollback()));
    assert_eq!(params_of(&untried, Code::Unrehearsed), params(&[("migration", NEWEST), ("store", "main")]));
    assert!(untried.is_runnable());
}

#[test]
fn what_is_in_the_way_of_the_same_version_is_reported_for_each_store() {
    let mut facts = facts(None, "v0.8.2");
    for store in ["main", "content"] {
        *applied(&mut facts, store) = vec!["20250111001".into()];
    }
    let plan = build(&facts);
    let stores: Vec<String> = plan
        .findings
        .iter()
        .filter(|finding| finding.code == Code::MigrationOutOfOrder && finding.params["migration"] == NEWEST)
        .map(|finding| finding.params["store"].to_string())
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
        migration.down.refusals =
            vec![ScriptRefusal { position: "3:1".into(), reason: Sentence::verbatim("not atomic") }];
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
        migration.up.refusals =
            vec![ScriptRefusal { position: "1:1".into(), reason: Sentence::verbatim("not atomic") }];
    });
    assert_eq!(blockers(&build(&facts)), []);
}

#[test]
fn keeping_a_schema_that_the_target_does_not_run_on_blocks() {
    let mut facts = rollback();
    facts.schema_mode = SchemaMode::Keep;
    let found = only_blocker(&facts, Code::SchemaIncompatible);
    assert_eq!(found, params(&[("head", NEWEST), ("store", "main")]));
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
    change_migration(&mut facts, "main", NEWEST, |migration| migration.down.predictable = false);
    facts.spec.probes.clear();
    facts.target.config = None;
    let plan = build(&facts);
    assert!(plan.is_runnable());
    for code in [Code::ScriptNotPredictable, Code::NoProbes, Code::ConfigurationMissing] {
        finding(&plan, code);
    }
    assert!(!codes(&plan).contains(&Code::TrafficBeforeVerification), "nothing is verified without probes");
}

#[test]
fn what_is_not_understood_forbids_the_plan_until_a_person_accepts_it() {
    let mut facts = rollback();
    change_migration(&mut facts, "main", NEWEST, |migration| migration.down.unknown = vec!["2:5".into()]);
    let found = params(&[("direction", "down"), ("migration", NEWEST), ("position", "2:5"), ("store", "main")]);
    assert_eq!(only_blocker(&facts, Code::RiskUnknown), found);
    assert_eq!(build(&facts).accepted, []);

    facts.accepted.insert(Code::RiskUnknown);
    let plan = build(&facts);
    assert!(plan.is_runnable());
    assert_eq!(plan.accepted, [Code::RiskUnknown]);
    assert_eq!(finding(&plan, Code::RiskUnknown).severity, Severity::Warning);
}

#[test]
fn what_nobody_can_accept_forbids_the_plan_all_the_same() {
    let mut facts = rollback();
    facts.accepted = Code::ALL.iter().copied().collect();
    change_migration(&mut facts, "main", NEWEST, |migration| migration.intact = false);
    let plan = build(&facts);
    assert_eq!(finding(&plan, Code::ScriptTampered).severity, Severity::Blocker);
    assert_eq!(plan.accepted, []);
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

#[test]
fn every_finding_names_the_application_the_environment_and_the_target() {
    let mut facts = rollback();
    facts.images[0].state = ImageState::Absent;
    for finding in build(&facts).findings {
        let named = ["application", "environment", "version"].map(|name| finding.params[name].to_string());
        assert_eq!(named, ["cms-backend", "production", "v0.8.1"], "{:?}", finding.code);
    }
}

fn refused() -> ScriptRefusal {
    ScriptRefusal { position: "3:1".into(), reason: Sentence::verbatim("USE leaves the database") }
}

#[test]
fn a_down_whose_up_would_not_run_again_is_a_warning() {
    let mut facts = rollback();
    change_migration(&mut facts, "main", NEWEST, |migration| migration.up.refusals = vec![refused()]);
    let plan = build(&facts);
    assert_eq!(blockers(&plan), []);
    assert_eq!(finding(&plan, Code::CannotBeUndone).severity, Severity::Warning);
    let reason = "3:1: USE leaves the database";
    let expected = [("direction", "up"), ("migration", NEWEST), ("reason", reason), ("store", "main")];
    assert_eq!(params_of(&plan, Code::CannotBeUndone), params(&expected));
}

#[test]
fn an_up_whose_down_is_missing_refused_or_unforeseeable_cannot_be_undone() {
    let reason_with = |change: &dyn Fn(&mut backout_domain::plan::MigrationFacts)| {
        let mut facts = facts(Some("v0.8.1"), "v0.8.2");
        change_migration(&mut facts, "main", NEWEST, change);
        let plan = build(&facts);
        assert!(plan.is_runnable());
        let found = finding(&plan, Code::CannotBeUndone);
        assert_eq!(found.params["direction"], "down");
        found.params["reason"].to_string()
    };
    assert_eq!(reason_with(&|migration| migration.reference.down_sha256 = None), "there is none");
    assert_eq!(reason_with(&|migration| migration.down.refusals = vec![refused()]), "3:1: USE leaves the database");
    let live = reason_with(&|migration| migration.down.predictable = false);
    assert_eq!(live, "what it does depends on what the server answers");
    let unknown = reason_with(&|migration| migration.down.unknown = vec!["2:5".into()]);
    assert_eq!(unknown, "2:5: the statement is not understood");
}

#[test]
fn a_schema_changed_by_hand_blocks_migrations_on_it_and_is_a_warning_for_other_plans() {
    let mut back = rollback();
    back.stores.get_mut("main").unwrap().left_as = Some("0123456789abcdef".into());
    let found = back.stores["main"].fingerprint.as_deref().unwrap()[..12].to_owned();
    let expected = [("found", found.as_str()), ("left_as", "0123456789ab"), ("store", "main")];
    assert_eq!(only_blocker(&back, Code::SchemaDrifted), params(&expected));

    // To v0.8.0 the schema stays.
    let mut kept = facts(Some("v0.8.2"), "v0.8.0");
    kept.stores.get_mut("main").unwrap().left_as = Some("0123456789abcdef".into());
    let plan = build(&kept);
    assert!(plan.is_runnable());
    assert_eq!(finding(&plan, Code::SchemaDrifted).severity, Severity::Warning);
}

#[test]
fn on_mongodb_where_a_write_makes_a_collection_another_schema_is_a_warning() {
    let mut facts = rollback();
    facts.stores.get_mut("content").unwrap().left_as = Some("0123456789abcdef".into());
    let plan = build(&facts);
    assert!(plan.is_runnable() && !versions(&plan, "content", true).is_empty());
    assert_eq!(finding(&plan, Code::SchemaDrifted).severity, Severity::Warning);
}

#[test]
fn a_schema_as_backout_left_it_is_no_finding() {
    let mut facts = rollback();
    for store in facts.stores.values_mut() {
        store.left_as.clone_from(&store.fingerprint);
    }
    assert!(!codes(&build(&facts)).contains(&Code::SchemaDrifted));
}

#[test]
fn too_little_space_is_told_with_figures() {
    const GIB: u64 = 1024 * 1024 * 1024;
    let mut facts = rollback();
    let store = facts.stores.get_mut("main").unwrap();
    store.sizes = [("users".to_owned(), 2 * GIB), ("audit_log".to_owned(), 6 * GIB)].into();
    facts.disks.servers.insert("main".into(), GIB);
    let expected = [("available", "1.0 GiB"), ("needed", "2.0 GiB"), ("place", "the server of main")];
    assert_eq!(only_blocker(&facts, Code::DiskLow), params(&expected));
    let server = DiskAt::Server { store: "main".into(), copied: vec!["users".into()] };
    assert!(preconditions(&build(&facts)).contains(&Precondition::Disk { disk: server }));

    facts.disks.servers.clear();
    facts.disks.backups = Some(4 * GIB);
    let plan = build(&facts);
    assert_eq!(finding(&plan, Code::DiskLow).severity, Severity::Warning, "the worker may be elsewhere");
    assert_eq!(finding(&plan, Code::DiskLow).params["needed"], "4.0 GiB");
    facts.disks.backups = Some(5 * GIB);
    assert!(!codes(&build(&facts)).contains(&Code::DiskLow));

    facts.disks.hosts.insert("local".into(), 1024);
    assert_eq!(only_blocker(&facts, Code::DiskLow)[2].1, "host local");
}

#[test]
fn space_is_estimated_and_no_part_of_what_is_approved() {
    let mut facts = rollback();
    let digest = build(&facts).digest;
    facts.stores.get_mut("main").unwrap().sizes.insert("users".into(), 12_345);
    facts.disks.backups = Some(1 << 40);
    assert_eq!(build(&facts).digest, digest);
}

#[test]
fn data_that_was_dropped_is_missed_by_the_migration_that_would_have_brought_it_back() {
    let gone = |direction| DroppedData {
        migration: NEWEST.into(),
        direction,
        object: "column users.two_factor_secret".into(),
    };
    let mut forward = facts(Some("v0.8.1"), "v0.8.2");
    forward.stores.get_mut("main").unwrap().dropped = vec![gone(Direction::Up)];
    let found = params_of(&build(&forward), Code::DataDropped);
    let expected = [("migration", NEWEST), ("objects", "column users.two_factor_secret"), ("store", "main")];
    assert_eq!(found, params(&expected));

    let mut back = rollback();
    back.stores.get_mut("main").unwrap().dropped = vec![gone(Direction::Up)];
    assert!(!codes(&build(&back)).contains(&Code::DataDropped), "it would have come back with the up");
}
