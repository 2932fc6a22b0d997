//! From facts to a plan. Pure: the same facts give the same plan, to the byte.

use std::collections::BTreeSet;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::disk::DiskAt;
use super::facts::Facts;
use super::layout::Steps;
use super::schema::{SchemaDecision, apply, decide};
use super::step_spec::StepSpec;
use super::{
    FORMAT, Plan, PlannedLoss, PlannedRelease, PlannedStep, SchemaChange, SchemaVerdict, difference, disk,
    preconditions, problems,
};
use crate::deployment::DeploymentKind;
use crate::finding::{Code, Finding, Severity};
use crate::ids::DeploymentId;
use crate::ledger::Direction;

/// Builds the plan that takes the environment from what it runs to the target.
///
/// A plan is always returned: what forbids to run it stands in its findings.
pub fn build(facts: &Facts) -> Plan {
    let mut findings = Vec::new();
    let mut schema = SchemaDecision::default();
    let (mut steps, pivot) = match facts.kind {
        DeploymentKind::Deploy | DeploymentKind::Rollback => {
            problems::of_target(facts, &mut findings);
            problems::of_gateway(facts, &mut findings);
            problems::of_stores(facts, &mut findings);
            schema = decide(facts, &mut findings);
            disk::of_disks(facts, disk::of_change(facts, &schema), &mut findings);
            problems::of_hosts(facts, schema.needs_window, &mut findings);
            Steps::new(facts).change_release(&schema, &mut findings)
        }
        DeploymentKind::Migrate => {
            problems::of_stores(facts, &mut findings);
            schema = apply(facts, &mut findings);
            disk::of_disks(facts, disk::of_change(facts, &schema), &mut findings);
            Steps::new(facts).migrate_ahead(&schema)
        }
        DeploymentKind::Backup => {
            problems::of_backups(facts, &mut findings);
            disk::of_disks(facts, [DiskAt::Backups { stores: facts.backed_up.clone() }], &mut findings);
            Steps::new(facts).back_up_only()
        }
        DeploymentKind::Restore => Steps::new(facts).restore(),
        DeploymentKind::MaintenanceOn => {
            problems::of_page(facts, &mut findings);
            problems::of_gateway(facts, &mut findings);
            problems::of_hosts(facts, true, &mut findings);
            Steps::new(facts).close()
        }
        // Whatever is in the way of opening again, a person has to see it from the steps themselves.
        DeploymentKind::MaintenanceOff => Steps::new(facts).reopen(),
    };
    preconditions::add(facts, &schema, &mut steps);
    let accepted = accept(facts, &mut findings);
    let verdict = verdict(facts, &schema, &findings);
    let target = facts.target.version.to_string();
    let about = [("application", &facts.application), ("environment", &facts.environment), ("version", &target)];
    let mut findings: Vec<Finding> = findings
        .into_iter()
        .map(|finding| about.iter().fold(finding, |finding, (name, value)| finding.about(name, value)))
        .collect();
    findings.sort_by(|a, b| (a.severity, a.code, &a.params).cmp(&(b.severity, b.code, &b.params)));

    let mut layers = difference::between(facts.current.as_ref().map(|current| &current.release), &facts.target);
    layers.schema = schema_changes(&schema);
    let from_deployment = facts.current.as_ref().map(|current| current.deployment);
    let digest = digest(facts, from_deployment, &steps);
    let expected_ms = steps.iter().map(|step| step.expected_ms).sum::<Option<u64>>();
    Plan {
        format: FORMAT,
        kind: facts.kind,
        application: facts.application.clone(),
        environment: facts.environment.clone(),
        from: facts
            .current
            .as_ref()
            .map(|current| PlannedRelease { id: current.release.id, version: current.release.version.clone() }),
        to: PlannedRelease { id: facts.target.id, version: facts.target.version.clone() },
        from_deployment,
        settings_revision: facts.settings_revision,
        steps,
        pivot,
        findings,
        accepted,
        verdict,
        losses: losses(facts, &schema),
        difference: layers,
        digest,
        expected_ms,
    }
}

