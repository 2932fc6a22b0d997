//! What holds for every plan, whatever the facts.

use std::collections::BTreeSet;

use backout_domain::deployment::SchemaMode;
use backout_domain::finding::{Code, Severity};
use backout_domain::ids::DeploymentId;
use backout_domain::ledger::Direction;
use backout_domain::plan::{ContainerState, Facts, ImageState, PageAt, Plan, Precondition, ServiceAt, StepSpec, build};
use proptest::prelude::*;
use proptest::sample::Index;
use uuid::Uuid;

use crate::support::generate::{STORES, any_facts};
use crate::support::{blockers, change_migration, codes, gateway, moved, preconditions, runs};

/// For every step, all steps that have to have finished before it.
fn ancestors(plan: &Plan) -> Vec<BTreeSet<u32>> {
    let mut all: Vec<BTreeSet<u32>> = Vec::new();
    for step in &plan.steps {
        let mut before: BTreeSet<u32> = step.depends_on.iter().copied().collect();
        for parent in &step.depends_on {
            before.extend(&all[*parent as usize]);
        }
        all.push(before);
    }
    all
}

fn ids_where(plan: &Plan, wanted: impl Fn(&StepSpec) -> bool) -> Vec<u32> {
    plan.steps.iter().filter(|step| wanted(&step.spec)).map(|step| step.id).collect()
}

fn is_migration(spec: &StepSpec) -> bool {
    matches!(spec, StepSpec::MigrateDown { .. } | StepSpec::MigrateUp { .. })
}

fn same_place(spec: &StepSpec, name: &str, place: &ServiceAt) -> bool {
    match spec {
        StepSpec::StopService { at }
        | StepSpec::MaintenanceOn { page: PageAt::Container { at, .. } }
        | StepSpec::MaintenanceOff { page: PageAt::Container { at, .. } }
        | StepSpec::StartService { at, .. } => spec.name() == name && at == place,
        _ => false,
    }
}

fn ledger_of<'a>(facts: &'a Facts, store: &str) -> &'a [String] {
    facts.stores[store].applied.as_ref().unwrap()
}

#[test]
fn most_generated_facts_lead_to_runnable_plans_of_every_kind() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let (mut runnable, mut windows, mut online, mut downs) = (0, 0, 0, 0);
    for _ in 0..400 {
        let plan = build(&any_facts().new_tree(&mut runner).unwrap().current());
        if plan.is_runnable() {
            runnable += 1;
            let window = codes(&plan).contains(&Code::MaintenanceWindow);
            windows += usize::from(window);
            online += usize::from(!window && plan.steps.iter().any(|step| is_migration(&step.spec)));
            downs += usize::from(plan.steps.iter().any(|step| matches!(step.spec, StepSpec::MigrateDown { .. })));
        }
    }
    assert!(
        runnable > 40 && windows > 15 && online > 5 && downs > 15,
        "the properties below would say little: {runnable} runnable, {windows} windows, {online} online, {downs} downs"
    );
}

