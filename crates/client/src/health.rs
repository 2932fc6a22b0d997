//! Whether the service and what it depends on answer.

use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::envelope::unreadable;
use crate::{Client, Error, Result};

/// What the service says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// `ready` or `unready`.
    pub status: String,
    /// Version of the service.
    pub version: String,
    /// What it depends on.
    pub dependencies: Vec<Dependency>,
    /// How many workers beat; none where the service does not tell.
    #[serde(default)]
    pub workers: Option<u64>,
}

/// Something that the service depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// Its name, e.g. `database`.
    pub name: String,
    /// Whether it works.
    pub ready: bool,
    /// Why it does not work; none if it does.
    pub problem: Option<String>,
}

#[derive(Deserialize)]
struct Envelope {
    data: Readiness,
}

impl Client {
    /// Whether the service is ready. One that is not, and says so, is no error.
    pub async fn readiness(&self) -> Result<Readiness> {
        let raw = self.send(&Call::get(self.path(&["health", "ready"]))).await?;
        // 503 tells its dependencies in the same place as 200 does.
        match serde_json::from_slice::<Envelope>(&raw.body) {
            Ok(envelope) => Ok(envelope.data),
            Err(_) if !raw.is_success() => Err(raw.failure()),
            Err(error) => Err(Error::Protocol { url: raw.url, detail: unreadable(&error) }),
        }
    }
}
