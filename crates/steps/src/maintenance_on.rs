//! Shows the maintenance page.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use saga::{Probe, Step, StepContext, StepError};

use crate::page::{Page, Shown};
use crate::provider::Provider;

/// The page is up within a second; the rest is for a host that is away for half a minute.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

pub(crate) struct MaintenanceOn {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) page: Page,
}

#[async_trait]
impl Step for MaintenanceOn {
    type Output = Shown;

    async fn run(&self, cx: &StepContext) -> Result<Shown, StepError> {
        self.page.show(self.provider.as_ref(), cx).await
    }

    async fn probe(&self, cx: &StepContext) -> Result<Probe<Shown>, StepError> {
        Ok(self.page.shown(self.provider.as_ref(), cx).await?.map_or(Probe::NotDone, Probe::Done))
    }

    async fn undo(&self, cx: &StepContext, _output: Option<Shown>) -> Result<(), StepError> {
        self.page.withdraw(self.provider.as_ref(), cx).await
    }

    fn deadline(&self) -> Duration {
        DEADLINE
    }

    /// A page that stays is taken away by a person; the version behind it comes back.
    fn holds_up_unwinding(&self) -> bool {
        false
    }
}
