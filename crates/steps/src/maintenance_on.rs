//! Starts the maintenance page on the service's port.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use saga::{Probe, Step, StepContext, StepError};
use serde::{Deserialize, Serialize};

use crate::container::Container;
use crate::page::Page;
use crate::provider::Provider;

/// The page is up within a second; the rest is for a host that is away for half a minute.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

pub(crate) struct MaintenanceOn {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) page: Page,
}

/// The page that is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shown {
    container_id: String,
    /// By the engine's clock.
    shown_at: Option<DateTime<Utc>>,
}

impl Shown {
    fn of(page: &Container) -> Self {
        Self { container_id: page.id().to_owned(), shown_at: page.started_at() }
    }
}

#[async_trait]
impl Step for MaintenanceOn {
    type Output = Shown;

    async fn run(&self, cx: &StepContext) -> Result<Shown, StepError> {
        Ok(Shown::of(&self.page.show(self.provider.as_ref(), cx).await?))
    }

    async fn probe(&self, cx: &StepContext) -> Result<Probe<Shown>, StepError> {
        let page = self.page.shown(self.provider.as_ref(), cx).await?;
        Ok(page.map_or(Probe::NotDone, |page| Probe::Done(Shown::of(&page))))
    }

    async fn undo(&self, cx: &StepContext, _output: Option<Shown>) -> Result<(), StepError> {
        self.page.withdraw(self.provider.as_ref(), cx).await
    }

    fn deadline(&self) -> Duration {
        DEADLINE
    }
}
