//! Starts the container again that an earlier job stopped and kept, as it was but for one thing: it runs, also if it was
//! down before. Opening again means that the service answers.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::JobId;
use domain::plan::ServiceAt;
use saga::{Probe, Step, StepContext, StepError};
use sentence::sentence;
use serde::{Deserialize, Serialize};

use crate::container::Container;
use crate::error::world_changed;
use crate::host::Host;
use crate::provider::Provider;
use crate::retired;

/// A start takes about a second; the rest is for a host that is away for half a minute and, in the undo,
/// for the longest grace (2 min).
const DEADLINE: Duration = Duration::from_mins(3);

pub(crate) struct ResumeService {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) at: ServiceAt,
    pub(crate) stopped_by: JobId,
}

/// The container that runs again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Resumed {
    container_id: String,
    image_id: String,
    /// By the engine's clock.
    started_at: Option<DateTime<Utc>>,
}

impl Resumed {
    fn of(container: &Container) -> Self {
        Self {
            container_id: container.id().to_owned(),
            image_id: container.image_id().to_owned(),
            started_at: container.started_at(),
        }
    }
}

impl ResumeService {
    async fn host<'a>(&'a self, cx: &'a StepContext) -> Result<Host<'a>, StepError> {
        Host::open(self.provider.as_ref(), cx, &self.at.host).await
    }
}

#[async_trait]
impl Step for ResumeService {
    type Output = Resumed;

    async fn run(&self, cx: &StepContext) -> Result<Resumed, StepError> {
        let host = self.host(cx).await?;
        if !retired::take_back(&host, &self.at, self.stopped_by).await? {
            return Err(world_changed(sentence!(
                "container {container} of {at} was kept as {name} and is gone",
                container = self.at.container,
                at = self.at.to_string(),
                name = retired::name(&self.at.container, self.stopped_by)
            )));
        }
        let container = host.inspect_existing(&self.at.container).await?;
        if container.is_up() {
            return Ok(Resumed::of(&container));
        }
        host.start(container.id()).await?;
        Ok(Resumed::of(&host.inspect_existing(&self.at.container).await?))
    }

    async fn probe(&self, cx: &StepContext) -> Result<Probe<Resumed>, StepError> {
        let host = self.host(cx).await?;
        if retired::find(&host, &self.at.container, self.stopped_by).await?.is_some() {
            return Ok(Probe::NotDone);
        }
        Ok(match host.inspect(&self.at.container).await? {
            Some(container) if container.is_up() => Probe::Done(Resumed::of(&container)),
            _ => Probe::NotDone,
        })
    }

    /// Kept under the earlier job's name again, so that the next attempt finds it.
    async fn undo(&self, cx: &StepContext, output: Option<Resumed>) -> Result<(), StepError> {
        let host = self.host(cx).await?;
        let is_kept = retired::find(&host, &self.at.container, self.stopped_by).await?.is_some();
        if !is_kept && output.is_none() && host.inspect(&self.at.container).await?.is_none() {
            // It was gone when the step began.
            return Ok(());
        }
        retired::put_aside(&host, &self.at, self.stopped_by).await.map(drop)
    }

    fn deadline(&self) -> Duration {
        DEADLINE
    }
}
