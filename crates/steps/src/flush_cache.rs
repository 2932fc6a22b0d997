//! Removes cached keys, so that no version reads what another one wrote.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use driver_redis::{Budget, Patterns};
use saga::{Probe, Step, StepContext, StepError};
use serde::{Deserialize, Serialize};

use crate::error::cache_error;
use crate::provider::Provider;

/// A pass over the keys of a large cache; it is in the middle of the downtime.
const PASS: Duration = Duration::from_mins(1);
/// Two passes and a server that is away for half a minute. What one pass removed the next need not.
const DEADLINE: Duration = Duration::from_secs(150);

pub(crate) struct FlushCache {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) store: String,
    pub(crate) patterns: Vec<String>,
}

/// What was removed by the pass that came to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Flushed {
    removed: u64,
    by_pattern: BTreeMap<String, u64>,
}

#[async_trait]
impl Step for FlushCache {
    type Output = Flushed;

    async fn run(&self, cx: &StepContext) -> Result<Flushed, StepError> {
        let patterns = Patterns::new(&self.patterns).map_err(|error| cache_error(&self.store, &error))?;
        let cache = self.provider.cache(cx.held().job, &self.store).await?;
        let budget = Budget { within: PASS, ..Budget::default() };
        cx.assert_held().await?;
        let flushed = cache.flush(&patterns, budget).await.map_err(|error| cache_error(&self.store, &error))?;
        Ok(Flushed { removed: flushed.removed, by_pattern: flushed.by_pattern })
    }

    /// A second pass is harmless, and nobody can tell whether keys were there before the first.
    async fn probe(&self, _cx: &StepContext) -> Result<Probe<Flushed>, StepError> {
        Ok(Probe::NotDone)
    }

    /// The version that is taken back may have answered and filled the cache: its entries go too.
    async fn undo(&self, cx: &StepContext, _output: Option<Flushed>) -> Result<(), StepError> {
        self.run(cx).await.map(|_| ())
    }

    fn deadline(&self) -> Duration {
        DEADLINE
    }

    /// The version that comes back is worth more than a clean cache.
    fn holds_up_unwinding(&self) -> bool {
        false
    }
}
