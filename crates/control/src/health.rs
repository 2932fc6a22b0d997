//! What the service depends on, and whether it answers.

use serde::Serialize;

use crate::Control;

/// A dependency as it answered.
#[derive(Debug, Clone, Serialize)]
pub struct Dependency {
    /// Its name: `database`, `redis`, `worker`.
    pub name: &'static str,
    /// Why it does not work; none if it does.
    pub problem: Option<String>,
}

impl Control {
    /// Asks every dependency, each within two seconds.
    pub async fn dependencies(&self) -> Vec<Dependency> {
        todo!()
    }
}
