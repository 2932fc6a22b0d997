//! `backout doctor`: what should be, what is, and what to do about it.

use std::collections::BTreeSet;

use chrono::{TimeDelta, Utc};
use client::{PageRequest, ReleaseFilter};
use domain::finding::{Code, Finding, Severity};
use domain::job::JobState;
use domain::view::{
    CurrentView, DeployRequest, DriftView, EnvironmentView, LedgerView, ReleaseDetail, RollbackRequest,
};
use i18n::{finding, finding_hint, job_state};
use indicatif::HumanBytes;
use serde::Serialize;

use super::backups::recovery_point;
use super::drift::drifts;
use super::migrations::ledgers;
use super::rollback::current_of;
use crate::cli::context::{Context, Place};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::format::time;
use crate::cli::output;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Check {
    verdict: Verdict,
    /// What was looked at and how it is.
    message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Good,
    Doubtful,
    Bad,
}

pub(crate) async fn run(context: &Context) -> Result<Exit, Failure> {
    let mut report = Report::default();
    // What does not answer is a finding, and what can be looked at in spite of it is looked at.
    match service(context, &mut report).await {
        Ok(()) if report.exit == Exit::Done => {
            if let Err(failure) = applications(context, &mut report).await {
                report.fail(context, &failure);
            }
        }
        Ok(()) => {}
        Err(failure) => report.fail(context, &failure),
    }
    let Report { checks, mut exit } = report;
    let healthy = checks.iter().all(|check| check.verdict != Verdict::Bad);
    if !healthy && exit == Exit::Done {
        exit = Exit::Failed;
    }
    if context.json {
        output::json(&checks);
    } else {
        for check in &checks {
            let mark = match check.verdict {
                Verdict::Good => "✓",
                Verdict::Doubtful => "!",
                Verdict::Bad => "✗",
            };
            output::line(&format!("{mark} {}", check.message));
            if let Some(hint) = &check.hint {
                output::line(&format!("    → {hint}"));
            }
        }
        output::line(&context.text(if healthy { "cli.doctor-good" } else { "cli.doctor-bad" }, []));
    }
    Ok(exit)
}

/// What was found so far.
struct Report {
    checks: Vec<Check>,
    /// That of the first thing that could not be looked at.
    exit: Exit,
}

impl Default for Report {
    fn default() -> Self {
        Self { checks: Vec::new(), exit: Exit::Done }
    }
}

impl Report {
    fn add(&mut self, verdict: Verdict, message: String, hint: Option<String>) {
        self.checks.push(Check { verdict, message, hint });
    }

    /// Something could not be looked at.
    fn fail(&mut self, context: &Context, failure: &Failure) {
        self.add(Verdict::Bad, failure.message(context.language), failure.hint(context.language));
        if self.exit == Exit::Done {
            self.exit = failure.exit();
        }
    }
}

/// The service and what it depends on.
async fn service(context: &Context, report: &mut Report) -> Result<(), Failure> {
    let readiness = context.client.readiness().await?;
    for dependency in readiness.dependencies {
        let name = dependency.name.as_str();
        match &dependency.problem {
            None => report.add(Verdict::Good, context.text("cli.doctor-dependency-good", [("name", name)]), None),
            Some(problem) => {
                let message = context.text("cli.doctor-dependency-bad", [("name", name), ("problem", problem)]);
                report.add(Verdict::Bad, message, None);
                report.exit = Exit::Unreachable;
            }
        }
    }
    match readiness.workers {
        None => {}
        Some(0) => {
            report.add(Verdict::Bad, context.text("cli.doctor-no-worker", []), Some("backout worker".to_owned()));
        }
        Some(workers) => {
            let message = context.text("cli.doctor-workers", [("workers", workers.to_string().as_str())]);
            report.add(Verdict::Good, message, None);
        }
    }
    Ok(())
}

