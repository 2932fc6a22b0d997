//! What an environment is made of: hosts, services, data stores, probes and the rules that protect it.

use std::collections::BTreeMap;

use sentence::{Sentence, sentence};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

mod mistakes;

pub use self::mistakes::FieldError;
use crate::Secret;
pub use crate::env_value::EnvValue;
use crate::reservation::{Colour, Place};

/// The settings of one environment, as people edit them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EnvironmentSpec {
    /// The container hosts that services run on.
    pub hosts: Vec<Host>,
    /// The containers that make up the application.
    pub services: Vec<Service>,
    /// Databases and caches that releases read and write.
    pub data_stores: Vec<DataStore>,
    /// Requests that must succeed before a change counts as done.
    pub probes: Vec<VerificationProbe>,
    /// How one version replaces another.
    pub strategy: Strategy,
    /// What a person has to give before this environment changes.
    pub protection: Protection,
    /// The page shown while no version may answer; none means connections are refused meanwhile.
    pub maintenance: Option<MaintenancePage>,
    /// The reverse proxy in front of the services, if Backout may show the page there.
    pub gateway: Option<Gateway>,
    /// When migrations are tried on a scratch database.
    pub rehearsal: RehearsalPolicy,
    /// How what scripts destroy is put aside, and for how long.
    pub preserved: PreservedPolicy,
    /// How old a verified backup may be to count as "before this change", seconds; 0 asks for a new one each time.
    pub backup_max_age_seconds: u32,
}

/// A machine with a container engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// The name that services refer to.
    pub name: String,
    /// Address of the Docker Engine API, e.g. `unix:///var/run/docker.sock`.
    pub docker: String,
}

/// A container that runs on one or several hosts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Name of the service; releases name its image under it.
    pub name: String,
    /// The hosts it runs on, by name.
    pub hosts: Vec<String>,
    /// Name of its container on each host.
    pub container: String,
    /// The port it answers on, on the host; reserved in the store, so that no two services share it.
    pub port: u16,
    /// Where its containers listen while two of them stand side by side, by colour; reserved as the port is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub colours: BTreeMap<Colour, Place>,
    /// Settings that are current rather than pinned: they are never rolled back (rotated passwords, addresses).
    #[serde(default)]
    pub env: BTreeMap<String, EnvValue>,
    /// Bind mounts and named volumes in Docker's form `source:destination[:options]`.
    #[serde(default)]
    pub volumes: Vec<String>,
    /// Network mode of the container (`host`, `bridge`, or a network's name).
    #[serde(default = "default_network")]
    pub network: String,
    /// Command in place of the image's own.
    #[serde(default)]
    pub command: Option<Vec<String>>,
    /// How long the container may take to become healthy.
    #[serde(default)]
    pub health: HealthCheck,
}

fn default_network() -> String {
    "host".to_owned()
}

/// How the health of a started container is decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HealthCheck {
    /// Path asked over HTTP on the service's port; it has to answer 2xx.
    pub path: String,
    /// How long the container may take, seconds.
    pub deadline_seconds: u32,
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self { path: "/health".to_owned(), deadline_seconds: 60 }
    }
}

/// The kinds of data store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// MariaDB 10.6 or newer.
    MariaDb,
    /// MongoDB or a server that speaks its protocol.
    MongoDb,
    /// Redis, used as a cache.
    Redis,
}

impl Engine {
    /// The stable word for this engine.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MariaDb => "mariadb",
            Self::MongoDb => "mongodb",
            Self::Redis => "redis",
        }
    }
}

impl std::fmt::Display for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A database or cache of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DataStore {
    /// Name that releases use for its migrations.
    pub name: String,
    /// What kind of server it is.
    pub engine: Engine,
    /// Connection string, sealed at rest.
    pub url: Secret,
    /// Database on the server; not used for Redis.
    #[serde(default)]
    pub database: Option<String>,
    /// Redis key patterns flushed when another version takes over.
    #[serde(default)]
    pub flush: Vec<String>,
}

