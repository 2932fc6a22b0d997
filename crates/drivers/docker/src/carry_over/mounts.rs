//! `HostConfig`, verbatim but for mounts: anonymous volumes get their name, so that the replacement
//! has the same data and not a fresh volume.

use sentence::sentence;
use serde_json::{Map, Value};

use super::{Container, Overrides};
use crate::error::{Error, Result};

pub(super) fn carried(container: &Container<'_>, overrides: &Overrides) -> Result<Map<String, Value>> {
    let mut host_config = container.host_config.clone();
    let mut binds = take_list(&mut host_config, "Binds");
    let mut mounts = take_list(&mut host_config, "Mounts");

    let is_unset = |destination: &str| overrides.unset_binds.contains(destination);
    binds.retain(|bind| !is_unset(bind_destination(bind)));
    mounts.retain(|mount| !is_unset(mount_target(mount)));
    for Volume { name, destination, is_writable } in volumes(container.inspect)? {
        if is_unset(destination) || binds.iter().any(|bind| bind_destination(bind) == destination) {
            continue;
        }
        if let Some(mount) = mounts.iter_mut().find(|m| mount_target(m) == destination) {
            if mount["Source"].as_str().is_none_or(str::is_empty) {
                mount["Source"] = Value::from(name);
            }
            continue;
        }
        let mode = if is_writable { "" } else { ":ro" };
        binds.push(Value::from(format!("{name}:{destination}{mode}")));
    }

    for (destination, bind) in &overrides.binds {
        binds.retain(|bind| bind_destination(bind) != destination);
        mounts.retain(|mount| mount_target(mount) != destination);
        if let Some(Value::Object(tmpfs)) = host_config.get_mut("Tmpfs") {
            tmpfs.remove(destination);
        }
        binds.push(Value::from(bind.as_str()));
    }
    put_list(&mut host_config, "Binds", binds);
    put_list(&mut host_config, "Mounts", mounts);
    Ok(host_config)
}

struct Volume<'a> {
    name: &'a str,
    destination: &'a str,
    is_writable: bool,
}

/// By destination: the engine lists mounts in a different order each time, and the same container must
/// give the same replacement.
fn volumes(inspect: &Value) -> Result<Vec<Volume<'_>>> {
    let mounts = inspect["Mounts"].as_array().map_or(&[] as &[Value], Vec::as_slice);
    let mut volumes = mounts
        .iter()
        .filter(|mount| mount["Type"] == "volume")
        .map(|mount| {
            let text = |field: &str| {
                mount[field]
                    .as_str()
                    .filter(|text| !text.is_empty())
                    .ok_or_else(|| Error::CarryOver(sentence!("one of its volumes has no {field}", field)))
            };
            Ok(Volume { name: text("Name")?, destination: text("Destination")?, is_writable: mount["RW"] != false })
        })
        .collect::<Result<Vec<_>>>()?;
    volumes.sort_by_key(|volume| volume.destination);
    Ok(volumes)
}

/// `source:destination[:mode]`.
fn bind_destination(bind: &Value) -> &str {
    let path = bind.as_str().and_then(|bind| bind.split(':').nth(1));
    without_trailing_slash(path.unwrap_or_default())
}

fn mount_target(mount: &Value) -> &str {
    without_trailing_slash(mount["Target"].as_str().unwrap_or_default())
}

/// The engine reports destinations without it.
fn without_trailing_slash(path: &str) -> &str {
    match path.trim_end_matches('/') {
        "" => path,
        trimmed => trimmed,
    }
}

fn take_list(map: &mut Map<String, Value>, field: &str) -> Vec<Value> {
    match map.get_mut(field) {
        Some(Value::Array(list)) => std::mem::take(list),
        _ => Vec::new(),
    }
}

/// An empty list goes back only where one was, so that an untouched field stays as it stood.
fn put_list(map: &mut Map<String, Value>, field: &str, list: Vec<Value>) {
    if !list.is_empty() {
        map.insert(field.to_owned(), Value::Array(list));
    }
}