async fn applications(context: &Context, report: &mut Report) -> Result<(), Failure> {
    let applications = context.applications().await?;
    if applications.is_empty() {
        let message = context.text("cli.doctor-no-application", []);
        report.add(Verdict::Doubtful, message, Some("backout app create NAME".to_owned()));
    }
    for app in applications {
        let mut environments = context.environments(&app).await?;
        if environments.is_empty() && context.named_environment().is_some() {
            // An environment that was named and is not there is told as such.
            environments.push(context.environment(&context.place().await?).await?);
        }
        let params = [("application", app.as_str())];
        if environments.is_empty() {
            let next = format!("backout env create NAME -f FILE --app {app}");
            report.add(Verdict::Doubtful, context.text("cli.doctor-no-environment", params), Some(next));
        }
        let releases = context.client.list_releases(&app, &ReleaseFilter::default(), &PageRequest::first(1)).await?;
        if releases.items.is_empty() {
            let next = format!("backout release register --file FILE --app {app}");
            report.add(Verdict::Doubtful, context.text("cli.doctor-no-release", params), Some(next));
        }
        for environment in environments {
            let place = Place { app: app.clone(), env: environment.name.clone() };
            match check_environment(context, &place, &environment).await {
                Ok(checks) => report.checks.extend(checks),
                Err(failure) => report.fail(context, &failure),
            }
        }
    }
    Ok(())
}

async fn check_environment(
    context: &Context,
    place: &Place,
    environment: &EnvironmentView,
) -> Result<Vec<Check>, Failure> {
    let mut checks = vec![runs(context, place, environment)];
    checks.extend(active_job(context, environment).await?);
    let Some(current) = &environment.current else {
        return Ok(checks);
    };
    let release = context.client.get_release(&place.app, &current.version.to_string()).await?;
    for ledger in ledgers(context, place).await? {
        checks.push(compare(context, place, &release, &ledger));
    }
    let drifts = drifts(context, place).await?;
    checks.extend(drifts.iter().filter(|view| view.has_difference()).map(|view| drifted(context, place, view)));
    let backups = context.client.list_backups(&place.app, &place.env, None, &PageRequest::first(1)).await?;
    checks.extend(backups.recovery_points.iter().map(|point| Check {
        verdict: if point.backup.is_some() { Verdict::Good } else { Verdict::Doubtful },
        message: recovery_point(context, &place.env, point),
        hint: None,
    }));
    checks.extend(preserved(context, place).await?);
    // A job replaces containers, and a page stands in their place.
    if environment.active_job.is_none() && environment.maintenance.is_none() {
        checks.extend(containers(context, place, environment, current).await?);
    }
    for check in way_back(context, place, environment).await? {
        if !checks.iter().any(|told| told.message == check.message) {
            checks.push(check);
        }
    }
    Ok(checks)
}

/// How long before something expires it is told, days.
const SOON: i64 = 7;

/// How much is put aside, and what of it expires soon.
async fn preserved(context: &Context, place: &Place) -> Result<Vec<Check>, Failure> {
    let kept =
        client::every(async |page| context.client.list_preserved(&place.app, &place.env, None, &page).await).await?;
    if kept.items.is_empty() {
        return Ok(Vec::new());
    }
    let size = HumanBytes(kept.items.iter().filter_map(|one| one.bytes).sum()).to_string();
    let count = kept.items.len().to_string();
    let params = [("environment", place.env.as_str()), ("count", &count), ("size", &size)];
    let message = context.text("cli.doctor-preserved", params);
    let mut checks = vec![Check { verdict: Verdict::Good, message, hint: None }];
    let soon = Utc::now() + TimeDelta::days(SOON);
    for one in &kept.items {
        let Some(at) = one.expires_at.filter(|at| *at < soon) else { continue };
        let at = time(at);
        let params = [
            ("environment", place.env.as_str()),
            ("store", one.store.as_str()),
            ("object", one.object.as_str()),
            ("at", at.as_str()),
        ];
        checks.push(Check {
            verdict: Verdict::Doubtful,
            message: context.text("cli.doctor-preserved-expires", params),
            hint: Some(context.command(&format!("preserved export {} --format jsonl --output FILE", one.id))),
        });
    }
    Ok(checks)
}

