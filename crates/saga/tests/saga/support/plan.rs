//! Plans that are nothing but a graph.

use domain::Version;
use domain::deployment::DeploymentKind;
use domain::ids::ReleaseId;
use domain::plan::{Difference, FORMAT, Plan, PlannedRelease, PlannedStep, StepSpec};

pub(crate) fn plan(steps: &[(u32, &[u32])], pivot: u32) -> Plan {
    let version: Version = "v1.0.0".parse().unwrap();
    Plan {
        format: FORMAT,
        kind: DeploymentKind::Rollback,
        application: "app".into(),
        environment: "production".into(),
        from: None,
        to: PlannedRelease { id: ReleaseId::generate(), version },
        from_deployment: None,
        settings_revision: 1,
        steps: steps.iter().map(|(id, depends_on)| step(*id, depends_on)).collect(),
        pivot,
        findings: vec![],
        accepted: Vec::new(),
        verdict: None,
        losses: Vec::new(),
        difference: Difference::default(),
        digest: String::new(),
        expected_ms: None,
    }
}

/// The world finds a step's cell by the name of the cache that it pretends to flush.
fn step(id: u32, depends_on: &[u32]) -> PlannedStep {
    PlannedStep::new(id, depends_on.to_vec(), StepSpec::FlushCache { store: id.to_string(), patterns: vec![] })
}

/// Four steps, one after the other; the third is the pivot where `pivot` is 2.
pub(crate) fn chain() -> [(u32, &'static [u32]); 4] {
    [(0, &[]), (1, &[0]), (2, &[1]), (3, &[2])]
}

/// One step, two side by side, one that waits for both.
pub(crate) fn diamond() -> [(u32, &'static [u32]); 4] {
    [(0, &[]), (1, &[0]), (2, &[0]), (3, &[1, 2])]
}
