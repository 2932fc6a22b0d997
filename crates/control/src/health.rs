//! What the service depends on, and whether it answers.

use std::time::Duration;

use serde::Serialize;

use crate::Control;

/// A dependency as it answered.
#[derive(Debug, Clone, Serialize)]
pub struct Dependency {
    /// Its name: `database`, `redis`.
    pub name: &'static str,
    /// Why it does not work; none if it does.
    pub problem: Option<String>,
}

const DEADLINE: Duration = Duration::from_secs(2);

impl Control {
    /// Asks every dependency, each within two seconds.
    pub async fn dependencies(&self) -> Vec<Dependency> {
        let database = match tokio::time::timeout(DEADLINE, self.database().ping()).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("no answer within {} s", DEADLINE.as_secs())),
        };
        vec![Dependency { name: "database", problem: database }]
    }
}
