//! Stops a service's container and keeps it under another name.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::plan::ServiceAt;
use saga::{Probe, Step, StepContext, StepError};
use serde::{Deserialize, Serialize};

use crate::host::Host;
use crate::http;
use crate::provider::Provider;
use crate::retired::{self, Retired};

/// The longest grace (2 min) and a host that is away for half a minute.
const DEADLINE: Duration = Duration::from_mins(3);
/// How long the old container may take to answer again before its undo goes on without.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);

pub(crate) struct StopService {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) at: ServiceAt,
}

/// The container that was stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptContainer {
    container_id: String,
    image_id: String,
    /// The restart policy that it had and gets back.
    restart_policy: String,
    /// Whether it ran before, and will again when the stop is undone. (Outputs from before this was written down say
    /// nothing.)
    #[serde(default = "yes")]
    was_running: bool,
    /// Its name while it is kept.
    retired_name: String,
    /// When it ended, by the engine's clock.
    stopped_at: Option<DateTime<Utc>>,
}

fn yes() -> bool {
    true
}

impl KeptContainer {
    fn of(retired: &Retired) -> Self {
        let container = &retired.container;
        Self {
            container_id: container.id().to_owned(),
            image_id: container.image_id().to_owned(),
            restart_policy: retired.policy.name.clone(),
            was_running: retired.was_up,
            retired_name: container.name().to_owned(),
            stopped_at: container.finished_at(),
        }
    }
}

impl StopService {
    async fn host<'a>(&'a self, cx: &'a StepContext) -> Result<Host<'a>, StepError> {
        Host::open(self.provider.as_ref(), cx, &self.at.host).await
    }

    /// "Undone" tells people that the old version is back, so it is given the time to answer. What it answers, and
    /// whether it does, is its own affair: it may be the version that failed.
    async fn wait_until_it_answers(&self, cx: &StepContext, host: &Host<'_>) -> Result<(), StepError> {
        let service = self.provider.service(cx.held().job, &self.at.service).await?.service;
        let address = self.provider.address(cx.held().job, &self.at.host).await?;
        let url = http::url(&address, service.port, &service.health.path);
        let deadline = Instant::now() + ANSWER_WITHIN;
        let client = http::client()?;
        // One that was down before, or ends again, has nothing to answer with.
        while host.inspect(&self.at.container).await?.is_some_and(|container| container.is_up())
            && client.get(&url).timeout(ANSWER_WITHIN).send().await.is_err()
            && Instant::now() < deadline
        {
            host.sleep(PAUSE).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Step for StopService {
    type Output = KeptContainer;

    async fn run(&self, cx: &StepContext) -> Result<KeptContainer, StepError> {
        let host = self.host(cx).await?;
        Ok(KeptContainer::of(&retired::put_aside(&host, &self.at, cx.held().job).await?))
    }

    async fn probe(&self, cx: &StepContext) -> Result<Probe<KeptContainer>, StepError> {
        let host = self.host(cx).await?;
        Ok(match retired::find(&host, &self.at.container, cx.held().job).await? {
            Some(retired) if retired.is_at_rest() => Probe::Done(KeptContainer::of(&retired)),
            _ => Probe::NotDone,
        })
    }

    async fn undo(&self, cx: &StepContext, output: Option<KeptContainer>) -> Result<(), StepError> {
        let host = self.host(cx).await?;
        match (retired::take_back(&host, &self.at, cx.held().job).await?, output) {
            (true, _) => self.wait_until_it_answers(cx, &host).await,
            // Without an output there may have been no container from the beginning.
            (false, None) => Ok(()),
            (false, Some(stopped)) => Err(retired::gone(&self.at, &stopped.retired_name).with_command(format!(
                "docker run --detach --name {} {}   # on host {}, with what it had; then backout job resolve {} retry",
                self.at.container,
                stopped.image_id,
                self.at.host,
                cx.held().job
            ))),
        }
    }

    fn deadline(&self) -> Duration {
        DEADLINE
    }
}