/// A request that proves that the right version really works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VerificationProbe {
    /// Name shown in reports.
    pub name: String,
    /// Service whose port is asked, on each of its hosts.
    pub service: String,
    /// HTTP method.
    #[serde(default = "default_method")]
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Status below which the answer counts as good, e.g. 500: "critical endpoints answer below 500".
    #[serde(default = "default_status_below")]
    pub status_below: u16,
    /// JSON pointer into the answer that has to equal the release's version, e.g. `/data/version`.
    #[serde(default)]
    pub version_pointer: Option<String>,
    /// How long the answer may take, milliseconds.
    #[serde(default = "default_probe_deadline")]
    pub deadline_ms: u32,
}

fn default_method() -> String {
    "GET".to_owned()
}

fn default_status_below() -> u16 {
    500
}

fn default_probe_deadline() -> u32 {
    5_000
}

/// How one version replaces another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Stop the old container, start the new one on the same port.
    #[default]
    Recreate,
}

/// What a person has to give before an environment changes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Protection {
    /// The environment's name has to be typed (`confirm`), and a reason given.
    pub typed_confirmation: bool,
}

/// When, and on how much, migrations are tried on a scratch database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RehearsalPolicy {
    /// Whether each release that is registered is tried, in the background.
    pub on_registration: bool,
    /// How many rows of a table, or documents of a collection, the scratch database gets at most; the newest ones.
    pub sample_rows: u32,
}

impl Default for RehearsalPolicy {
    fn default() -> Self {
        Self { on_registration: true, sample_rows: 1_000 }
    }
}

/// How what scripts destroy is put aside, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PreservedPolicy {
    /// How many days it is kept; for ever if absent. What came back is removed as long after that.
    pub keep_days: Option<u32>,
    /// How many rows a second may be copied aside while the application goes on writing; as many as the server can if absent.
    pub rows_per_second: Option<u32>,
}

/// The page that answers 503 while no version may answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MaintenancePage {
    /// Image of the page; it listens on `PORT` and shows `MAINTENANCE_REASON`.
    pub image: String,
}

/// A reverse proxy through which every visitor comes. Where there is one, it shows the maintenance page, and the
/// target is verified behind the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    /// What kind of server it is.
    pub kind: GatewayKind,
    /// Directory, on the worker's machine, from which the gateway includes Backout's snippet and reads the page.
    pub directory: String,
    /// Where the gateway answers visitors, e.g. `http://127.0.0.1:80`; asked to see that a switch took effect.
    pub url: String,
}

/// The kinds of gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum GatewayKind {
    /// nginx.
    Nginx,
}

impl EnvironmentSpec {
    /// The service of that name.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name == name)
    }

    /// The host of that name.
    pub fn host(&self, name: &str) -> Option<&Host> {
        self.hosts.iter().find(|host| host.name == name)
    }

    /// The data store of that name.
    pub fn data_store(&self, name: &str) -> Option<&DataStore> {
        self.data_stores.iter().find(|store| store.name == name)
    }

    /// Every secret in the settings, to be sealed, opened or masked in place.
    pub fn secrets_mut(&mut self) -> impl Iterator<Item = (String, &mut Secret)> {
        let services = self.services.iter_mut().flat_map(|service| {
            let name = service.name.clone();
            service.env.iter_mut().filter_map(move |(key, value)| match value {
                EnvValue::Secret(secret) => Some((format!("services.{name}.env.{key}"), secret)),
                EnvValue::Plain(_) => None,
            })
        });
        let stores =
            self.data_stores.iter_mut().map(|store| (format!("data_stores.{}.url", store.name), &mut store.url));
        services.chain(stores)
    }

    /// The same settings with every secret masked.
    #[must_use]
    pub fn masked(mut self) -> Self {
        for (_, secret) in self.secrets_mut() {
            *secret = secret.masked();
        }
        self
    }
}

/// What [`is_name`] asks for, for people.
pub fn name_rule() -> Sentence {
    sentence!("must be 1 to 63 of a-z, 0-9, '-' and '_', beginning with a letter or digit")
}

/// Whether a text can name an application, environment, service, host or data store.
pub fn is_name(text: &str) -> bool {
    let mut characters = text.bytes();
    let first_ok = characters.next().is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    first_ok
        && text.len() <= 63
        && characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-' || c == b'_')
}
