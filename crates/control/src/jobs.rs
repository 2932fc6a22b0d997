//! Jobs: looking at them, waiting for them, calling them off.

use std::time::Duration;

use domain::ids::JobId;
use domain::job::{JobEvent, JobState};
use domain::problem::ProblemType;
use domain::view::{CancelRequest, JobEventView, JobReport, JobView, Page, ResolveRequest, StuckChoice};
use store::JobQuery;
use tokio::time::Instant;

use crate::change::require_short;
use crate::error::named;
use crate::wake::news_of;
use crate::{Caller, Control, Error, PageRequest, Result, permission};

/// Which jobs.
#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    /// Only of this application.
    pub application: Option<String>,
    /// Only of this environment.
    pub environment: Option<String>,
    /// Only in this state.
    pub state: Option<JobState>,
}

/// How often a waiting caller looks at the table when nothing wakes it.
const POLL: Duration = Duration::from_millis(500);
const EVENTS_AT_ONCE: u32 = 500;

impl Control {
    /// Jobs, newest first.
    pub async fn list_jobs(&self, caller: &Caller, filter: JobFilter, page: PageRequest) -> Result<Page<JobView>> {
        caller.require(permission::READ)?;
        let query = JobQuery { application: filter.application, environment: filter.environment, state: filter.state };
        Ok(self.database().jobs(&query, &page.cursor()?).await?)
    }

    /// The job with its steps and its plan.
    pub async fn get_job(&self, caller: &Caller, id: JobId) -> Result<JobView> {
        caller.require(permission::READ)?;
        self.job(id).await
    }

    /// What a job did, with its statements and backups.
    pub async fn report_job(&self, caller: &Caller, id: JobId) -> Result<JobReport> {
        caller.require(permission::READ)?;
        let job = self.job(id).await?;
        let statements = self.database().statements_of_job(id).await?;
        let backups = self.database().backups_of_job(id).await?;
        Ok(JobReport { job, statements, backups })
    }

    /// The same, answered when the job rests (ended or stuck) or when the time is over.
    pub async fn wait_for_job(&self, caller: &Caller, id: JobId, at_most: Duration) -> Result<JobView> {
        caller.require(permission::READ)?;
        let deadline = Instant::now() + at_most;
        let mut news = self.wake().watch_jobs();
        loop {
            let job = self.job(id).await?;
            let left = deadline.saturating_duration_since(Instant::now());
            if rests(job.state) || left.is_zero() {
                return Ok(job);
            }
            news_of(&mut news, id, left.min(POLL)).await;
        }
    }

    /// Events after the given one, oldest first, at most 500. Waits up to `at_most` for the first one.
    pub async fn job_events(
        &self,
        caller: &Caller,
        id: JobId,
        after: u64,
        at_most: Duration,
    ) -> Result<Vec<JobEventView>> {
        caller.require(permission::READ)?;
        let deadline = Instant::now() + at_most;
        let mut news = self.wake().watch_jobs();
        loop {
            let events = self.database().events(id, after, EVENTS_AT_ONCE).await?;
            let left = deadline.saturating_duration_since(Instant::now());
            if !events.is_empty() || left.is_zero() {
                if events.is_empty() && after == 0 {
                    self.job(id).await?; // every job has an event: this names one that does not exist
                }
                return Ok(events);
            }
            news_of(&mut news, id, left.min(POLL)).await;
        }
    }

    /// Calls the job off: between steps, and inside those that can stop.
    pub async fn cancel_job(&self, caller: &Caller, id: JobId, request: CancelRequest) -> Result<JobView> {
        caller.require(permission::JOB_CONTROL)?;
        require_short(&request.reason)?;
        self.database().cancel(&caller.actor, id, &request.reason).await.map_err(named_job(id))?;
        self.wake().job(id);
        self.job(id).await
    }

    /// Decides on a stuck job.
    pub async fn resolve_job(&self, caller: &Caller, id: JobId, request: ResolveRequest) -> Result<JobView> {
        caller.require(permission::JOB_CONTROL)?;
        require_short(&request.reason)?;
        let event = match request.choice {
            StuckChoice::Retry => JobEvent::RetryWanted,
            StuckChoice::Unwind => JobEvent::UnwindWanted,
        };
        self.database().resolve(&caller.actor, id, event, &request.reason).await.map_err(named_job(id))?;
        self.wake().queued();
        self.job(id).await
    }

    async fn job(&self, id: JobId) -> Result<JobView> {
        self.database().job_view(id).await.map_err(named("job", &id.to_string()))
    }
}

/// Whether nothing more happens to a job by itself.
fn rests(state: JobState) -> bool {
    state.is_final() || state == JobState::Stuck
}

fn named_job(id: JobId) -> impl FnOnce(store::Error) -> Error {
    move |error| match error {
        store::Error::Conflict(why) => {
            Error::new(ProblemType::JobState, why).with_command(format!("backout job watch {id}"))
        }
        other => named("job", &id.to_string())(other),
    }
}