/// What a plan finds about a host or container that is not as it should be, whatever is planned.
const ABOUT_CONTAINERS: [Code; 4] =
    [Code::HostUnreachable, Code::ContainerMissing, Code::ContainerDrifted, Code::ContainerForeign];

/// What runs where. A plan to the release that runs looks at the hosts, also where there is no way back yet; that it
/// could not be carried out is of no account.
async fn containers(
    context: &Context,
    place: &Place,
    environment: &EnvironmentView,
    current: &CurrentView,
) -> Result<Vec<Check>, Failure> {
    let request = DeployRequest { version: current.version.to_string(), ..DeployRequest::default() };
    let plan = context.client.plan_deployment(&place.app, &place.env, &request).await?;
    let mut checks = Vec::new();
    for service in &environment.spec.services {
        for host in &service.hosts {
            let is_here = |name: &str, value: &String, found: &Finding| {
                found.params.get(name).is_none_or(|of| of == value.as_str())
            };
            let found: Vec<&Finding> = plan
                .findings
                .iter()
                .filter(|found| ABOUT_CONTAINERS.contains(&found.code))
                .filter(|found| is_here("host", host, found) && is_here("service", &service.name, found))
                .collect();
            for found in &found {
                let check = Check {
                    verdict: Verdict::Bad,
                    message: finding(context.language, found),
                    hint: finding_hint(context.language, found),
                };
                // A host that does not answer is found for each of its services.
                if !checks.contains(&check) {
                    checks.push(check);
                }
            }
            if found.is_empty() {
                let params = [
                    ("environment", place.env.as_str()),
                    ("service", service.name.as_str()),
                    ("host", host.as_str()),
                    ("image", current.images.get(&service.name).map(String::as_str).unwrap_or_default()),
                ];
                let message = context.text("cli.doctor-service-runs", params);
                checks.push(Check { verdict: Verdict::Good, message, hint: None });
            }
        }
    }
    Ok(checks)
}

fn runs(context: &Context, place: &Place, environment: &EnvironmentView) -> Check {
    let version = current_of(environment);
    let params = [("application", place.app.as_str()), ("environment", &place.env), ("version", &version)];
    match (&environment.current, &environment.maintenance) {
        (None, _) => Check {
            verdict: Verdict::Doubtful,
            message: context.text("cli.doctor-nothing-runs", params),
            hint: Some("backout deploy VERSION".to_owned()),
        },
        (Some(_), None) => {
            Check { verdict: Verdict::Good, message: context.text("cli.doctor-runs", params), hint: None }
        }
        (Some(_), Some(reason)) => Check {
            verdict: Verdict::Doubtful,
            message: context
                .text("cli.maintenance-is-on", [("environment", place.env.as_str()), ("reason", reason.as_str())]),
            hint: Some(context.command("maintenance off")),
        },
    }
}

/// A job that holds the environment, and whether it waits for somebody.
async fn active_job(context: &Context, environment: &EnvironmentView) -> Result<Option<Check>, Failure> {
    let Some(id) = environment.active_job else {
        return Ok(None);
    };
    let job = context.client.get_job(id).await?;
    let (id, state) = (id.to_string(), job_state(context.language, job.state));
    let stuck = job.state == JobState::Stuck;
    Ok(Some(Check {
        verdict: if stuck { Verdict::Bad } else { Verdict::Doubtful },
        message: context
            .text("cli.doctor-job", [("environment", environment.name.as_str()), ("job", &id), ("state", &state)]),
        hint: Some(if stuck {
            format!("backout job resolve {id} retry | unwind")
        } else {
            format!("backout job watch {id}")
        }),
    }))
}

