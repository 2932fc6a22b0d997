//! Waits until the started container is healthy.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::plan::ServiceAt;
use saga::{Probe, Step, StepContext, StepError};
use serde::{Deserialize, Serialize};

use crate::host::{Host, Watched};
use crate::http;
use crate::provider::Provider;

/// So that the step's own report of the last answer comes before the saga's "overdue".
const MARGIN: Duration = Duration::from_secs(5);

/// Asks the service itself, as its clients do. A health check that the image brings is not waited for: its
/// interval (30 s by default) would be added to the downtime.
pub(crate) struct CheckHealth {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) at: ServiceAt,
    pub(crate) port: u16,
    pub(crate) path: String,
    pub(crate) within: Duration,
}

/// When the container was found healthy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HealthReport {
    healthy_at: DateTime<Utc>,
    tries: u32,
    waited_ms: u64,
}

#[async_trait]
impl Step for CheckHealth {
    type Output = HealthReport;

    async fn run(&self, cx: &StepContext) -> Result<HealthReport, StepError> {
        let host = Host::open(self.provider.as_ref(), cx, &self.at.host).await?;
        let address = self.provider.address(cx.held().job, &self.at.host).await?;
        let url = http::url(&address, self.port, &self.path);
        let is_good = |status: u16| (200..300).contains(&status);
        let (container, service, provider) = (&self.at.container, &self.at.service, self.provider.as_ref());
        let watched = Watched { container, service, provider };
        let answered = http::wait_for_answer(&host, watched, &url, self.within, is_good).await?;
        Ok(HealthReport {
            healthy_at: Utc::now(),
            tries: answered.tries,
            waited_ms: u64::try_from(answered.waited.as_millis()).unwrap_or(u64::MAX),
        })
    }

    async fn probe(&self, _cx: &StepContext) -> Result<Probe<HealthReport>, StepError> {
        Ok(Probe::NotDone)
    }

    async fn undo(&self, _cx: &StepContext, _output: Option<HealthReport>) -> Result<(), StepError> {
        Ok(())
    }

    fn deadline(&self) -> Duration {
        self.within + MARGIN
    }

    fn has_effect(&self) -> bool {
        false
    }
}
