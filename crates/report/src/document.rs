//! What stands in a report, before it has a form.

use chrono::{DateTime, Utc};
use domain::finding::Severity;
use domain::plan::{Plan, PlannedStatement};
use domain::view::{JobReport, JobView, StatementView, StepView};
use i18n::{Language, finding, job_state, sentence, step_name, step_state, text};

/// What stands where there is nothing.
const NOTHING: &str = "—";

/// A report.
pub(crate) struct Document {
    pub(crate) title: String,
    /// Pairs of a name and a value.
    pub(crate) facts: Vec<(String, String)>,
    pub(crate) sections: Vec<Section>,
}

/// A table under a heading.
pub(crate) struct Section {
    pub(crate) heading: String,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

/// Says it in the reader's language.
struct Teller(Language);

pub(crate) fn of(language: Language, report: &JobReport) -> Document {
    let say = Teller(language);
    let job = &report.job;
    let params = [
        ("application", job.application.as_str()),
        ("environment", &job.environment),
        ("kind", &say.key(&format!("cli.kind-{}", job.kind.as_str()))),
        ("version", &job.to.to_string()),
    ];
    let sections = [say.findings(job), say.steps(job), say.statements(report), say.backups(report)];
    Document {
        title: text(language, "report.title", params),
        facts: say.facts(job),
        sections: sections.into_iter().filter(|section| !section.rows.is_empty()).collect(),
    }
}

impl Teller {
    fn key(&self, key: &str) -> String {
        text(self.0, key, [])
    }

    fn facts(&self, job: &JobView) -> Vec<(String, String)> {
        let mut facts = vec![
            ("state", job_state(self.0, job.state)),
            ("from", job.from.as_ref().map_or_else(|| NOTHING.to_owned(), ToString::to_string)),
            ("to", job.to.to_string()),
            ("actor", job.actor.clone()),
            ("reason", job.reason.clone()),
            ("created", time(Some(job.created_at))),
            ("started", time(job.started_at)),
            ("ended", time(job.ended_at)),
            ("took", between(job.started_at, job.ended_at)),
            ("job", job.id.to_string()),
        ];
        if let Some(plan) = &job.plan {
            facts.push(("digest", plan.digest.clone()));
            if !plan.accepted.is_empty() {
                let accepted = plan.accepted.iter().map(|code| code.as_str()).collect::<Vec<_>>().join(", ");
                facts.push(("accepted", accepted));
            }
        }
        if let Some(measured) = &job.measurements {
            let milliseconds = |value: Option<u64>| value.map_or_else(|| NOTHING.to_owned(), duration);
            facts.extend([
                ("recovery", milliseconds(measured.recovery_ms)),
                ("downtime", milliseconds(measured.downtime_ms)),
                ("rows-preserved", measured.rows_preserved.to_string()),
                ("rows-restored", measured.rows_restored.to_string()),
                ("backup-age", milliseconds(measured.backup_age_ms)),
            ]);
        }
        if let Some(error) = &job.error {
            facts.push(("error", sentence(self.0, &error.message)));
            facts.extend(error.hint.as_ref().map(|hint| ("next", sentence(self.0, hint))));
        }
        let filled = facts.into_iter().filter(|(_, value)| !value.is_empty());
        filled.map(|(name, value)| (self.key(&format!("report.fact-{name}")), value)).collect()
    }

    fn section(&self, heading: &str, columns: &[&str], rows: Vec<Vec<String>>) -> Section {
        Section {
            heading: self.key(&format!("report.heading-{heading}")),
            columns: columns.iter().map(|column| self.key(&format!("report.column-{column}"))).collect(),
            rows,
        }
    }

    fn findings(&self, job: &JobView) -> Section {
        let findings = job.plan.iter().flat_map(|plan| &plan.findings);
        let row = |found: &domain::finding::Finding| {
            let weight = match found.severity {
                Severity::Blocker => "report.severity-blocker",
                Severity::Warning => "report.severity-warning",
                Severity::Note => "report.severity-note",
            };
            vec![self.key(weight), finding(self.0, found)]
        };
        self.section("findings", &["weight", "finding"], findings.map(row).collect())
    }

    fn steps(&self, job: &JobView) -> Section {
        let row = |step: &StepView| {
            let error = step.error.as_ref().map(|error| sentence(self.0, &error.message));
            vec![
                step.id.to_string(),
                step_name(self.0, &step.name),
                step.subject.clone(),
                step_state(self.0, step.state),
                time(step.started_at),
                between(step.started_at, step.finished_at),
                step.attempts.to_string(),
                error.unwrap_or_default(),
            ]
        };
        let columns = ["number", "step", "on", "state", "started", "took", "attempts", "error"];
        self.section("steps", &columns, job.steps.iter().map(row).collect())
    }

    fn statements(&self, report: &JobReport) -> Section {
        let row = |one: &StatementView| {
            let planned = report.job.plan.as_ref().and_then(|plan| planned(plan, one));
            vec![
                one.step.to_string(),
                one.migration.clone(),
                self.key(&format!(
                    "report.direction-{}{}",
                    one.direction.as_str(),
                    if one.undo { "-undo" } else { "" }
                )),
                (one.index + 1).to_string(),
                planned.map(|planned| planned.does.clone()).unwrap_or_default(),
                one.affected.map_or_else(|| NOTHING.to_owned(), |rows| rows.to_string()),
                between(Some(one.begun_at), one.done_at),
            ]
        };
        let columns = ["step", "migration", "direction", "number", "statement", "rows", "took"];
        self.section("statements", &columns, report.statements.iter().map(row).collect())
    }

    fn backups(&self, report: &JobReport) -> Section {
        let backups = report.backups.iter().map(|backup| {
            vec![
                backup.store.clone(),
                time(Some(backup.begun_at)),
                backup.bytes.to_string(),
                backup.path.clone(),
                backup.sha256.clone(),
            ]
        });
        self.section("backups", &["store", "contents-of", "bytes", "place", "sha256"], backups.collect())
    }
}

/// The statement as the plan showed it: the n-th of its migration in that step. None behind those that plans show, for the
/// end of a migration, and where another script ran to take it back.
fn planned<'a>(plan: &'a Plan, one: &StatementView) -> Option<&'a PlannedStatement> {
    let step = plan.step(one.step).filter(|_| !one.undo)?;
    step.statements.iter().filter(|planned| planned.migration == one.migration).nth(usize::try_from(one.index).ok()?)
}

fn time(at: Option<DateTime<Utc>>) -> String {
    at.map_or_else(|| NOTHING.to_owned(), |at| at.format("%Y-%m-%d %H:%M:%S%.3f UTC").to_string())
}

fn between(from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>) -> String {
    let spent = from.zip(to).and_then(|(from, to)| u64::try_from((to - from).num_milliseconds()).ok());
    spent.map_or_else(|| NOTHING.to_owned(), duration)
}

/// Seconds with three digits: the same in every language, and fit to be compared.
fn duration(milliseconds: u64) -> String {
    format!("{}.{:03} s", milliseconds / 1_000, milliseconds % 1_000)
}
