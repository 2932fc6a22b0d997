//! `Config`: the container's settings minus the old image's defaults.

use sentence::sentence;
use serde_json::{Map, Value, json};

use super::{Container, EnvChange, Overrides, command, is_another_containers};
use crate::error::{Error, Result};

/// Fields that the engine takes whole from the image where the container has none.
const WHOLE_FROM_IMAGE: [&str; 6] = ["User", "WorkingDir", "StopSignal", "Shell", "ArgsEscaped", "OnBuild"];

pub(super) fn carried(
    container: &Container<'_>,
    old_image: &Value,
    new_image: &Value,
    overrides: &Overrides,
) -> Result<Map<String, Value>> {
    let mut config = container.config.clone();
    config.insert("Image".to_owned(), Value::from(overrides.image.as_str()));
    for field in WHOLE_FROM_IMAGE {
        if config.get(field).is_some_and(|own| *own == old_image[field]) {
            config.remove(field);
        }
    }
    command::subtract(&mut config, old_image, overrides);
    subtract_entries(&mut config, "Labels", &old_image["Labels"], |_| false);
    subtract_keys(&mut config, "Volumes", &old_image["Volumes"], |_| false);
    exposed_ports(&mut config, &old_image["ExposedPorts"], container, overrides);
    healthcheck(&mut config, &old_image["Healthcheck"], overrides);
    environment(&mut config, old_image, new_image, overrides)?;
    labels(&mut config, overrides);
    host_name(&mut config, container, overrides);
    Ok(config)
}

/// Removes entries with the image's key and value.
fn subtract_entries(config: &mut Map<String, Value>, field: &str, image: &Value, keep: impl Fn(&str) -> bool) {
    if let Some(Value::Object(own)) = config.get_mut(field) {
        own.retain(|key, value| keep(key) || image.get(key) != Some(value));
    }
}

/// Removes entries with the image's key: these are sets, their values are empty.
fn subtract_keys(config: &mut Map<String, Value>, field: &str, image: &Value, keep: impl Fn(&str) -> bool) {
    if let Some(Value::Object(own)) = config.get_mut(field) {
        own.retain(|key, _| keep(key) || image.get(key).is_none());
    }
}

/// A port that is published has to be exposed, whoever exposed it first, and one that no longer is was exposed for
/// that alone.
fn exposed_ports(config: &mut Map<String, Value>, image: &Value, container: &Container<'_>, overrides: &Overrides) {
    let before = container.host_config.get("PortBindings").and_then(Value::as_object);
    let after = overrides.host_config.get("PortBindings").map_or(before, Value::as_object);
    let has = |bindings: Option<&Map<String, Value>>, port: &str| bindings.is_some_and(|all| all.contains_key(port));
    subtract_keys(config, "ExposedPorts", image, |port| has(after, port));
    if let Some(Value::Object(own)) = config.get_mut("ExposedPorts") {
        own.retain(|port, _| !has(before, port) || has(after, port));
    }
    for port in after.into_iter().flat_map(Map::keys) {
        config.entry("ExposedPorts").or_insert_with(|| json!({}))[port.as_str()] = json!({});
    }
}

/// The engine fills a health check field by field from the image.
fn healthcheck(config: &mut Map<String, Value>, image: &Value, overrides: &Overrides) {
    if let Some(healthcheck) = &overrides.healthcheck {
        config.insert("Healthcheck".to_owned(), healthcheck.clone());
        return;
    }
    subtract_entries(config, "Healthcheck", image, |_| false);
    if matches!(config.get("Healthcheck"), Some(Value::Object(own)) if own.is_empty()) {
        config.remove("Healthcheck");
    }
}

fn environment(
    config: &mut Map<String, Value>,
    old_image: &Value,
    new_image: &Value,
    overrides: &Overrides,
) -> Result<()> {
    let from_old_image = list(&old_image["Env"]);
    let mut entries: Vec<Value> = config
        .get("Env")
        .map_or(&[] as &[Value], list)
        .iter()
        .filter(|entry| !from_old_image.contains(entry))
        .cloned()
        .collect();
    for (name, change) in &overrides.env {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(Error::CarryOver(sentence!("\"{name}\" is not the name of an environment variable", name)));
        }
        entries.retain(|entry| variable(entry) != name);
        match change {
            EnvChange::Set(value) => entries.push(Value::from(format!("{name}={value}"))),
            // A bare name keeps the image's variable out of the process.
            EnvChange::Unset if list(&new_image["Env"]).iter().any(|e| variable(e) == name) => {
                entries.push(Value::from(name.as_str()));
            }
            EnvChange::Unset => {}
        }
    }
    config.insert("Env".to_owned(), Value::Array(entries));
    Ok(())
}

fn labels(config: &mut Map<String, Value>, overrides: &Overrides) {
    let own = config.entry("Labels").or_insert_with(|| Value::Object(Map::new()));
    if !own.is_object() {
        *own = Value::Object(Map::new());
    }
    for (key, value) in &overrides.labels {
        own[key.as_str()] = Value::from(value.as_str());
    }
}

/// Drops a hostname that the engine chose.
fn host_name(config: &mut Map<String, Value>, container: &Container<'_>, overrides: &Overrides) {
    let next_mode = container.next_network_mode(overrides);
    if is_another_containers(container.network_mode) || is_another_containers(next_mode) {
        // Both come from the other container, and the engine refuses them here.
        config.remove("Hostname");
        config.remove("Domainname");
        return;
    }
    let name = container.config.get("Hostname").and_then(Value::as_str);
    let is_hosts_own =
        container.network_mode == "host" && name.is_some() && name == overrides.engine_host_name.as_deref();
    let shares_hosts_name = container.host_config.get("UTSMode") == Some(&Value::from("host"));
    if name == Some(container.short_id) || is_hosts_own || shares_hosts_name {
        config.remove("Hostname");
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn variable(entry: &Value) -> &str {
    let entry = entry.as_str().unwrap_or_default();
    entry.split_once('=').map_or(entry, |(name, _)| name)
}
