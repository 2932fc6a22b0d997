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
    /// The environment's volumes, command, network and port apply as they are now, and what it gave before and no
    /// longer gives goes; everything else that a person set on the old container stays.
    pub(crate) fn carried(
        &self,
        retired: &Retired,
        old_image: &Image,
        new_image: &Image,
        host_name: Option<String>,
    ) -> driver_docker::Result<CarriedOver> {
        let old = &retired.container;
        // A container that somebody else made may have another way to its port. Labels that came later are missing
        // from what older versions made, and these always gave the port.
        let is_ours = old.label(labels::ENVIRONMENT).is_some();
        let gives_port = old.label(labels::PORT).map_or(is_ours, |port| !port.is_empty());
        let service = &self.service.service;
        let policy = json!({
            "Name": retired.policy.name,
            "MaximumRetryCount": retired.policy.maximum_retry_count,
        });
        let mut host_config = Map::from_iter([("RestartPolicy".to_owned(), policy)]);
        if gives_port {
            host_config.insert("NetworkMode".to_owned(), json!(service.network));
            host_config.insert("PortBindings".to_owned(), Value::Object(bindings(old, service)));
        }
        let env = self.variables(gives_port);
        let overrides = Overrides {
            image: self.image.clone(),
            env: env.into_iter().map(|(key, value)| (key, EnvChange::Set(value))).collect(),
            labels: self.labels(gives_port),
            cmd: service.command.clone(),
            unset_cmd: has_our_command(old),
            binds: service.volumes.iter().filter_map(|bind| Some((destination(bind)?, bind.clone()))).collect(),
            unset_binds: our_binds(old).iter().filter_map(|bind| destination(bind)).collect(),
            host_config,
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
        let service = &self.service.service;
        [
            (labels::JOB, self.job.to_string()),
            (labels::STEP, self.step.to_string()),
            (labels::ENVIRONMENT, self.environment.clone()),
            (labels::SERVICE, service.name.clone()),
            (labels::RELEASE, self.release.to_string()),
            (labels::PINNED, join(&pinned)),
            (labels::CURRENT, join(&current)),
            (labels::PORT, if with_port { service.port.to_string() } else { String::new() }),
            (labels::COMMAND, service.command.as_ref().map(|words| json!(words).to_string()).unwrap_or_default()),
            (labels::VOLUMES, json!(service.volumes).to_string()),
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
    if is_published(service) {
        let key = format!("{port}/tcp");
        body["ExposedPorts"] = json!({ &key: {} });
        body["HostConfig"]["PortBindings"] = json!({ &key: [binding(port)] });
    }
}

/// Whether the engine has to publish the service's port.
fn is_published(service: &Service) -> bool {
    !matches!(service.network.as_str(), "host" | "none")
}

fn binding(port: u16) -> Value {
    json!({ "HostPort": port.to_string() })
}

/// What the old container published, with the environment's port as it is now in the place of the one before. A port
/// that is published already stays as it is: somebody may have bound it to one address.
fn bindings(old: &Container, service: &Service) -> Map<String, Value> {
    let mut bindings = old.0["HostConfig"]["PortBindings"].as_object().cloned().unwrap_or_default();
    let (key, host_port) = (format!("{}/tcp", service.port), service.port.to_string());
    match old.label(labels::PORT) {
        Some(before) if before != host_port => drop(bindings.remove(&format!("{before}/tcp"))),
        Some(_) => {}
        // Made before that label was: by us, with this one port.
        None => bindings.retain(|port, _| *port == key),
    }
    if is_published(service) {
        let is_bound = bindings.get(&key).is_some_and(|bound| bound[0]["HostPort"] == host_port.as_str());
        if !is_bound {
            bindings.insert(key, json!([binding(service.port)]));
        }
    } else {
        bindings.remove(&key);
    }
    bindings
}

/// Whether the old container's command is the one that the environment gave then.
fn has_our_command(old: &Container) -> bool {
    let given = old.label(labels::COMMAND).and_then(|words| serde_json::from_str::<Value>(words).ok());
    given.is_some_and(|given| given == old.0["Config"]["Cmd"])
}

/// The mounts that the environment gave then and that the old container still has.
fn our_binds(old: &Container) -> Vec<String> {
    let given = old.label(labels::VOLUMES).and_then(|list| serde_json::from_str::<Vec<String>>(list).ok());
    let has = |bind: &String| {
        let binds = old.0["HostConfig"]["Binds"].as_array();
        binds.is_some_and(|binds| binds.iter().any(|found| found == bind))
    };
    given.unwrap_or_default().into_iter().filter(has).collect()
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

    /// A container that was made with that body, as far as a replacement reads it.
    fn made_of(body: &Value) -> Container {
        Container(json!({
            "Config": { "Labels": body["Labels"], "Cmd": body["Cmd"] },
            "HostConfig": body["HostConfig"],
        }))
    }

    #[test]
    fn the_environments_port_takes_the_place_of_the_one_before_and_of_no_other() {
        let mut body = wanted("front").fresh().body;
        body["HostConfig"]["PortBindings"]["9229/tcp"] = json!([{ "HostPort": "9229" }]);
        let old = made_of(&body);
        let mut service = wanted("front").service.service;
        assert_eq!(json!(bindings(&old, &service)), body["HostConfig"]["PortBindings"]);
        service.port = 8081;
        let moved = json!({ "8081/tcp": [{ "HostPort": "8081" }], "9229/tcp": [{ "HostPort": "9229" }] });
        assert_eq!(json!(bindings(&old, &service)), moved);
        service.network = "host".to_owned();
        assert_eq!(json!(bindings(&old, &service)), json!({ "9229/tcp": [{ "HostPort": "9229" }] }));
    }

    #[test]
    fn a_port_that_somebody_bound_to_one_address_stays_bound_to_it() {
        let mut body = wanted("front").fresh().body;
        let bound = json!({ "8080/tcp": [{ "HostIp": "127.0.0.1", "HostPort": "8080" }] });
        body["HostConfig"]["PortBindings"] = bound.clone();
        assert_eq!(json!(bindings(&made_of(&body), &wanted("front").service.service)), bound);
    }

    #[test]
    fn the_port_of_a_container_without_the_label_is_ours_alone() {
        let mut body = wanted("front").fresh().body;
        body["Labels"] = json!({});
        let mut service = wanted("front").service.service;
        service.port = 8081;
        let moved = json!({ "8081/tcp": [{ "HostPort": "8081" }] });
        assert_eq!(json!(bindings(&made_of(&body), &service)), moved);
    }

    #[test]
    fn command_and_mounts_are_ours_only_as_long_as_nobody_changed_them() {
        let mut body = wanted("host").fresh().body;
        let old = made_of(&body);
        assert!(has_our_command(&old));
        assert_eq!(our_binds(&old), ["data:/data/"]);
        body["Cmd"] = json!(["migrate"]);
        body["HostConfig"]["Binds"] = json!(["other:/data"]);
        let old = made_of(&body);
        assert!(!has_our_command(&old));
        assert_eq!(our_binds(&old), Vec::<String>::new());
    }

    #[test]
    fn a_mount_is_found_by_its_destination_without_a_trailing_slash() {
        assert_eq!(destination("data:/data/:ro").as_deref(), Some("/data"));
        assert_eq!(destination("data"), None);
    }
}
