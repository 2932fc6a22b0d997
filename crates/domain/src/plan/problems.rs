//! What is in the way of a plan, apart from schemas.

use semver::VersionReq;
use sentence::{Sentence, ToValue, sentence};

use super::facts::{Condition, ContainerFacts, ContainerState, Facts, GatewayState, ImageState};
use crate::finding::{Code, Finding};

/// There is no page to show.
pub(super) fn of_page(facts: &Facts, findings: &mut Vec<Finding>) {
    if facts.spec.maintenance.is_none() && facts.spec.gateway.is_none() {
        findings.push(Finding::new(Code::MaintenancePageUnset, [("environment", &facts.environment)]));
    }
}

/// The gateway would not show the page.
pub(super) fn of_gateway(facts: &Facts, findings: &mut Vec<Finding>) {
    if let (Some(gateway), Some(GatewayState::NotReady(reason))) = (&facts.spec.gateway, &facts.gateway) {
        let params = [("url", gateway.url.as_str()), ("environment", &facts.environment)];
        findings.push(Finding::new(Code::GatewayNotReady, params).about("reason", reason));
    }
}

/// What is wrong with the release that is to run.
pub(super) fn of_target(facts: &Facts, findings: &mut Vec<Finding>) {
    let version = facts.target.version.to_string();
    if facts.current.as_ref().is_some_and(|current| current.release.id == facts.target.id) {
        findings.push(Finding::new(Code::ReleaseIsCurrent, [("version", &version)]));
    }
    for service in &facts.spec.services {
        if !facts.target.images.contains_key(&service.name) {
            findings.push(Finding::new(Code::ImageUnnamed, [("service", &service.name), ("version", &version)]));
        }
    }
    if facts.target.config.is_none() {
        findings.push(Finding::new(
            Code::ConfigurationMissing,
            [("version", &version), ("environment", &facts.environment)],
        ));
    }
    if facts.spec.probes.is_empty() {
        findings.push(Finding::new(Code::NoProbes, [("environment", &facts.environment)]));
    }
}

/// What is wrong with hosts, images and containers.
pub(super) fn of_hosts(facts: &Facts, needs_window: bool, findings: &mut Vec<Finding>) {
    let mut unreachable = |host: &str, reason: &Sentence| {
        let known = findings.iter().any(|finding| {
            finding.code == Code::HostUnreachable && finding.params.get("host") == Some(&host.to_value())
        });
        if !known {
            findings.push(Finding::new(Code::HostUnreachable, [("host", host)]).about("reason", reason));
        }
    };
    let mut later = Vec::new();
    for image in &facts.images {
        match &image.state {
            ImageState::Unreachable(reason) => unreachable(&image.host, reason),
            ImageState::Absent => {
                let page = facts.spec.maintenance.as_ref().is_some_and(|page| page.image == image.reference);
                // A plan without a window shows no page, and a gateway needs no image for its own.
                if !page || (needs_window && facts.spec.gateway.is_none()) {
                    let code = if page { Code::MaintenanceImageMissing } else { Code::ImageMissing };
                    later.push(Finding::new(code, [("image", &image.reference), ("host", &image.host)]));
                }
            }
            ImageState::Present(id) => {
                if image.is_changed(id) {
                    later.push(Finding::new(Code::ImageChanged, [("image", &image.reference), ("host", &image.host)]));
                }
            }
        }
    }
    for container in &facts.containers {
        match &container.state {
            ContainerState::Unreachable(reason) => unreachable(&container.host, reason),
            ContainerState::Absent if facts.current.is_some() => {
                later.push(Finding::new(
                    Code::ContainerMissing,
                    [("service", &container.service), ("host", &container.host)],
                ));
            }
            ContainerState::Present { .. } | ContainerState::Absent => {}
        }
        later.extend(drift(facts, container));
        later.extend(foreign(facts, container));
    }
    findings.extend(later);
}

