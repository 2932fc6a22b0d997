//! The end of jobs, written for many at once: the deployment's result, what the environment runs, its lock,
//! the measurements and the event.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::deployment::DeploymentKind;
use domain::ids::{DeploymentId, EnvironmentId, JobId, WorkerId};
use domain::job::JobState;
use domain::plan::{Plan, StepSpec};
use domain::view::{ErrorView, Measurements};
use sentence::sentence;
use serde_json::Value;
use sqlx::Row;
use sqlx::mysql::MySqlRow;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::literals::{case, id, list, text};
use crate::rows::{json as json_column, time, time_or_none, to_json, word};

/// A job as it stands before its end; its row is locked.
pub(crate) struct Account {
    pub(crate) job: JobId,
    pub(crate) state: JobState,
    pub(crate) fence: u64,
    pub(crate) worker: Option<WorkerId>,
    pub(crate) event_seq: u64,
    plan: Plan,
    kind: DeploymentKind,
    environment: EnvironmentId,
    deployment: DeploymentId,
    reason: String,
    measurements: Measurements,
}

/// How a job ends.
pub(crate) struct Completion {
    pub(crate) account: Account,
    /// A final state.
    pub(crate) next: JobState,
    pub(crate) error: Option<ErrorView>,
    /// The event that tells it, where it has not been written already.
    pub(crate) event: Option<EndEvent>,
}

/// The event of an end.
pub(crate) struct EndEvent {
    pub(crate) seq: u64,
    pub(crate) step: Option<u32>,
    pub(crate) data: Value,
}

/// Two reads: they lock the jobs' rows, in the order of their ids, and get what the ends need; see [`accounts`].
pub(crate) fn reads(jobs: &[JobId]) -> String {
    let ids = list(jobs.iter().map(|job| id(job.0)));
    format!(
        "SELECT j.id, j.state, j.fence, j.worker_id, j.event_seq, j.created_at, j.plan, j.kind, j.environment_id, \
         j.deployment_id, j.reason, \
         (SELECT CAST(COALESCE(SUM(row_count), 0) AS UNSIGNED) FROM preservations WHERE job_id = j.id) AS preserved, \
         (SELECT CAST(COALESCE(SUM(row_count), 0) AS UNSIGNED) FROM preservations WHERE restored_by = j.id) AS restored, \
         (SELECT MAX(begun_at) FROM backups WHERE job_id = j.id) AS backed_up_at \
         FROM jobs j WHERE j.id IN ({ids}) ORDER BY j.id FOR UPDATE; \
         SELECT job_id, step, name, started_at, finished_at FROM job_steps WHERE job_id IN ({ids}) AND state = 'finished'"
    )
}

/// What the two [`reads`] found. A job that cannot be read has its error; one that is not there is left out.
pub(crate) fn accounts(found: &[Vec<MySqlRow>]) -> Result<Vec<(JobId, Result<Account>)>> {
    let [jobs, steps] = found else {
        return Err(Error::Corrupt(sentence!("{found} results in place of 2", found = found.len())));
    };
    let mut by_job: HashMap<Uuid, Vec<&MySqlRow>> = HashMap::new();
    for row in steps {
        by_job.entry(row.try_get("job_id")?).or_default().push(row);
    }
    jobs.iter()
        .map(|row| {
            let job = row.try_get::<Uuid, _>("id")?;
            Ok((JobId(job), account(row, by_job.get(&job).map_or(&[], Vec::as_slice))))
        })
        .collect()
}

fn account(row: &MySqlRow, steps: &[&MySqlRow]) -> Result<Account> {
    let plan: Plan = json_column(row, "plan")?;
    let measurements = measure(row, &plan, steps)?;
    Ok(Account {
        job: JobId(row.try_get("id")?),
        state: word(row, "state", JobState::from_word)?,
        fence: row.try_get("fence")?,
        worker: row.try_get::<Option<Uuid>, _>("worker_id")?.map(WorkerId),
        event_seq: row.try_get("event_seq")?,
        plan,
        kind: word(row, "kind", DeploymentKind::from_word)?,
        environment: EnvironmentId(row.try_get("environment_id")?),
        deployment: DeploymentId(row.try_get("deployment_id")?),
        reason: row.try_get("reason")?,
        measurements,
    })
}

/// What the job's own records say of it and its recovery.
fn measure(row: &MySqlRow, plan: &Plan, steps: &[&MySqlRow]) -> Result<Measurements> {
    let (mut pivot, mut closed, mut opened, mut first_change) = (None, None, None, None);
    for step in steps {
        let name: &str = step.try_get("name")?;
        let (started, finished) = (time_or_none(step, "started_at")?, time_or_none(step, "finished_at")?);
        if step.try_get::<u32, _>("step")? == plan.pivot {
            pivot = finished;
        }
        match name {
            // Behind a gateway the page comes first and goes last; without one the service goes first and comes last.
            "stop_service" | "maintenance_on" => closed = earlier(closed, started),
            "check_health" | "maintenance_off" => opened = opened.max(finished),
            "migrate_down" | "migrate_up" => first_change = earlier(first_change, started),
            _ => {}
        }
    }
    Ok(Measurements {
        recovery_ms: between(Some(time(row, "created_at")?), pivot),
        downtime_ms: between(closed, opened),
        rows_preserved: row.try_get("preserved")?,
        rows_restored: row.try_get("restored")?,
        backup_age_ms: between(time_or_none(row, "backed_up_at")?, first_change),
    })
}

