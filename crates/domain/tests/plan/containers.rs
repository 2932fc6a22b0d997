//! What plans say of containers that are not as the last deployment left them.

use backout_domain::finding::{Code, Severity};
use backout_domain::plan::{Condition, ContainerState, Facts, Plan, build};

use crate::support::{blockers, codes, facts, finding, image_id, runs};

fn rollback() -> Facts {
    facts(Some("v0.8.2"), "v0.8.1")
}

fn rollback_with(state: ContainerState) -> Facts {
    let mut facts = rollback();
    facts.containers[0].state = state;
    facts
}

fn in_condition(condition: Condition) -> ContainerState {
    ContainerState::Present { image_id: image_id("cms-backend:v0.8.2"), ours: true, condition }
}

/// What a drifted container is and was, of a plan that it does not block.
fn drift(facts: &Facts) -> (String, String) {
    let plan = build(facts);
    assert!(plan.is_runnable(), "it warns: {:?}", plan.findings);
    let drifted = finding(&plan, Code::ContainerDrifted);
    assert_eq!(drifted.severity, Severity::Warning);
    assert_eq!(drifted.params["container"], "cms-web");
    (drifted.params["found"].to_string(), drifted.params["left_as"].to_string())
}

fn pair(found: &str, left_as: &str) -> (String, String) {
    (found.to_owned(), left_as.to_owned())
}

#[test]
fn a_container_as_it_was_left_is_not_mentioned() {
    let mentioned = |plan: &Plan| codes(plan).iter().any(|code| code.as_str().starts_with("container-"));
    assert!(!mentioned(&build(&rollback())));
    let mut unknown = rollback();
    unknown.containers[0].left_as = None;
    unknown.containers[0].state = runs("sha256:other", true);
    assert!(!mentioned(&build(&unknown)), "where nobody knows what was left there is no drift");
}

#[test]
fn a_container_that_is_not_ours_blocks_the_first_deployment_and_is_drift_later() {
    let foreign = runs(&image_id("cms-backend:v0.8.2"), false);
    let mut first = facts(None, "v0.8.0");
    first.containers[0].state = foreign.clone();
    let plan = build(&first);
    assert_eq!(blockers(&plan), [Code::ContainerForeign]);
    assert_eq!(finding(&plan, Code::ContainerForeign).params["container"], "cms-web");

    let label = "io.backout.environment=cms-backend/production";
    assert_eq!(drift(&rollback_with(foreign)), pair(&format!("without {label}"), label));
}

#[test]
fn a_container_that_died_or_is_unhealthy_has_drifted() {
    let down = in_condition(Condition::Down("exited".into()));
    assert_eq!(drift(&rollback_with(down)), pair("exited", "running"));
    assert_eq!(drift(&rollback_with(in_condition(Condition::Unhealthy))), pair("unhealthy", "healthy"));
}

#[test]
fn a_container_on_another_image_than_the_one_that_was_left_has_drifted() {
    let mut facts = rollback_with(runs("sha256:0123456789abcdef", true));
    facts.containers[0].left_as = Some("sha256:fedcba9876543210".into());
    assert_eq!(drift(&facts), pair("image 0123456789ab", "image fedcba987654"));

    let condition = Condition::Down("created".into());
    facts.containers[0].state =
        ContainerState::Present { image_id: "sha256:0123456789abcdef".into(), ours: true, condition };
    assert_eq!(drift(&facts), pair("created, image 0123456789ab", "running, image fedcba987654"));
}

#[test]
fn nothing_has_drifted_before_the_first_deployment() {
    let mut first = facts(None, "v0.8.0");
    first.containers[0].state = in_condition(Condition::Down("exited".into()));
    assert!(!codes(&build(&first)).contains(&Code::ContainerDrifted));
}

#[test]
fn a_container_that_is_gone_is_created_again() {
    let plan = build(&rollback_with(ContainerState::Absent));
    assert!(plan.is_runnable());
    finding(&plan, Code::ContainerMissing);
    let names: Vec<&str> = plan.steps.iter().map(|step| step.spec.name()).collect();
    assert!(!names.contains(&"stop_service") && names.contains(&"start_service"), "{names:?}");
}

#[test]
fn a_container_of_somebody_elses_on_the_port_blocks_where_the_service_does_not_run_beside_it() {
    let held = |state: ContainerState| {
        let mut facts = rollback_with(state);
        facts.containers[0].port_holder = Some("squatter".into());
        build(&facts)
    };
    for state in [ContainerState::Absent, in_condition(Condition::Down("exited".into()))] {
        let plan = held(state);
        assert_eq!(blockers(&plan), [Code::ContainerForeign]);
        let params = &finding(&plan, Code::ContainerForeign).params;
        assert_eq!(
            (params["container"].to_string().as_str(), params["port"].to_string().as_str()),
            ("squatter", "8000")
        );
    }
    assert_eq!(blockers(&held(in_condition(Condition::Running))), []);
    assert_eq!(blockers(&held(in_condition(Condition::Unhealthy))), []);
}