/// In what a container differs from the one that the current deployment left running.
///
/// It warns and does not block: every plan replaces the container, in whatever state it is, so that going back or forward
/// is what mends it; a container that died is the very reason for most rollbacks.
fn drift(facts: &Facts, container: &ContainerFacts) -> Option<Finding> {
    let ContainerState::Present { image_id, ours, condition } = &container.state else { return None };
    facts.current.as_ref()?;
    let label = format!("io.backout.environment={}", label_of(facts));
    let mut differences = Vec::new();
    if !ours {
        differences.push((sentence!("without {label}", label), Sentence::verbatim(label)));
    }
    match condition {
        Condition::Running => {}
        Condition::Unhealthy => differences.push((sentence!("unhealthy"), sentence!("healthy"))),
        Condition::Down(state) => differences.push((Sentence::verbatim(state), sentence!("running"))),
    }
    if let Some(left_as) = container.left_as.as_ref().filter(|left_as| *left_as != image_id) {
        let image = |id: &str| sentence!("image {image}", image = short(id));
        differences.push((image(image_id), image(left_as)));
    }
    let (found, left_as) = differences.into_iter().reduce(|(found, left_as), (one, other)| {
        (sentence!("{one}, {more}", one = found, more = one), sentence!("{one}, {more}", one = left_as, more = other))
    })?;
    let params = [("container", name_of(facts, container)), ("service", &container.service), ("host", &container.host)];
    Some(Finding::new(Code::ContainerDrifted, params).about("found", found).about("left_as", left_as))
}

/// A container of somebody else's that is in the way of the one that is to run: under its name before anything was
/// deployed (later that is drift), or on its port. Where the service runs beside it, the two do not share an address.
fn foreign(facts: &Facts, container: &ContainerFacts) -> Option<Finding> {
    let is_foreign = matches!(container.state, ContainerState::Present { ours: false, .. });
    let runs =
        matches!(container.state, ContainerState::Present { condition: Condition::Running | Condition::Unhealthy, .. });
    let in_the_way = if is_foreign && facts.current.is_none() {
        name_of(facts, container)
    } else {
        container.port_holder.as_deref().filter(|_| !runs)?
    };
    let port = facts.spec.service(&container.service).map(|service| service.port.to_string()).unwrap_or_default();
    let params =
        [("container", in_the_way), ("service", &container.service), ("host", &container.host), ("port", &port)];
    Some(Finding::new(Code::ContainerForeign, params))
}

/// The label of this environment's containers.
fn label_of(facts: &Facts) -> String {
    format!("{}/{}", facts.application, facts.environment)
}

fn name_of<'a>(facts: &'a Facts, container: &ContainerFacts) -> &'a str {
    facts.spec.service(&container.service).map(|service| service.container.as_str()).unwrap_or_default()
}

/// As the engine's own commands show it.
fn short(image_id: &str) -> &str {
    let digits = image_id.strip_prefix("sha256:").unwrap_or(image_id);
    digits.get(..12).unwrap_or(digits)
}

/// Data stores that cannot be backed up now.
pub(super) fn of_backups(facts: &Facts, findings: &mut Vec<Finding>) {
    for name in &facts.backed_up {
        if let Some(reason) = facts.stores.get(name).and_then(|store| store.unreachable.as_ref()) {
            findings.push(Finding::new(Code::StoreUnreachable, [("store", name)]).about("reason", reason));
        }
    }
}

/// What is wrong with the data stores themselves; their schemas are another matter.
pub(super) fn of_stores(facts: &Facts, findings: &mut Vec<Finding>) {
    for (name, store) in &facts.stores {
        if let Some(reason) = &store.unreachable {
            findings.push(Finding::new(Code::StoreUnreachable, [("store", name)]).about("reason", reason));
            continue;
        }
        let Some(requirement) = facts.target.requires.get(store.engine.as_str()) else {
            continue;
        };
        let reported = store.version.as_deref().unwrap_or_default();
        let params = [("store", name.as_str()), ("requirement", requirement), ("reported", reported)];
        match (VersionReq::parse(requirement), leading_version(reported)) {
            (Ok(wanted), Some(version)) if !wanted.matches(&version) => {
                findings.push(Finding::new(Code::RequirementNotMet, params));
            }
            (Ok(_), Some(_)) => {}
            _ => findings.push(Finding::new(Code::RequirementUnknown, params)),
        }
    }
}

/// The numbers at the start of what a server reports, e.g. `10.11.19` of `10.11.19-MariaDB-0+deb12u1`.
fn leading_version(reported: &str) -> Option<semver::Version> {
    let numbers: String = reported.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    let mut parts = numbers.split('.').map(str::parse::<u64>);
    let major = parts.next()?.ok()?;
    let minor = parts.next().and_then(Result::ok).unwrap_or(0);
    let patch = parts.next().and_then(Result::ok).unwrap_or(0);
    Some(semver::Version::new(major, minor, patch))
}
