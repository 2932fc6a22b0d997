//! Checks that the world is still the one that was planned for; touches nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use data_engine::{DataEngine, Space};
use domain::environment::Engine;
use domain::ledger::MigrationRef;
use domain::plan::{DiskAt, Precondition};
use futures::future::try_join_all;
use saga::{ErrorKind, Probe, Step, StepContext, StepError};
use sentence::{Sentence, ToValue, sentence};
use serde::{Deserialize, Serialize};

use crate::error::{cache_error, world_changed};
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
    /// Image ids (digests) by host and reference.
    images: BTreeMap<String, BTreeMap<String, String>>,
    /// Server versions of data stores, by name.
    stores: BTreeMap<String, String>,
    /// Space by place.
    space: BTreeMap<String, FoundSpace>,
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

/// Space that the plan needs and there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FoundSpace {
    /// Estimate, bytes.
    needed: u64,
    /// Bytes; none where that cannot be told.
    available: Option<u64>,
}

/// A database: its version, sizes and free space.
struct FoundDatabase {
    engine: DataEngine,
    version: String,
    space: Space,
}

impl Preflight {
    async fn host(&self, cx: &StepContext, name: &str) -> Result<(String, FoundHost), StepError> {
        let host = Host::open(self.provider.as_ref(), cx, name).await?;
        let version = host.engine.version().await.map_err(|error| host.error(&error))?;
        let disk = host.engine.disk_space().await.map_err(|error| host.error(&error))?;
        let disk_available = disk.map(|disk| disk.available_bytes);
        Ok((name.to_owned(), FoundHost { docker: version.server, api: version.api, disk_available }))
    }

    async fn database(&self, cx: &StepContext, name: &str) -> Result<(String, FoundDatabase), StepError> {
        let engine = self.provider.data_engine(cx.held().job, name).await?;
        let version = engine.server_version().await?;
        let space = if self.needs_space(name) { engine.space().await? } else { Space::default() };
        Ok((name.to_owned(), FoundDatabase { engine, version, space }))
    }

    async fn cache(&self, cx: &StepContext, name: &str) -> Result<(String, String), StepError> {
        let cache = self.provider.cache(cx.held().job, name).await?;
        let version = cache.server_version().await.map_err(|error| cache_error(name, &error))?;
        Ok((name.to_owned(), version))
    }

    /// What differs from the precondition, for people.
    async fn difference(
        &self,
        cx: &StepContext,
        databases: &BTreeMap<String, FoundDatabase>,
        condition: &Precondition,
    ) -> Result<Option<Sentence>, StepError> {
        match condition {
            Precondition::Image { host, reference, image_id } => {
                let found = Host::open(self.provider.as_ref(), cx, host).await?.image(reference).await?;
                let found = found.as_ref().map(|image| image.id.as_str());
                Ok(differs(
                    &sentence!("image {image} on host {host}", image = reference, host),
                    Some(image_id.as_str()),
                    found,
                ))
            }
            Precondition::Container { at, image_id } => {
                let found = Host::open(self.provider.as_ref(), cx, &at.host).await?.inspect(&at.container).await?;
                let found = found.as_ref().map(crate::container::Container::image_id);
                let what = sentence!(
                    "the image of container {container} on host {host}",
                    container = at.container,
                    host = at.host
                );
                Ok(differs(&what, image_id.as_deref(), found))
            }
            Precondition::Ledger { store, applied, .. } => {
                let Some(database) = databases.get(store) else { return Ok(None) };
                let (planned, found) = (list(applied), list(&database.engine.applied().await?));
                Ok(differs(&sentence!("the ledger of {store}", store), Some(&planned), Some(&found)))
            }
            Precondition::Schema { store, fingerprint, .. } => {
                let Some(database) = databases.get(store) else { return Ok(None) };
                let found = database.engine.fingerprint().await?;
                Ok(differs(&sentence!("the schema of {store}", store), Some(fingerprint), Some(&found)))
            }
            Precondition::Scripts { store, migrations, .. } => {
                told(self.scripts(migrations).await.map_err(|error| in_store(store, error)))
            }
            Precondition::Configuration { service, release, config_sha256 } => {
                let config = self.provider.config(cx.held().job, *release, service, config_sha256).await;
                // The current settings have to open too: they are what the container starts with.
                let service = self.provider.service(cx.held().job, service).await;
                told(config.and(service))
            }
            // Whether it answers and how much is free was asked with the servers.
            Precondition::Cache { .. } | Precondition::Disk { .. } => Ok(None),
        }
    }

    /// Fails unless both scripts of each migration are stored as they were planned.
    async fn scripts(&self, migrations: &[MigrationRef]) -> Result<(), StepError> {
        let stored = self.provider.scripts(migrations).await?;
        let is_planned = stored.iter().map(|scripts| &scripts.reference).eq(migrations);
        if is_planned {
            Ok(())
        } else {
            Err(world_changed(sentence!("the stored scripts are not those that were planned")))
        }
    }

