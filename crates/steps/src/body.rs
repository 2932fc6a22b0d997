//! What a service's container is created from: the one before it, or, the first time, the environment's
//! settings alone.

use std::collections::{BTreeMap, BTreeSet};

use domain::environment::Service;
use domain::ids::{JobId, ReleaseId};
use driver_docker::{CarriedOver, EnvChange, Image, Overrides, replacement};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};

use crate::container::Container;
use crate::labels;
use crate::provider::OpenService;
use crate::retired::Retired;

/// The variable that tells a container its port, unless the configuration does.
const PORT: &str = "PORT";

/// Everything that decides what the container is.
pub(crate) struct Wanted {
    pub(crate) job: JobId,
    pub(crate) step: u32,
    /// `application/environment`.
    pub(crate) environment: String,
    pub(crate) release: ReleaseId,
    /// The image as the release names it, so that people find that name in `docker ps`.
    pub(crate) image: String,
    pub(crate) service: OpenService,
    /// The configuration of the release.
    pub(crate) pinned: BTreeMap<String, SecretString>,
}

impl Wanted {
    /// The body for a service that has no container yet.
    pub(crate) fn fresh(&self) -> CarriedOver {
        let service = &self.service.service;
        let env: Vec<String> = self.variables(true).iter().map(|(key, value)| format!("{key}={value}")).collect();
        let mut body = json!({
            "Image": self.image,
            "Env": env,
            "Labels": self.labels(true),
            "HostConfig": { "Binds": service.volumes },
        });
        if let Some(command) = &service.command {
            body["Cmd"] = json!(command);
        }
        expose(&mut body, service, service.port);
        CarriedOver { body, further_networks: BTreeMap::new(), not_carried: Vec::new() }
    }

    /// The body that makes the retired container again, on the other image and with the other configuration.
    ///
    /// The environment's volumes and command apply as they are now; everything else that a person set on
    /// the old container stays.
    pub(crate) fn carried(
        &self,
        retired: &Retired,
        old_image: &Image,
        new_image: &Image,
        host_name: Option<String>,
    ) -> driver_docker::Result<CarriedOver> {
        let old = &retired.container;
        // A container that somebody else made may have another way to its port.
        let is_ours = old.label(labels::ENVIRONMENT).is_some();
        let service = &self.service.service;
        let policy = json!({
            "Name": retired.policy.name,
            "MaximumRetryCount": retired.policy.maximum_retry_count,
        });
        let env = self.variables(is_ours);
        let overrides = Overrides {
            image: self.image.clone(),
            env: env.into_iter().map(|(key, value)| (key, EnvChange::Set(value))).collect(),
            labels: self.labels(is_ours),
            cmd: service.command.clone(),
            binds: service.volumes.iter().filter_map(|bind| Some((destination(bind)?, bind.clone()))).collect(),
            host_config: Map::from_iter([("RestartPolicy".to_owned(), policy)]),
            engine_host_name: host_name,
            ..Overrides::default()
        };
        replacement(&without_our_variables(old), &old_image.config, &new_image.config, &overrides)
    }

    /// The variables that are ours to set. A current value wins over a pinned one: passwords that were
    /// rotated since are not rolled back.
    fn variables(&self, with_port: bool) -> BTreeMap<String, String> {
        let port = with_port.then(|| (PORT.to_owned(), self.service.service.port.to_string()));
        let open = |(key, value): (&String, &SecretString)| (key.clone(), value.expose_secret().to_owned());
        port.into_iter().chain(self.pinned.iter().map(open)).chain(self.service.env.iter().map(open)).collect()
    }

