//! How a job ended, with what it measured.

use std::fmt::Write;

use domain::deployment::DeploymentKind;
use domain::job::JobState;
use domain::view::{JobView, Measurements};
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
            let _ = writeln!(told, "  {}", text(language, "cli.next", [("command", hint.as_str())]));
        }
    }
    if let Some(measured) = &job.measurements {
        told.push_str(&measurements(language, job.kind, measured));
    }
    told
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
