//! Removes the maintenance page.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use saga::{Probe, Step, StepContext, StepError};
use serde::{Deserialize, Serialize};

use crate::maintenance_on::DEADLINE;
use crate::page::Page;
use crate::provider::Provider;

pub(crate) struct MaintenanceOff {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) page: Page,
}

/// The page is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hidden {
    /// The container or the gateway whose page it was.
    of: String,
}

impl MaintenanceOff {
    fn hidden(&self) -> Hidden {
        Hidden { of: self.page.subject() }
    }
}

#[async_trait]
impl Step for MaintenanceOff {
    type Output = Hidden;

    async fn run(&self, cx: &StepContext) -> Result<Hidden, StepError> {
        self.page.hide(self.provider.as_ref(), cx).await?;
        Ok(self.hidden())
    }

    async fn probe(&self, cx: &StepContext) -> Result<Probe<Hidden>, StepError> {
        let is_hidden = self.page.is_hidden(self.provider.as_ref(), cx).await?;
        Ok(if is_hidden { Probe::Done(self.hidden()) } else { Probe::NotDone })
    }

    /// The plan unwinds through the window again, so visitors see the page again.
    async fn undo(&self, cx: &StepContext, _output: Option<Hidden>) -> Result<(), StepError> {
        self.page.show(self.provider.as_ref(), cx).await.map(drop)
    }

    fn deadline(&self) -> Duration {
        DEADLINE
    }

    /// The version comes back, with the page or without.
    fn holds_up_unwinding(&self) -> bool {
        false
    }
}
