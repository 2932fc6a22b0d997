//! Following a job to its rest: live bars on a terminal, plain lines elsewhere.

mod display;

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use client::{JobFilter, PageRequest};
use domain::deployment::DeploymentKind;
use domain::ids::JobId;
use domain::job::JobState;
use domain::step::StepState;
use domain::view::{ErrorView, JobEventView, JobView};
use futures::TryStreamExt;
use serde::Deserialize;

use self::display::Display;
use super::context::Context;
use super::failure::Failure;
use super::{output, render};

/// How long a job may be silent before a person is told what it waits for.
const PATIENCE: Duration = Duration::from_secs(2);
/// More jobs than run at a time and are worth naming.
const MANY: u32 = 10;

/// What an event of a job or a step carries.
#[derive(Deserialize)]
struct Moved<S> {
    state: S,
    #[serde(default)]
    error: Option<ErrorView>,
}

/// What a step tells on its way.
#[derive(Deserialize)]
#[serde(untagged)]
enum Progress {
    /// How far it is.
    Share { what: String, done: u64, total: u64 },
    /// How much a step has read whose end it does not know.
    Read { read_bytes: u64 },
    /// What is in its way; it is tried again.
    Trouble { retrying: String },
    /// Settings of the old container that the new one does not have.
    Left { not_carried: Vec<String> },
}

/// Shows the job's steps as they happen; gives the job as it rests.
pub(crate) async fn watch(context: &Context, id: JobId) -> Result<JobView, Failure> {
    context.watching(Some(id));
    let job = context.client.get_job(id).await?;
    let mut shown = Shown { display: Display::of(context, &job), begun: HashMap::new(), trouble: HashMap::new() };
    let mut events = context.client.job_events(id, 0);
    let mut told = None;
    loop {
        match tokio::time::timeout(PATIENCE, events.try_next()).await {
            Ok(event) => match event? {
                Some(event) => shown.show(&event),
                None => break,
            },
            // Silence may be work, or waiting for something that a person can do.
            Err(_) => tell_what_it_waits_for(context, id, &mut told, &shown.display).await,
        }
    }
    shown.display.finish();
    let job = context.client.get_job(id).await?;
    context.watching(None);
    Ok(job)
}

/// Says once for each state what a job that does not move waits for. A service that does not answer just now is no
/// reason to stop: the stream of events knows when to give up.
async fn tell_what_it_waits_for(context: &Context, id: JobId, told: &mut Option<JobState>, display: &Display) {
    let Ok(job) = context.client.get_job(id).await else { return };
    if *told == Some(job.state) {
        return;
    }
    *told = Some(job.state);
    let cancel = format!("backout job cancel {id}");
    let note = match job.state {
        JobState::Queued => {
            let running = JobFilter { state: Some(JobState::Running), ..JobFilter::default() };
            let Ok(running) = context.client.list_jobs(&running, &PageRequest::first(MANY)).await else { return };
            if running.items.is_empty() {
                context.text("cli.waits-for-worker", [("command", "backout worker")])
            } else {
                let others: Vec<_> = running.items.iter().map(|job| job.id.to_string()).collect();
                context.text("cli.waits-for-slot", [("jobs", others.join(", ").as_str())])
            }
        }
        JobState::AwaitingApproval => context.text("cli.waits-for-approval", [("command", cancel.as_str())]),
        JobState::Paused => context.text("cli.waits-paused", [("command", cancel.as_str())]),
        JobState::Running
        | JobState::Unwinding
        | JobState::Stuck
        | JobState::Succeeded
        | JobState::Failed
        | JobState::Cancelled
        | JobState::Undone => return,
    };
    display.note(&note);
}

/// The same, and says how it ended and what undoes it.
pub(crate) async fn watch_and_tell(context: &Context, id: JobId) -> Result<JobView, Failure> {
    let job = watch(context, id).await?;
    if context.json {
        output::json(&job);
        return Ok(job);
    }
    output::line("");
    output::line(render::outcome(context.language, &job).trim_end());
    let next = match (job.state, undo(&job)) {
        (JobState::Succeeded, Some(undo)) => {
            let undo = context.command_at(&undo, &job.application, &job.environment).await;
            Some(context.text("cli.undo-with", [("command", undo.as_str())]))
        }
        (JobState::Stuck, _) => {
            let retry = format!("backout job resolve {id} retry");
            let unwind = format!("backout job resolve {id} unwind");
            Some(context.text("cli.stuck-next", [("retry", retry.as_str()), ("unwind", unwind.as_str())]))
        }
        (JobState::Failed | JobState::Undone, _) => {
            let doctor = context.command_at("doctor", &job.application, &job.environment).await;
            Some(context.text("cli.next", [("command", doctor.as_str())]))
        }
        _ => None,
    };
    if let Some(next) = next {
        output::line(&next);
    }
    Ok(job)
}

/// The command that undoes what a job did.
fn undo(job: &JobView) -> Option<String> {
    match job.kind {
        DeploymentKind::Deploy | DeploymentKind::Rollback => job.from.as_ref().map(|from| format!("deploy {from}")),
        DeploymentKind::MaintenanceOn => Some("maintenance off".to_owned()),
        DeploymentKind::MaintenanceOff | DeploymentKind::Migrate | DeploymentKind::Backup | DeploymentKind::Restore => {
            None
        }
    }
}

struct Shown {
    display: Display,
    begun: HashMap<u32, DateTime<Utc>>,
    /// What was last in a step's way.
    trouble: HashMap<u32, String>,
}

impl Shown {
    /// An event of a kind or shape that is not known yet is left out: the job's end is asked for anyway.
    fn show(&mut self, event: &JobEventView) {
        let data = event.data.clone();
        match (event.kind.as_str(), event.step) {
            ("step", Some(step)) => {
                if let Ok(moved) = serde_json::from_value::<Moved<StepState>>(data) {
                    self.step(step, event.at, &moved);
                }
            }
            ("progress", Some(step)) => {
                if let Ok(progress) = serde_json::from_value::<Progress>(data) {
                    self.progress(step, progress);
                }
            }
            ("job", _) => {
                if let Ok(moved) = serde_json::from_value::<Moved<JobState>>(data) {
                    self.display.job(moved.state, moved.error.as_ref());
                }
            }
            _ => {}
        }
    }

    fn progress(&mut self, step: u32, progress: Progress) {
        match progress {
            Progress::Share { what, done, total } => self.display.progress(step, &what, done, total),
            Progress::Read { read_bytes } => self.display.amount(step, read_bytes),
            Progress::Trouble { retrying } => {
                // Once, though it is tried every few seconds.
                if self.trouble.insert(step, retrying.clone()).as_ref() != Some(&retrying) {
                    self.display.news(step, "cli.step-retrying", &retrying);
                }
            }
            Progress::Left { not_carried } => {
                for setting in not_carried {
                    self.display.news(step, "cli.step-not-carried", &setting);
                }
            }
        }
    }

    fn step(&mut self, step: u32, at: DateTime<Utc>, moved: &Moved<StepState>) {
        match moved.state {
            StepState::Pending => {}
            StepState::Started | StepState::Undoing => {
                self.begun.insert(step, at);
                self.display.begin(step, moved.state);
            }
            StepState::Finished | StepState::Failed | StepState::Undone | StepState::UndoFailed => {
                let began = self.begun.remove(&step).unwrap_or(at);
                self.display.end(step, moved.state, began, at, moved.error.as_ref());
            }
        }
    }
}
