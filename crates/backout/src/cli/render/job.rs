//! How a job ended, with what it measured.

use std::fmt::Write;

use domain::deployment::DeploymentKind;
use domain::job::JobState;
use domain::view::{JobView, Measurements, StepView};
use i18n::{Language, job_state, text};

use crate::cli::format::duration;

/// The result of a job that rests: its state, why, what was measured.
pub(crate) fn outcome(language: Language, job: &JobView) -> String {
    let mut told = String::new();
    let (to, state) = (job.to.to_string(), job_state(language, job.state));
    let kind = text(language, &format!("cli.kind-{}", job.kind.as_str()), []);
    let key = match job.state {
        JobState::Succeeded => format!("cli.done-{}", job.kind.as_str()),
        _ => "cli.job-rests".to_owned(),
    };
    let params = [
        ("kind", kind.as_str()),
        ("environment", job.environment.as_str()),
        ("version", to.as_str()),
        ("state", state.as_str()),
    ];
    let _ = writeln!(told, "{}", text(language, &key, params));
    if let Some(error) = &job.error {
        let step = error.step.and_then(|id| job.steps.iter().find(|step| step.id == id));
        let named = step.map(|step| format!("{} {}: ", i18n::step_name(language, &step.name), step.subject));
        let _ = writeln!(told, "  {}{}", named.unwrap_or_default(), error.message);
        if let Some(hint) = &error.hint {
            let _ = writeln!(told, "  {}", text(language, "cli.next", [("command", hint.to_string().as_str())]));
        }
    }
    for (step, warning) in job.steps.iter().flat_map(warnings) {
        let step = format!("{} {}", i18n::step_name(language, &step.name), step.subject);
        let params = [("step", step.as_str()), ("news", warning)];
        let _ = writeln!(told, "  {}", text(language, "cli.step-warning", params));
    }
    if let Some(measured) = &job.measurements {
        told.push_str(&measurements(language, job.kind, measured));
    }
    told
}

/// What a step brought about only in part, e.g. data that was put aside and did not come back.
fn warnings(step: &StepView) -> impl Iterator<Item = (&StepView, &str)> {
    let warnings = step.output.as_ref().and_then(|output| output["warnings"].as_array());
    warnings.into_iter().flatten().filter_map(move |warning| Some((step, warning.as_str()?)))
}

fn measurements(language: Language, kind: DeploymentKind, measured: &Measurements) -> String {
    let mut told = String::new();
    let mut add = |key: &str, value: String| {
        let _ = writeln!(told, "  {}", text(language, key, [("value", value.as_str())]));
    };
    // Only going back is a recovery.
    let verified = if kind == DeploymentKind::Rollback { "cli.measured-recovery" } else { "cli.measured-verified" };
    let times = [
        (verified, measured.recovery_ms),
        ("cli.measured-downtime", measured.downtime_ms),
        ("cli.measured-backup-age", measured.backup_age_ms),
    ];
    for (key, milliseconds) in times {
        if let Some(milliseconds) = milliseconds {
            add(key, duration(language, milliseconds));
        }
    }
    for (key, rows) in
        [("cli.measured-preserved", measured.rows_preserved), ("cli.measured-restored", measured.rows_restored)]
    {
        if rows > 0 {
            add(key, rows.to_string());
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> JobView {
        serde_json::from_value(serde_json::json!({
            "id": "01890a5d-ac96-774b-bcce-b302099a8057", "kind": "deploy", "application": "cms-backend",
            "environment": "production", "deployment": "01890a5d-ac96-774b-bcce-b302099a8058", "to": "v0.8.2",
            "state": "succeeded", "actor": "ci", "reason": "", "created_at": "2026-01-01T00:00:00Z", "last_event": 9,
            "steps": [{
                "id": 0, "name": "migrate_up", "subject": "main", "state": "finished", "attempts": 1,
                "output": { "warnings": ["column users.two_factor_secret: 3 rows are gone"] },
            }],
        }))
        .unwrap()
    }

    #[test]
    fn a_success_does_not_hide_what_did_not_come_back() {
        for (language, said) in [(Language::En, "Attention"), (Language::ZhCn, "注意")] {
            let told = outcome(language, &job());
            assert!(told.contains(said) && told.contains("3 rows are gone"), "{told}");
        }
        let mut quiet = job();
        quiet.steps[0].output = None;
        assert!(!outcome(Language::En, &quiet).contains("Attention"));
    }
}
