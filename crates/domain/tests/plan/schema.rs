//! Which migrations run, which way, and whether a window is needed for them.

use backout_domain::deployment::{DeploymentKind, SchemaMode};
use backout_domain::finding::Code;
use backout_domain::plan::{Facts, SchemaVerdict, build};

use crate::support::{
    all_of, applied, blockers, change_migration, codes, facts, finding, image_id, migration, release, runs, schema,
    versions,
};

#[test]
fn downs_run_in_all_stores_where_the_target_cannot_bear_one_of_them() {
    // v0.8.1 would run on the newer `content`, but not on the newer `main`.
    let plan = build(&facts(Some("v0.8.2"), "v0.8.1"));
    assert_eq!(versions(&plan, "main", true), ["20250110001"]);
    assert_eq!(versions(&plan, "content", true), ["20250110001", "20250109001"]);
}

#[test]
fn downs_run_where_they_are_asked_for_though_the_target_bears_the_schema() {
    let mut facts = facts(Some("v0.8.2"), "v0.8.0");
    assert!(versions(&build(&facts), "main", true).is_empty());
    facts.schema_mode = SchemaMode::Down;
    let plan = build(&facts);
    assert_eq!(versions(&plan, "main", true), ["20250110001", "20250108001"]);
    finding(&plan, Code::MaintenanceWindow);
}

#[test]
fn a_store_that_is_behind_does_not_send_another_one_back() {
    // `content` is newer than the target and the target bears it; `main` lacks a migration that the target needs.
    let mut facts = facts(Some("v0.8.1"), "v0.8.2");
    facts.target.schema.get_mut("content").unwrap().migrations.truncate(1);
    *applied(&mut facts, "content") = vec!["20250109001".into(), "20250110001".into()];
    let plan = build(&facts);
    assert_eq!(blockers(&plan), []);
    assert_eq!(versions(&plan, "main", false), ["20250110001"]);
    assert!(versions(&plan, "content", true).is_empty());
    assert_eq!(finding(&plan, Code::SchemaKept).params["store"], "content");
}

#[test]
fn what_was_there_before_the_targets_first_migration_stays() {
    let mut facts = facts(Some("v0.8.2"), "v0.8.1");
    applied(&mut facts, "main").insert(0, "20250103001".into());
    let plan = build(&facts);
    assert_eq!(blockers(&plan), []);
    assert_eq!(versions(&plan, "main", true), ["20250110001"]);
}

#[test]
fn what_was_there_before_any_registered_migration_stays_where_the_target_has_none() {
    let mut facts = facts(Some("v0.8.2"), "v0.8.1");
    applied(&mut facts, "content").insert(0, "20250107001".into());
    let plan = build(&facts);
    assert_eq!(blockers(&plan), []);
    assert_eq!(versions(&plan, "content", true), ["20250110001", "20250109001"]);
}

#[test]
fn a_store_whose_migrations_nobody_registered_is_left_alone() {
    let mut facts = facts(Some("v0.8.1"), "v0.8.0");
    facts.schema_mode = SchemaMode::Down;
    let store = facts.stores.get_mut("content").unwrap();
    store.known.clear();
    store.applied = Ok(vec!["20250107001".into()]);
    let plan = build(&facts);
    assert_eq!(blockers(&plan), []);
    assert!(versions(&plan, "content", true).is_empty());
}

#[test]
fn a_migration_between_the_targets_own_is_no_hole_while_the_schema_is_kept() {
    let mut facts = facts(Some("v0.8.2"), "v0.8.0");
    facts.target = release("v0.8.0");
    facts.target.schema.insert(
        "main".into(),
        schema(
            backout_domain::environment::Engine::MariaDb,
            (None, None),
            &[all_of("main")[0].clone(), all_of("main")[2].clone()],
        ),
    );
    let plan = build(&facts);
    assert_eq!(blockers(&plan), []);
    finding(&plan, Code::TrafficBeforeVerification);
    assert!(versions(&plan, "main", true).is_empty());
}

#[test]
fn downs_come_before_the_ups_of_the_same_store() {
    let mut facts = facts(Some("v0.8.2"), "v0.8.1");
    let other = migration("main", "20250112001", "hotfix");
    facts.target.schema.get_mut("main").unwrap().migrations.push(other);
    facts.target.schema.get_mut("main").unwrap().runs_on.max = Some("20250112001".into());
    facts.schema_mode = SchemaMode::Down;
    let plan = build(&facts);
    assert_eq!(blockers(&plan), []);
    let step =
        |name: &str| plan.steps.iter().find(|step| step.spec.name() == name && step.spec.subject().starts_with("main"));
    let (down, up) = (step("migrate_down").unwrap(), step("migrate_up").unwrap());
    assert!(up.depends_on.contains(&down.id), "{:?}", up.depends_on);
}

#[test]
fn the_scripts_of_the_release_that_applied_a_migration_take_it_back() {
    let mut facts = facts(Some("v0.8.2"), "v0.8.1");
    // Another release registered other bytes under the same version.
    let known = facts.stores.get_mut("main").unwrap().known.get_mut("20250110001").unwrap();
    known.reference.down_sha256 = Some("of another release".into());
    let plan = build(&facts);
    let downs: Vec<_> =
        plan.steps.iter().filter_map(crate::support::moved).filter(|(store, ..)| *store == "main").collect();
    assert_eq!(downs[0].2[0], all_of("main")[2].reference);
}

