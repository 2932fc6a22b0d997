//! Waiting for a condition with a deadline, in place of sleeping.

use std::future::Future;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Time between two looks at a condition.
pub(crate) const INTERVAL: Duration = Duration::from_millis(20);

/// What a polled condition may return: `bool`, or `Option` to hand a value out.
pub trait Condition {
    /// What the waiter gets once the condition holds.
    type Value;
    /// The value if the condition holds.
    fn met(self) -> Option<Self::Value>;
}

impl Condition for bool {
    type Value = ();
    fn met(self) -> Option<()> {
        self.then_some(())
    }
}

impl<T> Condition for Option<T> {
    type Value = T;
    fn met(self) -> Option<T> {
        self
    }
}

/// Polls `condition` each 20 ms until it is `true` or `Some`; an error once `within` has passed,
/// also when the condition itself hangs.
pub async fn eventually<C, F, Fut>(within: Duration, mut condition: F) -> Result<C::Value>
where
    C: Condition,
    F: FnMut() -> Fut,
    Fut: Future<Output = C>,
{
    let poll = async {
        loop {
            if let Some(value) = condition().await.met() {
                return value;
            }
            tokio::time::sleep(INTERVAL).await;
        }
    };
    match tokio::time::timeout(within, poll).await {
        Ok(value) => Ok(value),
        Err(_) => bail!("the condition did not come true within {within:?}"),
    }
}

/// The same for synchronous code; `None` once `within` has passed.
pub(crate) fn poll<T>(within: Duration, mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + within;
    loop {
        if let Some(value) = condition() {
            return Some(value);
        }
        if Instant::now() >= deadline {
            return None;
        }
        thread::sleep(INTERVAL);
    }
}
