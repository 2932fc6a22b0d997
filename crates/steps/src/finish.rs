//! Removes what was kept for going back. Images stay, so that the next rollback finds them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::plan::ServiceAt;
use saga::{Probe, Step, StepContext, StepError};
use sentence::sentence;
use serde::{Deserialize, Serialize};

use crate::host::Host;
use crate::provider::Provider;
use crate::retired::{self, Retired};

/// The target serves already: there is time to wait for a host.
const DEADLINE: Duration = Duration::from_mins(5);

pub(crate) struct Finish {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) retired: Vec<ServiceAt>,
}

/// What is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finished {
    /// Services whose retired containers are gone, as `service@host`.
    removed: Vec<String>,
}

impl Finish {
    fn finished(&self) -> Finished {
        Finished { removed: self.retired.iter().map(ToString::to_string).collect() }
    }

    async fn find<'a>(
        &'a self,
        cx: &'a StepContext,
        at: &'a ServiceAt,
    ) -> Result<(Host<'a>, Option<Retired>), StepError> {
        let host = Host::open(self.provider.as_ref(), cx, &at.host).await?;
        let retired = retired::find(&host, &at.container, cx.held().job).await?;
        Ok((host, retired))
    }
}

#[async_trait]
impl Step for Finish {
    type Output = Finished;

    async fn run(&self, cx: &StepContext) -> Result<Finished, StepError> {
        for at in &self.retired {
            let (host, Some(retired)) = self.find(cx, at).await? else { continue };
            let container = &retired.container;
            if container.is_up() {
                return Err(StepError::permanent(sentence!(
                    "container {container} on host {host} was retired and runs again: it is not removed",
                    container = container.describe(),
                    host = at.host
                ))
                .with_command(format!("docker stop {}", container.name())));
            }
            host.remove(container).await?;
        }
        Ok(self.finished())
    }

    async fn probe(&self, cx: &StepContext) -> Result<Probe<Finished>, StepError> {
        for at in &self.retired {
            if self.find(cx, at).await?.1.is_some() {
                return Ok(Probe::NotDone);
            }
        }
        Ok(Probe::Done(self.finished()))
    }

    /// Past the pivot nothing is taken back.
    async fn undo(&self, _cx: &StepContext, _output: Option<Finished>) -> Result<(), StepError> {
        Ok(())
    }

    fn deadline(&self) -> Duration {
        DEADLINE
    }

    fn has_effect(&self) -> bool {
        false
    }
}
