//! The maintenance page that a person switches, and the gateway's.

use backout_domain::deployment::DeploymentKind;
use backout_domain::finding::Code;
use backout_domain::ids::JobId;
use backout_domain::plan::{Facts, GatewayState, MaintenanceFacts, Plan, StepSpec, build};
use sentence::Sentence;
use uuid::Uuid;

use crate::support::{codes, facts, gateway, image, service};

fn closing() -> Facts {
    let mut facts = facts(Some("v0.8.0"), "v0.8.1");
    facts.kind = DeploymentKind::MaintenanceOn;
    facts
}

/// The facts for opening again after `plan` closed, with other settings meanwhile.
fn reopening(closed: &Plan, change: impl FnOnce(&mut Facts)) -> Facts {
    let mut facts = closing();
    facts.kind = DeploymentKind::MaintenanceOff;
    let steps = closed.steps.iter().map(|step| step.spec.clone()).collect();
    facts.maintenance = Some(MaintenanceFacts { job: JobId(Uuid::from_u128(0x0b)), steps });
    change(&mut facts);
    facts
}

fn names(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|step| step.spec.name()).collect()
}

#[test]
fn a_rollback_behind_a_gateways_page() {
    let mut facts = facts(Some("v0.8.2"), "v0.8.1");
    facts.spec.gateway = Some(gateway());
    insta::assert_yaml_snapshot!(build(&facts));
}

#[test]
fn closing_ends_only_when_every_service_is_closed() {
    let mut facts = closing();
    facts.spec.services.push(service("api", &["local"], 9000));
    let mut api = facts.containers[0].clone();
    api.service = "api".into();
    facts.containers.push(api);
    let plan = build(&facts);
    assert_eq!(
        names(&plan),
        ["preflight", "stop_service", "maintenance_on", "stop_service", "maintenance_on", "finish"]
    );
    let pivot = plan.step(plan.pivot).unwrap();
    assert_eq!((pivot.spec.name(), pivot.depends_on.as_slice()), ("finish", [2, 4].as_slice()));
}

#[test]
fn reopening_opens_what_was_closed_whatever_the_settings_say_now() {
    let closed = build(&closing());
    let reopened = build(&reopening(&closed, |facts| {
        facts.spec.maintenance = None;
        facts.spec.services.push(service("later", &["local"], 9000));
    }));
    assert_eq!(names(&reopened), ["maintenance_off", "resume_service", "check_health", "verify"]);
    let off = reopened.steps.iter().find_map(|step| match &step.spec {
        StepSpec::MaintenanceOff { page } => Some(page),
        _ => None,
    });
    let on = closed.steps.iter().find_map(|step| match &step.spec {
        StepSpec::MaintenanceOn { page } => Some(page),
        _ => None,
    });
    assert_eq!(off, on);
}

#[test]
fn a_service_that_the_settings_lost_is_resumed_all_the_same() {
    let closed = build(&closing());
    let reopened = build(&reopening(&closed, |facts| facts.spec.services.clear()));
    assert_eq!(names(&reopened), ["maintenance_off", "resume_service", "verify"]);
    assert_eq!(reopened.step(reopened.pivot).unwrap().depends_on, [1]);
}

#[test]
fn behind_a_gateway_the_services_go_on_running() {
    let mut facts = closing();
    facts.spec.gateway = Some(gateway());
    facts.spec.maintenance = None;
    facts.images.retain(|image| image.reference != crate::support::PAGE);
    let closed = build(&facts);
    assert!(closed.is_runnable(), "{:?}", closed.findings);
    assert_eq!(names(&closed), ["preflight", "maintenance_on", "finish"]);
    let reopened = build(&reopening(&closed, |_| {}));
    assert_eq!(names(&reopened), ["check_health", "verify", "maintenance_off"]);
    assert_eq!(reopened.step(reopened.pivot).unwrap().spec.name(), "maintenance_off");
}

#[test]
fn a_gateway_that_would_not_show_the_page_blocks() {
    let mut facts = facts(Some("v0.8.2"), "v0.8.1");
    facts.spec.gateway = Some(gateway());
    facts.gateway = Some(GatewayState::Ready);
    assert!(build(&facts).is_runnable());
    facts.gateway = Some(GatewayState::NotReady(Sentence::verbatim("it does not answer")));
    assert!(codes(&build(&facts)).contains(&Code::GatewayNotReady));
    facts.kind = DeploymentKind::MaintenanceOn;
    assert!(codes(&build(&facts)).contains(&Code::GatewayNotReady));
}

#[test]
fn a_gateway_needs_no_image_for_its_page() {
    let mut facts = facts(Some("v0.8.2"), "v0.8.1");
    facts.images = vec![image("local", "cms-backend:v0.8.1")];
    facts.spec.gateway = Some(gateway());
    assert!(build(&facts).is_runnable());
}