/// Lets what a person accepts warn only; the codes that this concerned.
fn accept(facts: &Facts, findings: &mut [Finding]) -> Vec<Code> {
    let mut accepted = BTreeSet::new();
    for finding in findings.iter_mut().filter(|finding| finding.severity == Severity::Blocker) {
        if facts.accepted.contains(&finding.code) && Code::ACCEPTABLE.contains(&finding.code) {
            finding.severity = Severity::Warning;
            accepted.insert(finding.code);
        }
    }
    accepted.into_iter().collect()
}

/// Findings without which migrations could be taken back.
const IN_THE_WAY_OF_DOWNS: [Code; 6] = [
    Code::DownScriptMissing,
    Code::MigrationHole,
    Code::MigrationUnknown,
    Code::RehearsalFailed,
    Code::ScriptTampered,
    Code::StatementRefused,
];

fn verdict(facts: &Facts, schema: &SchemaDecision, findings: &[Finding]) -> Option<SchemaVerdict> {
    if !matches!(facts.kind, DeploymentKind::Deploy | DeploymentKind::Rollback) {
        return None;
    }
    let has = |code| findings.iter().any(|finding| finding.code == code);
    let cannot_go_down = findings
        .iter()
        .any(|finding| finding.severity == Severity::Blocker && IN_THE_WAY_OF_DOWNS.contains(&finding.code));
    Some(match () {
        () if schema.goes_down && cannot_go_down => SchemaVerdict::Irreversible,
        // Without downs where the schema was to be kept in spite of it.
        () if schema.goes_down || has(Code::SchemaIncompatible) => SchemaVerdict::NeedsDown,
        () if has(Code::SchemaKept) => SchemaVerdict::RunsOnNewer,
        () if schema.moves.is_empty() => SchemaVerdict::SameSchema,
        () => SchemaVerdict::NeedsUp,
    })
}

fn losses(facts: &Facts, schema: &SchemaDecision) -> Vec<PlannedLoss> {
    let downs = schema.moves.iter().filter(|change| change.direction == Direction::Down);
    downs
        .flat_map(|change| change.migrations.iter().map(move |migration| (&change.store, &migration.reference.version)))
        .flat_map(|(store, version)| {
            let known = facts.stores.get(store).and_then(|facts| facts.losses.get(version));
            known.into_iter().flatten().map(|loss| PlannedLoss {
                store: store.clone(),
                migration: version.clone(),
                loss: loss.clone(),
            })
        })
        .collect()
}

fn schema_changes(schema: &SchemaDecision) -> Vec<SchemaChange> {
    schema
        .moves
        .iter()
        .flat_map(|change| {
            change.migrations.iter().map(|migration| SchemaChange {
                store: change.store.clone(),
                direction: change.direction,
                version: migration.reference.version.clone(),
                name: migration.reference.name.clone(),
            })
        })
        .collect()
}

/// What is approved: everything that decides what the steps do, nothing that is only an estimate.
#[derive(Serialize)]
struct Approved<'a> {
    format: u32,
    from_deployment: Option<DeploymentId>,
    settings_revision: u64,
    fingerprints: Vec<(&'a str, Option<&'a str>)>,
    steps: Vec<(u32, &'a [u32], &'a StepSpec)>,
}

fn digest(facts: &Facts, from_deployment: Option<DeploymentId>, steps: &[PlannedStep]) -> String {
    let approved = Approved {
        format: FORMAT,
        from_deployment,
        settings_revision: facts.settings_revision,
        fingerprints: facts.stores.iter().map(|(name, store)| (name.as_str(), store.fingerprint.as_deref())).collect(),
        steps: steps.iter().map(|step| (step.id, step.depends_on.as_slice(), &step.spec)).collect(),
    };
    let mut hasher = Sha256::new();
    // Serialising plain data cannot fail; an empty digest would fail every comparison, which is the safe side.
    match serde_json::to_vec(&approved) {
        Ok(bytes) => hasher.update(&bytes),
        Err(_) => return String::new(),
    }
    hex::encode(hasher.finalize())
}