proptest! {
    // Integration tests have no place of their own for regressions; a failure prints its smallest facts.
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn steps_are_numbered_in_an_order_that_respects_their_dependencies(facts in any_facts()) {
        let plan = build(&facts);
        for (index, step) in plan.steps.iter().enumerate() {
            prop_assert_eq!(step.id as usize, index);
            prop_assert!(step.depends_on.iter().all(|before| *before < step.id));
            prop_assert!(step.depends_on.is_sorted_by(|a, b| a < b), "{:?}", step.depends_on);
        }
    }

    #[test]
    fn everything_is_done_before_the_pivot_and_only_the_clean_up_after_it(facts in any_facts()) {
        let plan = build(&facts);
        let before = ancestors(&plan);
        prop_assert_eq!(before[plan.pivot as usize].len(), plan.pivot as usize);
        prop_assert_eq!(plan.steps.len(), plan.pivot as usize + 2);
        prop_assert_eq!(plan.steps[plan.pivot as usize].spec.name(), "verify");
        prop_assert_eq!(plan.steps[plan.pivot as usize + 1].spec.name(), "finish");
    }

    #[test]
    fn no_state_of_a_deployed_container_blocks_a_plan_or_changes_its_steps(facts in any_facts()) {
        prop_assume!(facts.current.is_some());
        let mut as_left = facts.clone();
        for container in &mut as_left.containers {
            if let ContainerState::Present { image_id, .. } = &container.state {
                container.state = runs(image_id, true);
            }
        }
        let (found, left) = (build(&facts), build(&as_left));
        prop_assert_eq!(blockers(&found), blockers(&left));
        prop_assert_eq!(found.digest, left.digest);
    }

    #[test]
    fn every_migration_comes_after_preflight_and_a_backup_of_its_store(facts in any_facts()) {
        let plan = build(&facts);
        let before = ancestors(&plan);
        for step in &plan.steps {
            if let Some((store, ..)) = moved(step) {
                let backups = ids_where(&plan, |spec| matches!(spec, StepSpec::Backup { store: of, .. } if of == store));
                prop_assert_eq!(backups.len(), 1);
                prop_assert!(before[step.id as usize].contains(&backups[0]));
            }
            prop_assert!(step.id == 0 || before[step.id as usize].contains(&0), "preflight comes first");
        }
        prop_assert_eq!(plan.steps[0].spec.name(), "preflight");
    }

    #[test]
    fn no_target_starts_before_its_schema_is_there(facts in any_facts()) {
        let plan = build(&facts);
        let before = ancestors(&plan);
        for start in ids_where(&plan, |spec| matches!(spec, StepSpec::StartService { .. })) {
            for migration in ids_where(&plan, is_migration) {
                prop_assert!(before[start as usize].contains(&migration));
            }
        }
    }

    #[test]
    fn in_a_window_no_version_runs_while_a_migration_does(facts in any_facts()) {
        let plan = build(&facts);
        let before = ancestors(&plan);
        let stops = ids_where(&plan, |spec| matches!(spec, StepSpec::StopService { .. }));
        let window = codes(&plan).contains(&Code::MaintenanceWindow);
        for migration in ids_where(&plan, is_migration) {
            for stop in &stops {
                if window {
                    prop_assert!(before[migration as usize].contains(stop));
                } else {
                    prop_assert!(before[*stop as usize].contains(&migration));
                }
            }
        }
        let takes_back = !ids_where(&plan, |spec| matches!(spec, StepSpec::MigrateDown { .. })).is_empty();
        prop_assert!(window || stops.is_empty() || !takes_back, "downs run only while nothing writes");
    }

    #[test]
    fn every_stopped_service_is_started_again_and_no_page_is_forgotten(facts in any_facts()) {
        let plan = build(&facts);
        let before = ancestors(&plan);
        for step in &plan.steps {
            let (StepSpec::StopService { at } | StepSpec::MaintenanceOn { page: PageAt::Container { at, .. } }) =
                &step.spec
            else {
                continue;
            };
            let starts = ids_where(&plan, |spec| same_place(spec, "start_service", at));
            prop_assert_eq!(starts.len(), 1);
            prop_assert!(before[starts[0] as usize].contains(&step.id));
            if step.spec.name() == "maintenance_on" {
                let offs = ids_where(&plan, |spec| same_place(spec, "maintenance_off", at));
                prop_assert_eq!(offs.len(), 1);
                prop_assert!(before[offs[0] as usize].contains(&step.id));
                prop_assert!(before[starts[0] as usize].contains(&offs[0]), "both want the same port");
            }
        }
    }

    #[test]
    fn a_gateways_page_stands_from_before_the_first_stop_until_after_the_verification(mut facts in any_facts()) {
        facts.spec.gateway = Some(gateway());
        let plan = build(&facts);
        let before = ancestors(&plan);
        let only = |name: &str| ids_where(&plan, |spec| spec.name() == name);
        let (on, off) = (only("maintenance_on"), only("maintenance_off"));
        prop_assert_eq!((on.len(), off.len()), (1, 1));
        let verify = only("verify")[0];
        // Outside of a window migrations run before the page: the running version bears them, or none runs.
        let window = codes(&plan).contains(&Code::MaintenanceWindow);
        let migrations = ids_where(&plan, is_migration);
        for step in only("stop_service").into_iter().chain(only("start_service")).chain(migrations.clone()) {
            prop_assert!(before[verify as usize].contains(&step));
            prop_assert!(before[step as usize].contains(&on[0]) || (!window && migrations.contains(&step)));
        }
        prop_assert!(before[off[0] as usize].contains(&verify));
        prop_assert_eq!(plan.pivot, off[0]);
        prop_assert!(!codes(&plan).contains(&Code::TrafficBeforeVerification));
    }

    #[test]
    fn downs_run_in_reverse_applied_order_and_ups_in_order(facts in any_facts()) {
        let plan = build(&facts);
        for step in &plan.steps {
            let Some((store, back, migrations)) = moved(step) else { continue };
            let ledger = ledger_of(&facts, store);
            let position = |version: &String| ledger.iter().position(|applied| applied == version);
            if back {
                let positions: Option<Vec<usize>> = migrations.iter().map(|down| position(&down.version)).collect();
                prop_assert!(positions.is_some_and(|positions| positions.is_sorted_by(|a, b| a > b)));
            } else {
                prop_assert!(migrations.iter().all(|up| position(&up.version).is_none()));
                prop_assert!(migrations.is_sorted_by(|a, b| a.version < b.version));
            }
        }
    }

    #[test]
    fn a_runnable_plan_leaves_a_schema_that_the_target_runs_on(facts in any_facts()) {
        let plan = build(&facts);
        prop_assume!(plan.is_runnable());
        for (store, schema) in &facts.target.schema {
            let mut ledger: BTreeSet<String> = ledger_of(&facts, store).iter().cloned().collect();
            for (_, back, migrations) in plan.steps.iter().filter_map(moved).filter(|(of, ..)| of == store) {
                for migration in migrations {
                    let changed = if back { ledger.remove(&migration.version) } else { ledger.insert(migration.version.clone()) };
                    prop_assert!(changed);
                    let belongs = schema.migrations.iter().any(|own| own.reference.version == migration.version);
                    prop_assert_eq!(belongs, !back, "only what the target does not know is taken back");
                }
            }
            prop_assert!(schema.runs_on.admits(ledger.last().map(String::as_str)));
            for own in &schema.migrations {
                prop_assert!(ledger.contains(&own.reference.version), "{} was never applied", own.reference.version);
            }
        }
    }

    #[test]
    fn every_down_is_the_one_that_belongs_to_the_applied_up(facts in any_facts()) {
        let plan = build(&facts);
        for (store, _, migrations) in plan.steps.iter().filter_map(moved).filter(|(_, back, _)| *back) {
            for migration in migrations {
                if let Some(recorded) = facts.stores[store].recorded.get(&migration.version) {
                    prop_assert_eq!(migration, &recorded.reference);
                }
            }
        }
    }

    #[test]
    fn every_migration_of_a_plan_has_its_schema_scripts_and_ledger_checked_first(facts in any_facts()) {
        let plan = build(&facts);
        for (name, back, moved) in plan.steps.iter().filter_map(moved) {
            let checks = |wanted: &dyn Fn(&Precondition) -> bool| preconditions(&plan).iter().filter(|one| wanted(one)).count();
            let schema = checks(&|one| matches!(one, Precondition::Schema { store, .. } if store == name));
            let ledger = checks(&|one| matches!(one, Precondition::Ledger { store, .. } if store == name));
            prop_assert_eq!((schema, ledger), (1, 1), "{}", name);
            let direction = if back { Direction::Down } else { Direction::Up };
            let scripts = checks(&|one| matches!(one, Precondition::Scripts { store, direction: way, migrations }
                if store == name && *way == direction && migrations == moved));
            prop_assert_eq!(scripts, 1);
        }
    }

    #[test]
    fn no_migration_runs_on_a_schema_that_somebody_else_changed(mut facts in any_facts()) {
        facts.stores.get_mut("main").unwrap().left_as = Some("of before".into());
        let plan = build(&facts);
        let runs = plan.steps.iter().filter_map(moved).any(|(store, ..)| store == "main");
        let drift = plan.findings.iter().find(|finding| finding.code == Code::SchemaDrifted).unwrap();
        prop_assert_eq!(drift.severity == Severity::Blocker, runs);
    }

    #[test]
    fn an_up_without_a_way_back_is_told(facts in any_facts()) {
        let plan = build(&facts);
        let told = plan.findings.iter().filter(|finding| finding.code == Code::CannotBeUndone).count();
        let ups = plan.steps.iter().filter_map(moved).filter(|(_, back, _)| !back);
        let without = ups.flat_map(|(_, _, migrations)| migrations).filter(|up| up.down_sha256.is_none()).count();
        prop_assert!(told >= without, "{told} told, {without} ups without a down script");
    }

    #[test]
    fn a_runnable_plan_never_takes_back_a_migration_without_down_script(facts in any_facts()) {
        let plan = build(&facts);
        prop_assume!(plan.is_runnable());
        for (_, back, migrations) in plan.steps.iter().filter_map(moved) {
            prop_assert!(!back || migrations.iter().all(|migration| migration.down_sha256.is_some()));
        }
    }

    #[test]
    fn a_kept_schema_is_never_taken_back(mut facts in any_facts()) {
        facts.schema_mode = SchemaMode::Keep;
        let plan = build(&facts);
        let downs = ids_where(&plan, |spec| matches!(spec, StepSpec::MigrateDown { .. }));
        prop_assert_eq!(downs, Vec::<u32>::new());
    }

    #[test]
    fn the_same_facts_give_the_same_plan_whatever_it_may_take(mut facts in any_facts(), millis in 1..10_000u64) {
        let plan = build(&facts);
        prop_assert_eq!(&build(&facts.clone()), &plan);
        facts.durations.insert("preflight".into(), millis);
        prop_assert_eq!(build(&facts).digest, plan.digest);
    }

    #[test]
    fn the_digest_differs_with_any_script_that_runs(facts in any_facts(), which in any::<Index>(), up in any::<bool>()) {
        let plan = build(&facts);
        let moves: Vec<(&str, &str)> = plan
            .steps
            .iter()
            .filter_map(moved)
            .flat_map(|(store, _, migrations)| migrations.iter().map(move |one| (store, one.version.as_str())))
            .collect();
        prop_assume!(!moves.is_empty());
        let (store, version) = *which.get(&moves);
        let mut other = facts.clone();
        change_migration(&mut other, store, version, |migration| {
            let hash = "of other bytes".to_owned();
            if up {
                migration.reference.up_sha256 = hash;
            } else {
                migration.reference.down_sha256 = Some(hash);
            }
        });
        prop_assert_ne!(build(&other).digest, plan.digest);
    }

    #[test]
    fn the_digest_differs_with_any_ledger_fingerprint_image_and_deployment(facts in any_facts(), which in any::<Index>()) {
        let digest = build(&facts).digest;
        // The ledger of a store that the target does not use decides nothing where it stays.
        for (store, _) in STORES.into_iter().filter(|(store, _)| facts.target.schema.contains_key(*store)) {
            let mut other = facts.clone();
            let ledger = other.stores.get_mut(store).unwrap();
            ledger.applied.as_mut().unwrap().insert(0, "0".into());
            prop_assert_ne!(&build(&other).digest, &digest, "ledger of {}", store);

            let mut other = facts.clone();
            other.stores.get_mut(store).unwrap().fingerprint = Some("drifted".into());
            prop_assert_ne!(&build(&other).digest, &digest, "fingerprint of {}", store);
        }
        let mut other = facts.clone();
        let nth = which.index(other.images.len());
        other.images[nth].state = ImageState::Present("sha256:other".into());
        prop_assert_ne!(&build(&other).digest, &digest, "image {}", nth);

        let mut other = facts;
        if let Some(current) = &mut other.current {
            current.deployment = DeploymentId(Uuid::max());
            prop_assert_ne!(&build(&other).digest, &digest, "deployment");
        }
    }
}