/// The target's ledger beside what the running release brings.
fn compare(context: &Context, place: &Place, release: &ReleaseDetail, ledger: &LedgerView) -> Check {
    let store = ledger.store.name.as_str();
    let check = |verdict, key: &str, migrations: &str, hint: Option<String>| Check {
        verdict,
        message: context.text(
            key,
            [
                ("environment", place.env.as_str()),
                ("store", store),
                ("version", release.release.version.to_string().as_str()),
                ("migrations", migrations),
            ],
        ),
        hint,
    };
    if let Some(reason) = &ledger.unreachable {
        return check(Verdict::Bad, "cli.doctor-ledger-unreachable", &i18n::sentence(context.language, reason), None);
    }
    let brought = release.migrations.get(store).into_iter().flatten();
    let wanted: BTreeSet<&str> = brought.map(|migration| migration.version.as_str()).collect();
    let applied: BTreeSet<&str> = ledger.applied.iter().map(String::as_str).collect();
    let list = |versions: Vec<&&str>| versions.into_iter().copied().collect::<Vec<_>>().join(", ");
    let missing = list(wanted.difference(&applied).collect());
    let beyond = list(applied.difference(&wanted).collect());
    if !missing.is_empty() {
        let again = context.command(&format!("plan --deploy {}", release.release.version));
        return check(Verdict::Bad, "cli.doctor-ledger-missing", &missing, Some(again));
    }
    if !beyond.is_empty() {
        // A release that runs on a newer schema leaves it there: not wrong, but worth knowing.
        return check(Verdict::Doubtful, "cli.doctor-ledger-beyond", &beyond, Some(context.command("migrations")));
    }
    check(Verdict::Good, "cli.doctor-ledger-good", "", None)
}

/// A data store that differs from our ledger.
fn drifted(context: &Context, place: &Place, view: &DriftView) -> Check {
    let differences = view.drift.iter().filter(|drift| drift.is_difference()).map(|drift| {
        let detail = i18n::sentence(context.language, &drift.detail);
        drift.version.as_ref().map_or_else(|| detail.clone(), |version| format!("{version}: {detail}"))
    });
    let differences = differences.collect::<Vec<_>>().join("; ");
    let params = [("environment", place.env.as_str()), ("store", &view.store.name), ("differences", &differences)];
    Check {
        verdict: Verdict::Doubtful,
        message: context.text("cli.doctor-drift", params),
        hint: Some(context.command("drift")),
    }
}

/// Whether one could go back now: this asks images, containers and servers too.
async fn way_back(context: &Context, place: &Place, environment: &EnvironmentView) -> Result<Vec<Check>, Failure> {
    let request = RollbackRequest { expected_current: Some(current_of(environment)), ..RollbackRequest::default() };
    let plan = match context.client.plan_rollback(&place.app, &place.env, &request).await {
        Ok(plan) => plan,
        Err(client::Error::Problem(problem)) if problem.status == 409 => {
            let message = problem.detail.unwrap_or(problem.message);
            return Ok(vec![Check { verdict: Verdict::Doubtful, message, hint: problem.hint }]);
        }
        Err(error) => return Err(error.into()),
    };
    let mut checks: Vec<Check> = plan
        .findings
        .iter()
        // That a rollback would need a window is no ailment.
        .filter(|found| found.severity != Severity::Note && found.code != Code::MaintenanceWindow)
        .map(|found| Check {
            verdict: if found.severity == Severity::Blocker { Verdict::Bad } else { Verdict::Doubtful },
            message: finding(context.language, found),
            hint: finding_hint(context.language, found),
        })
        .collect();
    if plan.is_runnable() {
        let target = plan.to.version.to_string();
        checks.push(Check {
            verdict: Verdict::Good,
            message: context
                .text("cli.doctor-way-back", [("environment", place.env.as_str()), ("version", target.as_str())]),
            hint: None,
        });
    }
    Ok(checks)
}
