//! Endpoints: what was configured stays, what the engine assigned goes.

use std::collections::BTreeMap;

use sentence::{Sentence, sentence};
use serde_json::{Map, Value};

use super::{Container, is_another_containers};

/// Fields of an endpoint that the engine assigns while the container runs.
const ASSIGNED: [&str; 10] = [
    "NetworkID",
    "EndpointID",
    "Gateway",
    "IPAddress",
    "IPPrefixLen",
    "IPv6Gateway",
    "GlobalIPv6Address",
    "GlobalIPv6PrefixLen",
    "MacAddress",
    "DNSNames",
];

/// The endpoints of a replacement.
pub(super) struct Networks {
    /// The one that goes into the create body, if there is anything to say about it.
    pub(super) first: Option<(String, Value)>,
    /// The others, by network.
    pub(super) further: BTreeMap<String, Value>,
}

/// The endpoints of a replacement whose network mode is `mode`: that of the container, or another one.
pub(super) fn carried(container: &Container<'_>, mode: &str, not_carried: &mut Vec<Sentence>) -> Networks {
    let mut networks = Networks { first: None, further: BTreeMap::new() };
    if !has_endpoints(container.network_mode) {
        return networks;
    }
    let Some(endpoints) = container.inspect["NetworkSettings"]["Networks"].as_object() else {
        return networks;
    };
    let mut has_first = false;
    for (name, endpoint) in endpoints {
        let settings = configured(endpoint, container);
        let was_first = is_first(container.network_mode, name, endpoint);
        has_first |= was_first;
        if !has_endpoints(mode) || (was_first && !is_first(mode, name, endpoint)) {
            note_left(name, &settings, mode, not_carried);
        } else if is_first(mode, name, endpoint) {
            if !settings.is_empty() {
                networks.first = Some((name.clone(), Value::Object(settings)));
            }
        } else {
            networks.further.insert(name.clone(), Value::Object(settings));
        }
    }
    if !has_first && mode == container.network_mode && has_endpoints(mode) {
        not_carried.push(sentence!(
            "NetworkSettings.Networks: the container was disconnected from {network}, and its replacement will be connected to it",
            network = container.network_mode
        ));
    }
    networks
}

/// Whether a container of this mode has endpoints that can be configured.
fn has_endpoints(mode: &str) -> bool {
    !matches!(mode, "host" | "none") && !is_another_containers(mode)
}

/// Names what was configured of an endpoint that the replacement will not have.
fn note_left(name: &str, settings: &Map<String, Value>, mode: &str, not_carried: &mut Vec<Sentence>) {
    // Numbers and switches are there in any case, with the engine's defaults.
    let by_somebody = settings.iter().filter(|(_, value)| !value.is_number() && !value.is_boolean());
    let fields = by_somebody.map(|(field, _)| field.as_str()).collect::<Vec<_>>().join(", ");
    if !fields.is_empty() {
        not_carried.push(sentence!(
            "NetworkSettings.Networks.{name}: the replacement's network is {mode}, and {fields} of this one is not set there",
            name,
            mode,
            fields
        ));
    }
}

/// Whether this is the network that the engine connects at creation.
fn is_first(mode: &str, name: &str, endpoint: &Value) -> bool {
    match mode {
        "" | "default" | "bridge" => name == "bridge",
        mode => name == mode || endpoint["NetworkID"] == mode,
    }
}

fn configured(endpoint: &Value, container: &Container<'_>) -> Map<String, Value> {
    let mut settings = endpoint.as_object().cloned().unwrap_or_default();
    let is_configured_mac = container
        .config
        .get("MacAddress")
        .is_some_and(|configured| *configured != "" && settings.get("MacAddress") == Some(configured));
    settings.retain(|field, value| {
        let is_kept = !ASSIGNED.contains(&field.as_str()) || (field == "MacAddress" && is_configured_mac);
        is_kept && !value.is_null()
    });
    if let Some(Value::Array(aliases)) = settings.get_mut("Aliases") {
        aliases.retain(|alias| alias != container.short_id);
    }
    settings.retain(|_, value| {
        value.as_array().is_none_or(|list| !list.is_empty()) && value.as_object().is_none_or(|map| !map.is_empty())
    });
    settings
}

/// Names the host ports that the engine chose, since it will choose others.
pub(super) fn note_chosen_ports(container: &Container<'_>, not_carried: &mut Vec<Sentence>) {
    let Some(ports) = container.inspect["NetworkSettings"]["Ports"].as_object() else {
        return;
    };
    for (port, bound) in ports {
        let asked = container.host_config.get("PortBindings").map(|all| &all[port]);
        let is_fixed = asked.and_then(Value::as_array).is_some_and(|bindings| {
            bindings.iter().all(|binding| !matches!(binding["HostPort"].as_str(), None | Some("" | "0")))
        });
        let chosen = bound.as_array().and_then(|all| all.first()).map(|b| &b["HostPort"]);
        if let (false, Some(Value::String(host_port))) = (is_fixed, chosen) {
            not_carried.push(sentence!(
                "NetworkSettings.Ports.{port}: host port {host_port} was chosen by the engine, which will choose another",
                port,
                host_port
            ));
        }
    }
}
