//! What the service depends on, and whether it answers.

use std::time::Duration;

use sentence::{Sentence, sentence};
use serde::Serialize;

use crate::Control;

/// A dependency as it answered.
#[derive(Debug, Clone, Serialize)]
pub struct Dependency {
    /// Its name, e.g. `database`. A Redis that wakes other processes is none: without it they poll.
    pub name: &'static str,
    /// Why it does not work; none if it does.
    pub problem: Option<Sentence>,
}

const DEADLINE: Duration = Duration::from_secs(2);
/// A quarter of the longest lease (10 min), in which every worker beats once, and what one may be late.
const BEAT_WITHIN: Duration = Duration::from_secs(160);

impl Control {
    /// Asks every dependency, each within two seconds.
    pub async fn dependencies(&self) -> Vec<Dependency> {
        let database = match tokio::time::timeout(DEADLINE, self.database().ping()).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.sentence()),
            Err(_) => Some(sentence!("no answer within {limit} s", limit = DEADLINE.as_secs())),
        };
        vec![Dependency { name: "database", problem: database }]
    }

    /// How many workers beat. `None` where the control database does not tell; why stands with the dependencies.
    pub async fn living_workers(&self) -> Option<u64> {
        tokio::time::timeout(DEADLINE, self.database().living_workers(BEAT_WITHIN)).await.ok()?.ok()
    }
}
