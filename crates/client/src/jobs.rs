//! Jobs: looking at them, waiting for them, calling them off.

use std::time::Duration;

use domain::ids::JobId;
use domain::job::JobState;
use domain::view::{CancelRequest, JobReport, JobView, Page, ResolveRequest};
use serde::Serialize;

use crate::call::Call;
use crate::http::with_query;
use crate::{Client, PageRequest, Result};

/// Which jobs.
#[derive(Debug, Clone, Default, Serialize)]
pub struct JobFilter {
    /// Only of this application.
    pub application: Option<String>,
    /// Only of this environment.
    pub environment: Option<String>,
    /// Only in this state.
    pub state: Option<JobState>,
}

#[derive(Serialize)]
struct Query<'a> {
    #[serde(flatten)]
    filter: &'a JobFilter,
    #[serde(flatten)]
    page: &'a PageRequest,
}

#[derive(Serialize)]
struct Wait {
    wait: String,
}

impl Client {
    /// Jobs, newest first.
    pub async fn list_jobs(&self, filter: &JobFilter, page: &PageRequest) -> Result<Page<JobView>> {
        self.fetch_with(self.api(&["jobs"]), &Query { filter, page }).await
    }

    /// The job with its steps and its plan.
    pub async fn get_job(&self, id: JobId) -> Result<JobView> {
        self.fetch(Call::get(self.job(id, &[]))).await
    }

    /// The same, answered when the job rests (ended or stuck) or when the time is over.
    pub async fn wait_for_job(&self, id: JobId, at_most: Duration) -> Result<JobView> {
        let wait = Wait { wait: format!("{}s", at_most.as_secs()) };
        self.fetch(Call::get(with_query(self.job(id, &[]), &wait)?).longer_by(at_most)).await
    }

    /// What a job did, with its statements and backups.
    pub async fn report_job(&self, id: JobId) -> Result<JobReport> {
        self.fetch(Call::get(self.job(id, &["report"]))).await
    }

    /// Calls the job off: between steps, and inside those that can stop.
    pub async fn cancel_job(&self, id: JobId, request: &CancelRequest) -> Result<JobView> {
        self.fetch(Call::post(self.job(id, &["cancel"]), request)?).await
    }

    /// Decides on a stuck job.
    pub async fn resolve_job(&self, id: JobId, request: &ResolveRequest) -> Result<JobView> {
        self.fetch(Call::post(self.job(id, &["resolve"]), request)?).await
    }

    pub(crate) fn job(&self, id: JobId, rest: &[&str]) -> url::Url {
        let id = id.to_string();
        self.path(["api", "v1", "jobs", &id].iter().chain(rest))
    }
}