    async fn space(
        &self,
        cx: &StepContext,
        hosts: &BTreeMap<String, FoundHost>,
        databases: &BTreeMap<String, FoundDatabase>,
    ) -> Result<(BTreeMap<String, FoundSpace>, Vec<Sentence>), StepError> {
        let sizes = databases.iter().map(|(name, found)| (name.clone(), found.space.sizes.clone())).collect();
        let (mut space, mut lacks) = (BTreeMap::new(), Vec::new());
        for disk in self.disks() {
            let available = match disk {
                DiskAt::Host { host } => hosts.get(host).and_then(|host| host.disk_available),
                DiskAt::Server { store, .. } => databases.get(store).and_then(|found| found.space.available),
                DiskAt::Backups { stores } => match stores.first() {
                    None => None,
                    // They have one parent.
                    Some(store) => {
                        let directory = self.provider.backup_directory(cx.held().job, store).await?;
                        data_engine::available_bytes(&directory).await
                    }
                },
            };
            if let Some(lack) = available.and_then(|available| disk.shortage(&sizes, available)) {
                lacks.push(sentence!(
                    "there is too little space on {disk}: {lack}",
                    disk = disk.sentence(),
                    lack = lack.sentence()
                ));
            }
            space.insert(disk.to_string(), FoundSpace { needed: disk.needed(&sizes), available });
        }
        Ok((space, lacks))
    }

    fn disks(&self) -> impl Iterator<Item = &DiskAt> {
        self.preconditions.iter().filter_map(|condition| match condition {
            Precondition::Disk { disk } => Some(disk),
            _ => None,
        })
    }

    fn needs_space(&self, name: &str) -> bool {
        self.disks().any(|disk| match disk {
            DiskAt::Host { .. } => false,
            DiskAt::Server { store, .. } => store == name,
            DiskAt::Backups { stores } => stores.iter().any(|store| store == name),
        })
    }

    fn hosts(&self) -> BTreeSet<&str> {
        let hosts = self.preconditions.iter().filter_map(|condition| match condition {
            Precondition::Image { host, .. } | Precondition::Disk { disk: DiskAt::Host { host } } => {
                Some(host.as_str())
            }
            Precondition::Container { at, .. } => Some(at.host.as_str()),
            _ => None,
        });
        hosts.collect()
    }

    fn databases(&self) -> BTreeSet<&str> {
        let stores = self.preconditions.iter().filter_map(|condition| match condition {
            Precondition::Ledger { store, engine, .. } | Precondition::Schema { store, engine, .. } => {
                (*engine != Engine::Redis).then_some(store.as_str())
            }
            _ => None,
        });
        stores.collect()
    }

    fn caches(&self) -> BTreeSet<&str> {
        let caches = self.preconditions.iter().filter_map(|condition| match condition {
            Precondition::Cache { store } => Some(store.as_str()),
            _ => None,
        });
        caches.collect()
    }

    fn images(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        let mut images: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for condition in &self.preconditions {
            if let Precondition::Image { host, reference, image_id } = condition {
                images.entry(host.clone()).or_default().insert(reference.clone(), image_id.clone());
            }
        }
        images
    }
}

/// What no repeat would mend is a difference like any other, told with the rest.
fn told<T>(outcome: Result<T, StepError>) -> Result<Option<Sentence>, StepError> {
    match outcome {
        Ok(_) => Ok(None),
        Err(error) if matches!(error.kind, ErrorKind::WorldChanged | ErrorKind::Permanent) => Ok(Some(error.message)),
        Err(error) => Err(error),
    }
}

fn in_store(store: &str, mut error: StepError) -> StepError {
    error.message = sentence!("{store}: {error}", store, error = error.message);
    error
}

fn differs<T>(what: &Sentence, planned: Option<&T>, found: Option<&T>) -> Option<Sentence>
where
    T: ToValue + PartialEq + ?Sized,
{
    match (planned, found) {
        (planned, found) if planned == found => None,
        (_, None) => Some(sentence!("{what} is not there", what)),
        (None, Some(found)) => {
            Some(sentence!("{what} is {found} and was not there when this was planned", what, found))
        }
        (Some(planned), Some(found)) => {
            Some(sentence!("{what} is {found} and was {planned} when this was planned", what, found, planned))
        }
    }
}

fn list(versions: &[String]) -> Sentence {
    if versions.is_empty() { sentence!("empty") } else { Sentence::verbatim(versions.join(", ")) }
}

#[async_trait]
impl Step for Preflight {
    type Output = Found;

    async fn run(&self, cx: &StepContext) -> Result<Found, StepError> {
        let hosts = try_join_all(self.hosts().into_iter().map(|host| self.host(cx, host)));
        let databases = try_join_all(self.databases().into_iter().map(|store| self.database(cx, store)));
        let caches = try_join_all(self.caches().into_iter().map(|store| self.cache(cx, store)));
        let (hosts, databases, caches) = futures::try_join!(hosts, databases, caches)?;
        let (hosts, databases) = (hosts.into_iter().collect(), databases.into_iter().collect());
        let differences = self.preconditions.iter().map(|condition| self.difference(cx, &databases, condition));
        let differences: Vec<Sentence> = try_join_all(differences).await?.into_iter().flatten().collect();
        if !differences.is_empty() {
            return Err(world_changed(sentence!("{all}", all = differences)).with_command("backout status"));
        }
        let (space, lacks) = self.space(cx, &hosts, &databases).await?;
        if !lacks.is_empty() {
            return Err(StepError::permanent(sentence!("{all}", all = lacks)).with_command("df -h"));
        }
        let versions = databases.into_iter().map(|(name, found)| (name, found.version));
        Ok(Found { hosts, images: self.images(), stores: versions.chain(caches).collect(), space })
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
