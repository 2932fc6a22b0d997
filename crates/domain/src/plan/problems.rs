//! What is in the way of a plan, apart from schemas.

use semver::VersionReq;

use super::facts::{ContainerState, Facts, GatewayState, ImageState};
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
        let params = [("url", gateway.url.as_str()), ("reason", reason), ("environment", &facts.environment)];
        findings.push(Finding::new(Code::GatewayNotReady, params));
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
    let mut unreachable = |host: &str, reason: &str| {
        let known = findings.iter().any(|finding| {
            finding.code == Code::HostUnreachable && finding.params.get("host").is_some_and(|known| known == host)
        });
        if !known {
            findings.push(Finding::new(Code::HostUnreachable, [("host", host), ("reason", reason)]));
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
                if image.known_id.as_ref().is_some_and(|known| known != id) {
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
            ContainerState::Present { ours: false, .. } => {
                let code = if facts.current.is_some() { Code::ContainerDrifted } else { Code::ContainerForeign };
                later.push(Finding::new(code, [("service", &container.service), ("host", &container.host)]));
            }
            ContainerState::Present { ours: true, .. } | ContainerState::Absent => {}
        }
    }
    findings.extend(later);
}

/// What is wrong with the data stores themselves; their schemas are another matter.
pub(super) fn of_stores(facts: &Facts, findings: &mut Vec<Finding>) {
    for (name, store) in &facts.stores {
        if let Some(reason) = &store.unreachable {
            findings.push(Finding::new(Code::StoreUnreachable, [("store", name), ("reason", reason)]));
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
