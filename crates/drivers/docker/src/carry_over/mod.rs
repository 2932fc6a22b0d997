//! From an inspected container to the body that creates its replacement on another image.
//!
//! An inspected container does not tell its own settings from the defaults of its image: the engine
//! merges them at creation. Sent back as they are, the old image's defaults would be pinned onto the
//! new image. So they are subtracted first, as the exact inverse of that merge; every other field is
//! passed on as it stands, known here or not.

mod command;
mod config;
mod mounts;
mod network;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use sentence::{Sentence, sentence};
use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// A change to one environment variable. Values may be secrets and are never shown.
#[derive(Clone, PartialEq, Eq)]
pub enum EnvChange {
    /// The variable has this value, whatever the container or the new image says.
    Set(String),
    /// The variable is absent, even if the new image sets it.
    Unset,
}

impl fmt::Debug for EnvChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Set(_) => "Set(…)",
            Self::Unset => "Unset",
        })
    }
}

/// What is different in the replacement.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// The image to run: an id (`sha256:…`) for a replacement that must not follow a moved tag.
    pub image: String,
    /// Changes to environment variables, by name.
    pub env: BTreeMap<String, EnvChange>,
    /// Labels that are added or replaced.
    pub labels: BTreeMap<String, String>,
    /// The command instead of the container's or the image's.
    pub cmd: Option<Vec<String>>,
    /// Whether the container's own command goes, so that the image's counts again; `cmd` wins over it.
    pub unset_cmd: bool,
    /// The entrypoint instead of the container's or the image's.
    pub entrypoint: Option<Vec<String>>,
    /// The health check instead of the container's or the image's, as the API has it.
    pub healthcheck: Option<Value>,
    /// Bind mounts by destination, as `source:destination[:mode]`; each replaces whatever is mounted
    /// there.
    pub binds: BTreeMap<String, String>,
    /// Destinations at which nothing that the container had mounted is mounted again; `binds` win over
    /// them.
    pub unset_binds: BTreeSet<String>,
    /// Fields of `HostConfig` that are replaced whole. Endpoints follow `NetworkMode`, and exposed ports
    /// follow `PortBindings`.
    pub host_config: Map<String, Value>,
    /// The engine host's own name ([`crate::Info::name`]). A container on the host's network inherits
    /// it, and only this tells an inherited hostname from a configured one.
    pub engine_host_name: Option<String>,
}

/// A replacement, ready for [`crate::Engine::create_carried_over`].
#[derive(Clone)]
pub struct CarriedOver {
    /// The body of `POST /containers/create`.
    pub body: Value,
    /// The networks beyond the one in `body`, which older engines accept only after creation, with
    /// the endpoint settings of each.
    pub further_networks: BTreeMap<String, Value>,
    /// What the replacement will not have, each as `field: reason`.
    pub not_carried: Vec<Sentence>,
}

impl fmt::Debug for CarriedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The body holds environment variables, which may be secrets.
        f.debug_struct("CarriedOver")
            .field("further_networks", &self.further_networks.keys())
            .field("not_carried", &self.not_carried)
            .finish_non_exhaustive()
    }
}

/// Whether the engine removes this container, and its anonymous volumes, as soon as it stops
/// (`--rm`). Such a container cannot be kept aside, and what it holds is lost.
pub fn is_removed_on_stop(inspect: &Value) -> bool {
    inspect["HostConfig"]["AutoRemove"] == true
}

/// The replacement of an inspected container. `old_image` and `new_image` are the images' own
/// configurations ([`crate::Image::config`]): of the image the container runs on, and of
/// `overrides.image`.
pub fn replacement(
    old_inspect: &Value,
    old_image: &Value,
    new_image: &Value,
    overrides: &Overrides,
) -> Result<CarriedOver> {
    let container = Container::new(old_inspect)?;
    let mut not_carried = Vec::new();

    let mut body = config::carried(&container, old_image, new_image, overrides)?;
    let mut host_config = mounts::carried(&container, overrides)?;
    let networks = network::carried(&container, container.next_network_mode(overrides), &mut not_carried);
    if !overrides.host_config.contains_key("PortBindings") {
        network::note_chosen_ports(&container, &mut not_carried);
    }
    for (field, value) in &overrides.host_config {
        host_config.insert(field.clone(), value.clone());
    }
    body.insert("HostConfig".to_owned(), Value::Object(host_config));
    if let Some((name, endpoint)) = networks.first {
        body.insert("NetworkingConfig".to_owned(), serde_json::json!({ "EndpointsConfig": { name: endpoint } }));
    }
    Ok(CarriedOver { body: Value::Object(body), further_networks: networks.further, not_carried })
}

/// Whether a network mode stands for the network of another container.
fn is_another_containers(network_mode: &str) -> bool {
    network_mode.starts_with("container:")
}

/// The parts of an inspected container that a replacement is made of.
struct Container<'a> {
    inspect: &'a Value,
    config: &'a Map<String, Value>,
    host_config: &'a Map<String, Value>,
    short_id: &'a str,
    network_mode: &'a str,
}

impl<'a> Container<'a> {
    fn new(inspect: &'a Value) -> Result<Self> {
        let part = |name: &str| {
            inspect[name].as_object().ok_or_else(|| Error::CarryOver(sentence!("its inspect has no {name}", name)))
        };
        let short_id = inspect["Id"]
            .as_str()
            .and_then(|id| id.get(..12))
            .ok_or_else(|| Error::CarryOver(sentence!("its inspect has no Id")))?;
        let host_config = part("HostConfig")?;
        Ok(Self {
            inspect,
            config: part("Config")?,
            host_config,
            short_id,
            network_mode: host_config.get("NetworkMode").and_then(Value::as_str).unwrap_or("default"),
        })
    }

    /// The network mode of the replacement.
    fn next_network_mode<'b>(&'b self, overrides: &'b Overrides) -> &'b str {
        overrides.host_config.get("NetworkMode").and_then(Value::as_str).unwrap_or(self.network_mode)
    }
}

#[cfg(test)]
mod tests;