    fn labels(&self, with_port: bool) -> BTreeMap<String, String> {
        let port = with_port.then_some(PORT).filter(|port| !self.pinned.contains_key(*port));
        let current: BTreeSet<&str> = self.service.env.keys().map(String::as_str).chain(port).collect();
        let pinned: BTreeSet<&str> = self.pinned.keys().map(String::as_str).collect();
        [
            (labels::JOB, self.job.to_string()),
            (labels::STEP, self.step.to_string()),
            (labels::ENVIRONMENT, self.environment.clone()),
            (labels::SERVICE, self.service.service.name.clone()),
            (labels::RELEASE, self.release.to_string()),
            (labels::PINNED, join(&pinned)),
            (labels::CURRENT, join(&current)),
            (labels::ROLE, labels::ROLE_SERVICE.to_owned()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
    }
}

/// Sets network, published port and restart policy. On the host's own network there is nothing to publish.
pub(crate) fn expose(body: &mut Value, service: &Service, port: u16) {
    body["HostConfig"]["NetworkMode"] = json!(service.network);
    body["HostConfig"]["RestartPolicy"] = json!({ "Name": "unless-stopped", "MaximumRetryCount": 0 });
    if !matches!(service.network.as_str(), "host" | "none") {
        let key = format!("{port}/tcp");
        body["ExposedPorts"] = json!({ &key: {} });
        body["HostConfig"]["PortBindings"] = json!({ &key: [{ "HostPort": port.to_string() }] });
    }
}

/// The old container without what its release and environment gave it: what the new ones do not give is
/// not to live on, and a default of the new image is to come through.
fn without_our_variables(old: &Container) -> Value {
    let ours: BTreeSet<&str> = [labels::PINNED, labels::CURRENT]
        .iter()
        .filter_map(|key| old.label(key))
        .flat_map(|names| names.split(','))
        .collect();
    let mut raw = old.0.clone();
    if let Some(Value::Array(env)) = raw["Config"].get_mut("Env") {
        env.retain(|entry| {
            let entry = entry.as_str().unwrap_or_default();
            !ours.contains(entry.split_once('=').map_or(entry, |(name, _)| name))
        });
    }
    raw
}

fn join(names: &BTreeSet<&str>) -> String {
    names.iter().copied().collect::<Vec<_>>().join(",")
}

/// Where a `source:destination[:options]` is mounted, as the engine writes it.
fn destination(bind: &str) -> Option<String> {
    let path = bind.split(':').nth(1)?;
    let trimmed = path.trim_end_matches('/');
    Some(if trimmed.is_empty() { path } else { trimmed }.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(network: &str) -> Wanted {
        let service = serde_json::from_value(json!({
            "name": "web", "hosts": ["local"], "container": "web", "port": 8080, "network": network,
            "volumes": ["data:/data/"], "command": ["serve"],
        }))
        .unwrap();
        let secret = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), SecretString::from(*value))).collect()
        };
        Wanted {
            job: JobId::generate(),
            step: 4,
            environment: "shop/production".to_owned(),
            release: ReleaseId::generate(),
            image: "shop:2".to_owned(),
            service: OpenService { service, env: secret(&[("PASSWORD", "rotated")]) },
            pinned: secret(&[("PASSWORD", "old"), ("FEATURE", "on")]),
        }
    }

    #[test]
    fn a_current_value_wins_over_a_pinned_one() {
        let body = wanted("host").fresh().body;
        assert_eq!(body["Env"], json!(["FEATURE=on", "PASSWORD=rotated", "PORT=8080"]));
        assert_eq!(body["Labels"][labels::PINNED], "FEATURE,PASSWORD");
        assert_eq!(body["Labels"][labels::CURRENT], "PASSWORD,PORT");
    }

    #[test]
    fn a_port_is_published_only_where_the_network_is_not_the_hosts() {
        let on_host = wanted("host").fresh().body;
        assert_eq!(on_host["HostConfig"].get("PortBindings"), None);
        let body = wanted("front").fresh().body;
        assert_eq!(body["HostConfig"]["NetworkMode"], "front");
        assert_eq!(body["HostConfig"]["PortBindings"], json!({ "8080/tcp": [{ "HostPort": "8080" }] }));
        assert_eq!(body["ExposedPorts"], json!({ "8080/tcp": {} }));
    }

    #[test]
    fn a_mount_is_found_by_its_destination_without_a_trailing_slash() {
        assert_eq!(destination("data:/data/:ro").as_deref(), Some("/data"));
        assert_eq!(destination("data"), None);
    }
}
