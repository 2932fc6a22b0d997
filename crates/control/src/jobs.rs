//! Jobs: looking at them, waiting for them, calling them off.

use std::time::Duration;

use domain::ids::JobId;
use domain::job::JobState;
use domain::view::{CancelRequest, JobEventView, JobView, Page, ResolveRequest};

use crate::{Caller, Control, PageRequest, Result};

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

impl Control {
    /// Jobs, newest first.
    pub async fn list_jobs(&self, _caller: &Caller, _filter: JobFilter, _page: PageRequest) -> Result<Page<JobView>> {
        todo!()
    }

    /// The job with its steps and its plan.
    pub async fn get_job(&self, _caller: &Caller, _id: JobId) -> Result<JobView> {
        todo!()
    }

    /// The same, answered when the job rests (ended or stuck) or when the time is over.
    pub async fn wait_for_job(&self, _caller: &Caller, _id: JobId, _at_most: Duration) -> Result<JobView> {
        todo!()
    }

    /// Events after the given one, oldest first, at most 500. Waits up to `at_most` for the first one.
    pub async fn job_events(
        &self,
        _caller: &Caller,
        _id: JobId,
        _after: u64,
        _at_most: Duration,
    ) -> Result<Vec<JobEventView>> {
        todo!()
    }

    /// Calls the job off: between steps, and inside those that can stop.
    pub async fn cancel_job(&self, _caller: &Caller, _id: JobId, _request: CancelRequest) -> Result<JobView> {
        todo!()
    }

    /// Decides on a stuck job.
    pub async fn resolve_job(&self, _caller: &Caller, _id: JobId, _request: ResolveRequest) -> Result<JobView> {
        todo!()
    }
}
