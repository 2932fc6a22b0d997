//! Checks that the world is still the one that was planned for; touches nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::plan::Precondition;
use futures::future::try_join_all;
use saga::{Probe, Step, StepContext, StepError};
use serde::{Deserialize, Serialize};

use crate::error::world_changed;
use crate::host::Host;
use crate::provider::Provider;

/// All is asked side by side; the rest is for something that is away for half a minute.
const DEADLINE: Duration = Duration::from_mins(1);

pub(crate) struct Preflight {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) preconditions: Vec<Precondition>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Found {
    /// Hosts by name.
    hosts: BTreeMap<String, FoundHost>,
    /// Server versions of data stores, by name.
    stores: BTreeMap<String, String>,
}

/// A container host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FoundHost {
    /// Release of the engine.
    docker: String,
    /// Version of its API.
    api: String,
    /// What may still be written where the engine keeps its data, bytes; none where that cannot be told.
    disk_available: Option<u64>,
}

impl Preflight {
    async fn host(&self, cx: &StepContext, name: &str) -> Result<(String, FoundHost), StepError> {
        let host = Host::open(self.provider.as_ref(), cx, name).await?;
        let version = host.engine.version().await.map_err(|error| host.error(&error))?;
        let disk = host.engine.disk_space().await.map_err(|error| host.error(&error))?;
        let disk_available = disk.map(|disk| disk.available_bytes);
        Ok((name.to_owned(), FoundHost { docker: version.server, api: version.api, disk_available }))
    }

    async fn store(&self, cx: &StepContext, name: &str) -> Result<(String, String), StepError> {
        let engine = self.provider.data_engine(cx.held().job, name).await?;
        Ok((name.to_owned(), engine.server_version().await?))
    }

    /// What differs from the precondition, for people.
    async fn difference(&self, cx: &StepContext, condition: &Precondition) -> Result<Option<String>, StepError> {
        match condition {
            Precondition::Image { host, reference, image_id } => {
                let found = Host::open(self.provider.as_ref(), cx, host).await?.image(reference).await?;
                let found = found.as_ref().map(|image| image.id.as_str());
                Ok(differs(&format!("image {reference} on host {host}"), Some(image_id), found))
            }
            Precondition::Container { at, image_id } => {
                let found = Host::open(self.provider.as_ref(), cx, &at.host).await?.inspect(&at.container).await?;
                let found = found.as_ref().map(crate::container::Container::image_id);
                let what = format!("the image of container {} on host {}", at.container, at.host);
                Ok(differs(&what, image_id.as_deref(), found))
            }
            Precondition::Ledger { store, applied, .. } => {
                let found = self.provider.data_engine(cx.held().job, store).await?.applied().await?;
                let (planned, found) = (list(applied), list(&found));
                Ok(differs(&format!("the ledger of {store}"), Some(&planned), Some(&found)))
            }
        }
    }

    fn hosts(&self) -> BTreeSet<&str> {
        let hosts = self.preconditions.iter().filter_map(|condition| match condition {
            Precondition::Image { host, .. } => Some(host.as_str()),
            Precondition::Container { at, .. } => Some(at.host.as_str()),
            Precondition::Ledger { .. } => None,
        });
        hosts.collect()
    }

    fn stores(&self) -> BTreeSet<&str> {
        let stores = self.preconditions.iter().filter_map(|condition| match condition {
            Precondition::Ledger { store, .. } => Some(store.as_str()),
            Precondition::Image { .. } | Precondition::Container { .. } => None,
        });
        stores.collect()
    }
}

fn differs(what: &str, planned: Option<&str>, found: Option<&str>) -> Option<String> {
    match (planned, found) {
        (planned, found) if planned == found => None,
        (_, None) => Some(format!("{what} is not there")),
        (None, Some(found)) => Some(format!("{what} is {found} and was not there when this was planned")),
        (Some(planned), Some(found)) => Some(format!("{what} is {found} and was {planned} when this was planned")),
    }
}

fn list(versions: &[String]) -> String {
    if versions.is_empty() { "empty".to_owned() } else { versions.join(", ") }
}

#[async_trait]
impl Step for Preflight {
    type Output = Found;

    async fn run(&self, cx: &StepContext) -> Result<Found, StepError> {
        let hosts = try_join_all(self.hosts().into_iter().map(|host| self.host(cx, host)));
        let stores = try_join_all(self.stores().into_iter().map(|store| self.store(cx, store)));
        let differences = try_join_all(self.preconditions.iter().map(|condition| self.difference(cx, condition)));
        let (hosts, stores, differences) = futures::try_join!(hosts, stores, differences)?;
        let differences: Vec<String> = differences.into_iter().flatten().collect();
        if !differences.is_empty() {
            return Err(world_changed(differences.join("; ")).with_hint("backout status"));
        }
        Ok(Found { hosts: hosts.into_iter().collect(), stores: stores.into_iter().collect() })
    }

    async fn probe(&self, _cx: &StepContext) -> Result<Probe<Found>, StepError> {
        Ok(Probe::NotDone)
    }

    async fn undo(&self, _cx: &StepContext, _output: Option<Found>) -> Result<(), StepError> {
        Ok(())
    }

    fn deadline(&self) -> Duration {
        DEADLINE
    }

    fn has_effect(&self) -> bool {
        false
    }
}