#[test]
fn what_a_failed_first_deployment_left_running_is_stopped_before_downs() {
    let mut facts = facts(None, "v0.8.1");
    *applied(&mut facts, "main") = all_of("main").iter().map(|known| known.reference.version.clone()).collect();
    assert!(!codes(&build(&facts)).contains(&Code::MaintenanceWindow), "nothing serves");
    facts.containers[0].state = runs(&image_id("cms-backend:v0.8.2"), true);
    let plan = build(&facts);
    assert_eq!(blockers(&plan), []);
    finding(&plan, Code::MaintenanceWindow);
}

#[test]
fn expected_duration_is_known_only_when_every_step_ran_before() {
    let mut facts = facts(None, "v0.8.0");
    for name in ["preflight", "backup", "migrate_up", "flush_cache", "start_service", "check_health", "verify"] {
        facts.durations.insert(name.into(), 100);
    }
    assert_eq!(build(&facts).expected_ms, None);
    facts.durations.insert("finish".into(), 11);
    assert_eq!(build(&facts).expected_ms, Some(711));
}

/// v0.8.1 does not know `content`, which v0.8.2 brought.
fn target_without_content() -> backout_domain::plan::Facts {
    let mut facts = facts(Some("v0.8.2"), "v0.8.1");
    facts.target.schema.remove("content");
    facts
}

#[test]
fn a_store_that_only_the_current_release_uses_goes_back_with_the_others() {
    let plan = build(&target_without_content());
    assert_eq!(blockers(&plan), []);
    assert_eq!(versions(&plan, "main", true), ["20250110001"]);
    assert_eq!(versions(&plan, "content", true), ["20250110001", "20250109001"]);
}

#[test]
fn a_store_that_only_the_current_release_uses_stays_where_the_target_bears_all_schemas() {
    let mut facts = facts(Some("v0.8.2"), "v0.8.0");
    facts.target.schema.remove("content");
    let plan = build(&facts);
    assert_eq!(blockers(&plan), []);
    assert!(versions(&plan, "content", true).is_empty());
    let unused = finding(&plan, Code::StoreUnused);
    assert_eq!(
        (unused.params["store"].to_string().as_str(), unused.params["head"].to_string().as_str()),
        ("content", "20250110001")
    );
    assert_eq!(finding(&plan, Code::SchemaKept).params["store"], "main");
}

#[test]
fn a_store_that_is_gone_and_that_the_target_does_not_use_is_a_warning() {
    let mut facts = target_without_content();
    facts.stores.remove("content");
    let plan = build(&facts);
    assert_eq!(blockers(&plan), []);
    assert_eq!(finding(&plan, Code::StoreUnknown).params["store"], "content");
}

#[test]
fn the_scripts_that_our_ledger_names_take_a_migration_back() {
    let mut facts = facts(Some("v0.8.2"), "v0.8.1");
    // Deployed, then edited under its version and registered again with another release, which runs now.
    let mut applied = migration("main", "20250110001", "add_2fa_columns");
    applied.reference.id = backout_domain::ids::MigrationId(uuid::Uuid::from_u128(7));
    applied.reference.down_sha256 = Some("of the applied one".into());
    let reference = applied.reference.clone();
    facts.stores.get_mut("main").unwrap().recorded.insert("20250110001".into(), applied);
    let plan = build(&facts);
    assert_eq!(blockers(&plan), []);
    let downs: Vec<_> =
        plan.steps.iter().filter_map(crate::support::moved).filter(|(store, ..)| *store == "main").collect();
    assert_eq!(downs[0].2, [reference]);
    let found = finding(&plan, Code::AppliedScriptUsed);
    assert_eq!(
        (found.params["migration"].to_string().as_str(), found.params["release"].to_string().as_str()),
        ("20250110001", "v0.8.2")
    );
}

#[test]
fn what_stays_applied_has_to_have_the_bytes_that_our_ledger_names() {
    let mut facts = facts(Some("v0.8.1"), "v0.8.2");
    let mut applied = migration("main", "20250108001", "add_audit_log");
    applied.reference.up_sha256 = "of what was applied".into();
    facts.stores.get_mut("main").unwrap().recorded.insert("20250108001".into(), applied);
    let plan = build(&facts);
    assert_eq!(blockers(&plan), [Code::MigrationEdited]);
    assert_eq!(finding(&plan, Code::MigrationEdited).params["migration"], "20250108001");

    // Taken back before, it will run with the target's bytes.
    let ledger = crate::support::applied(&mut facts, "main");
    ledger.retain(|version| version != "20250108001");
    assert_eq!(blockers(&build(&facts)), []);
}

#[test]
fn the_verdict_says_what_going_there_costs() {
    let verdict = |facts: &Facts| build(facts).verdict;
    assert_eq!(verdict(&facts(Some("v0.8.2"), "v0.8.1")), Some(SchemaVerdict::NeedsDown));
    assert_eq!(verdict(&facts(Some("v0.8.1"), "v0.8.2")), Some(SchemaVerdict::NeedsUp));

    let mut kept = facts(Some("v0.8.2"), "v0.8.1");
    for schema in kept.target.schema.values_mut() {
        schema.runs_on.max = None;
    }
    assert_eq!(verdict(&kept), Some(SchemaVerdict::RunsOnNewer));

    let mut lost = facts(Some("v0.8.2"), "v0.8.1");
    change_migration(&mut lost, "main", "20250110001", |migration| migration.reference.down_sha256 = None);
    assert_eq!(verdict(&lost), Some(SchemaVerdict::Irreversible));

    let mut closed = facts(Some("v0.8.2"), "v0.8.2");
    closed.kind = DeploymentKind::MaintenanceOn;
    assert_eq!(verdict(&closed), None);
}