fn earlier(a: Option<DateTime<Utc>>, b: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

fn between(from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>) -> Option<u64> {
    u64::try_from((to? - from?).num_milliseconds()).ok()
}

/// The writes of the ends. The rows have to be locked by the transaction that makes them.
pub(crate) fn writes(completions: &[Completion]) -> Result<String> {
    // One table and one key each: an update of joined tables goes through a temporary table, on disk where it holds
    // texts, and takes several times as long.
    let statements = [
        jobs(completions)?,
        deployments(completions),
        environments(completions),
        images(completions),
        events(completions),
    ];
    Ok(statements.into_iter().filter(|statement| !statement.is_empty()).collect::<Vec<_>>().join("; "))
}

fn jobs(completions: &[Completion]) -> Result<String> {
    let (mut states, mut errors, mut events) = (Vec::new(), Vec::new(), Vec::new());
    for Completion { account, next, error, event } in completions {
        let job = id(account.job.0);
        states.push((job.clone(), format!("'{}'", next.as_str())));
        // An unwinding that ends well does not erase why it began; a success after a person's retry does.
        match error {
            _ if *next == JobState::Succeeded => errors.push((job.clone(), "NULL".to_owned())),
            Some(error) => errors.push((job.clone(), text(&to_json(error)?))),
            None => {}
        }
        events.extend(event.as_ref().map(|_| (job, "event_seq + 1".to_owned())));
    }
    let measured = |column: &str, value: fn(&Measurements) -> Option<u64>| {
        let values: Vec<_> = completions
            .iter()
            .map(|Completion { account, .. }| {
                let value = value(&account.measurements).map_or_else(|| "NULL".to_owned(), |value| value.to_string());
                (id(account.job.0), value)
            })
            .collect();
        format!("{column} = {}", case(column, &values, completions.len()))
    };
    let measurements = [
        measured("recovery_ms", |measured| measured.recovery_ms),
        measured("downtime_ms", |measured| measured.downtime_ms),
        measured("rows_preserved", |measured| Some(measured.rows_preserved)),
        measured("rows_restored", |measured| Some(measured.rows_restored)),
        measured("backup_age_ms", |measured| measured.backup_age_ms),
    ];
    Ok(format!(
        "UPDATE jobs SET state = {}, error = {}, {}, event_seq = {}, ended_at = UTC_TIMESTAMP(6) WHERE id IN ({})",
        case("state", &states, completions.len()),
        case("error", &errors, completions.len()),
        measurements.join(", "),
        case("event_seq", &events, completions.len()),
        list(completions.iter().map(|completion| id(completion.account.job.0)))
    ))
}

fn deployments(completions: &[Completion]) -> String {
    let results: Vec<_> = completions
        .iter()
        .map(|Completion { account, next, .. }| {
            let result = if *next == JobState::Succeeded { "'succeeded'" } else { "'failed'" };
            (id(account.deployment.0), result.to_owned())
        })
        .collect();
    format!(
        "UPDATE deployments SET result = {}, ended_at = UTC_TIMESTAMP(6) WHERE id IN ({})",
        case("result", &results, completions.len()),
        list(results.iter().map(|(deployment, _)| deployment.clone()))
    )
}

/// What runs changes with a release; the maintenance page only stands in front of it.
fn environments(completions: &[Completion]) -> String {
    let (mut current, mut reasons, mut pages) = (Vec::new(), Vec::new(), Vec::new());
    for Completion { account, .. } in completions.iter().filter(|completion| completion.next == JobState::Succeeded) {
        let environment = id(account.environment.0);
        match account.kind {
            DeploymentKind::Deploy | DeploymentKind::Rollback => current.push((environment, id(account.deployment.0))),
            DeploymentKind::MaintenanceOn => {
                reasons.push((environment.clone(), text(&account.reason)));
                pages.push((environment, id(account.job.0)));
            }
            DeploymentKind::Migrate | DeploymentKind::Backup | DeploymentKind::Restore => {}
            DeploymentKind::MaintenanceOff => {
                reasons.push((environment.clone(), "NULL".to_owned()));
                pages.push((environment, "NULL".to_owned()));
            }
        }
    }
    format!(
        "UPDATE environments SET active_job_id = NULL, current_deployment_id = {}, maintenance_reason = {}, \
         maintenance_job_id = {} WHERE id IN ({})",
        case("current_deployment_id", &current, completions.len()),
        case("maintenance_reason", &reasons, completions.len()),
        case("maintenance_job_id", &pages, completions.len()),
        list(completions.iter().map(|completion| id(completion.account.environment.0)))
    )
}

fn images(completions: &[Completion]) -> String {
    let mut rows = Vec::new();
    for Completion { account, .. } in completions.iter().filter(|completion| completion.next == JobState::Succeeded) {
        for step in &account.plan.steps {
            if let StepSpec::StartService { at, release, image, image_id, .. } = &step.spec {
                let (deployment, release) = (id(account.deployment.0), id(release.0));
                rows.push(format!(
                    "({deployment}, {release}, {}, {}, {})",
                    text(&at.host),
                    text(image),
                    text(image_id)
                ));
            }
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    format!(
        "INSERT INTO deployment_images (deployment_id, release_id, host, reference, image_id) VALUES {} \
         ON DUPLICATE KEY UPDATE image_id = image_id",
        rows.join(", ")
    )
}

fn events(completions: &[Completion]) -> String {
    let rows: Vec<String> = completions
        .iter()
        .filter_map(|Completion { account, event, .. }| {
            let EndEvent { seq, step, data } = event.as_ref()?;
            let step = step.map_or_else(|| "NULL".to_owned(), |step| step.to_string());
            Some(format!(
                "({}, {seq}, UTC_TIMESTAMP(6), 'job', {step}, {})",
                id(account.job.0),
                text(&data.to_string())
            ))
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    format!("INSERT INTO job_events (job_id, seq, at, kind, step, data) VALUES {}", rows.join(", "))
}
