//! From facts to a plan. Pure: the same facts give the same plan, to the byte.

use semver::VersionReq;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::facts::{ContainerState, Facts, ImageState};
use super::schema::{SchemaDecision, StoreMove, decide};
use super::step_spec::{Precondition, ServiceAt, StepSpec};
use super::{FORMAT, Plan, PlannedRelease, PlannedStep, SchemaChange, difference};
use crate::environment::{Engine, Service};
use crate::finding::{Code, Finding};
use crate::ids::DeploymentId;
use crate::ledger::{Direction, MigrationRef};

/// Builds the plan that takes the environment from what it runs to the target.
///
/// A plan is always returned: what forbids to run it stands in its findings.
pub fn build(facts: &Facts) -> Plan {
    let mut findings = Vec::new();
    find_target_problems(facts, &mut findings);
    find_store_problems(facts, &mut findings);
    let schema = decide(facts, &mut findings);
    find_host_problems(facts, schema.needs_window, &mut findings);
    let (steps, pivot) = Steps::new(facts).lay_out(&schema, &mut findings);
    findings.sort_by(|a, b| (a.severity, a.code, &a.params).cmp(&(b.severity, b.code, &b.params)));

    let mut layers = difference::between(facts.current.as_ref().map(|current| &current.release), &facts.target);
    layers.schema = schema_changes(&schema);
    let from_deployment = facts.current.as_ref().map(|current| current.deployment);
    let digest = digest(facts, from_deployment, &steps);
    let expected_ms = steps.iter().map(|step| step.expected_ms).sum::<Option<u64>>();
    Plan {
        format: FORMAT,
        kind: facts.kind,
        application: facts.application.clone(),
        environment: facts.environment.clone(),
        from: facts
            .current
            .as_ref()
            .map(|current| PlannedRelease { id: current.release.id, version: current.release.version.clone() }),
        to: PlannedRelease { id: facts.target.id, version: facts.target.version.clone() },
        from_deployment,
        steps,
        pivot,
        findings,
        difference: layers,
        digest,
        expected_ms,
    }
}

fn find_target_problems(facts: &Facts, findings: &mut Vec<Finding>) {
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

fn find_host_problems(facts: &Facts, needs_window: bool, findings: &mut Vec<Finding>) {
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
                // A plan without a window shows no page.
                if !page || needs_window {
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

fn find_store_problems(facts: &Facts, findings: &mut Vec<Finding>) {
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

struct Steps<'a> {
    facts: &'a Facts,
    steps: Vec<PlannedStep>,
}

impl<'a> Steps<'a> {
    fn new(facts: &'a Facts) -> Self {
        Self { facts, steps: Vec::new() }
    }

    fn add(&mut self, spec: StepSpec, after: &[u32]) -> u32 {
        let id = u32::try_from(self.steps.len()).unwrap_or(u32::MAX);
        let mut depends_on = after.to_vec();
        depends_on.sort_unstable();
        depends_on.dedup();
        let expected_ms = self.facts.durations.get(spec.name()).copied();
        self.steps.push(PlannedStep { id, depends_on, spec, destroys: Vec::new(), preserves: Vec::new(), expected_ms });
        id
    }

    /// Preflight, backups, then either migrations while the old version serves, or a window in which no
    /// version runs: stop, page, migrations, page off; then start, health, verification, clean-up.
    fn lay_out(mut self, schema: &SchemaDecision, findings: &mut Vec<Finding>) -> (Vec<PlannedStep>, u32) {
        let facts = self.facts;
        let places = places(facts);
        let preflight = self.add(StepSpec::Preflight { preconditions: preconditions(facts, &places) }, &[]);
        let mut before_stop = vec![preflight];
        let mut backed_up: Vec<&str> = Vec::new();
        for change in &schema.moves {
            if !backed_up.contains(&change.store.as_str()) {
                backed_up.push(&change.store);
                let spec = StepSpec::Backup { store: change.store.clone(), engine: change.engine };
                before_stop.push(self.add(spec, &[preflight]));
            }
        }
        if !schema.needs_window {
            let online = self.migrate(&schema.moves, &before_stop);
            before_stop.extend(online);
        }
        let retired: Vec<&Place> = places.iter().filter(|place| place.exists).collect();
        let stops: Vec<(&Place, u32)> = retired
            .iter()
            .map(|place| (*place, self.add(StepSpec::StopService { at: place.at.clone() }, &before_stop)))
            .collect();
        let mut before_start: Vec<u32> = before_stop.iter().copied().chain(stops.iter().map(|(_, id)| *id)).collect();
        let mut pages = Vec::new();
        if schema.needs_window {
            findings.push(Finding::new(Code::MaintenanceWindow, [("environment", &facts.environment)]));
            if let Some(page) = &facts.spec.maintenance {
                for (place, stop) in &stops {
                    let spec = StepSpec::MaintenanceOn {
                        at: place.at.clone(),
                        image: page.image.clone(),
                        port: place.service.port,
                    };
                    pages.push((*place, page, self.add(spec, &[*stop])));
                }
            }
            let behind_pages: Vec<u32> =
                before_start.iter().copied().chain(pages.iter().map(|(_, _, id)| *id)).collect();
            before_start.extend(self.migrate(&schema.moves, &behind_pages));
        }
        before_start.extend(self.flush(&stops));
        for (place, page, on) in &pages {
            let spec =
                StepSpec::MaintenanceOff { at: place.at.clone(), image: page.image.clone(), port: place.service.port };
            let after: Vec<u32> = before_start.iter().copied().chain([*on]).collect();
            let off = self.add(spec, &after);
            before_start.push(off);
        }
        let mut healthy = Vec::new();
        for place in &places {
            if let Some(start) = self.start(place, &before_start) {
                healthy.push(self.add(
                    StepSpec::CheckHealth {
                        at: place.at.clone(),
                        port: place.service.port,
                        path: place.service.health.path.clone(),
                        deadline_seconds: place.service.health.deadline_seconds,
                    },
                    &[start],
                ));
            }
        }
        if !facts.spec.probes.is_empty() && !places.is_empty() {
            findings.push(Finding::new(Code::TrafficBeforeVerification, [("environment", &facts.environment)]));
        }
        let verify = self.add(
            StepSpec::Verify {
                version: facts.target.version.clone(),
                from_deployment: facts.current.as_ref().map(|current| current.deployment),
            },
            if healthy.is_empty() { &before_start } else { &healthy },
        );
        let retired = retired.iter().map(|place| place.at.clone()).collect();
        self.add(StepSpec::Finish { retired }, &[verify]);
        (self.steps, verify)
    }

    /// One step a data store and direction; downs of a store come before its ups, stores go side by side.
    fn migrate(&mut self, moves: &[StoreMove], after: &[u32]) -> Vec<u32> {
        let mut ids: Vec<u32> = Vec::new();
        let mut previous: Option<(&str, u32)> = None;
        for change in moves {
            let migrations: Vec<MigrationRef> =
                change.migrations.iter().map(|migration| migration.reference.clone()).collect();
            let (store, engine) = (change.store.clone(), change.engine);
            let spec = match change.direction {
                Direction::Down => StepSpec::MigrateDown { store, engine, migrations },
                Direction::Up => StepSpec::MigrateUp { store, engine, migrations },
            };
            let mut after = after.to_vec();
            after.extend(previous.filter(|(store, _)| *store == change.store).map(|(_, id)| id));
            let id = self.add(spec, &after);
            let scripts = change.migrations.iter().map(|migration| match change.direction {
                Direction::Down => &migration.down,
                Direction::Up => &migration.up,
            });
            if let Some(step) = self.steps.last_mut() {
                for script in scripts {
                    step.destroys.extend(script.destroys.iter().cloned());
                    step.preserves.extend(script.preserves.iter().cloned());
                }
            }
            previous = Some((&change.store, id));
            ids.push(id);
        }
        ids
    }

    /// Caches are flushed while no version runs, so that none of the old one's entries survive it.
    fn flush(&mut self, stops: &[(&Place<'_>, u32)]) -> Vec<u32> {
        let facts = self.facts;
        let after: Vec<u32> = stops.iter().map(|(_, id)| *id).chain([0]).collect();
        facts
            .spec
            .data_stores
            .iter()
            .filter(|store| store.engine == Engine::Redis && !store.flush.is_empty())
            .map(|store| {
                let spec = StepSpec::FlushCache { store: store.name.clone(), patterns: store.flush.clone() };
                self.add(spec, &after)
            })
            .collect()
    }

    fn start(&mut self, place: &Place<'_>, after: &[u32]) -> Option<u32> {
        let facts = self.facts;
        let image = facts.target.images.get(&place.service.name)?;
        let image_id = facts.images.iter().find_map(|fact| match &fact.state {
            ImageState::Present(id) if fact.host == place.at.host && fact.reference == *image => Some(id.clone()),
            _ => None,
        });
        let spec = StepSpec::StartService {
            at: place.at.clone(),
            release: facts.target.id,
            image: image.clone(),
            image_id: image_id.unwrap_or_default(),
            config_sha256: facts.target.config_sha256.get(&place.service.name).cloned().unwrap_or_default(),
        };
        Some(self.add(spec, after))
    }
}

struct Place<'a> {
    at: ServiceAt,
    service: &'a Service,
    exists: bool,
}

fn places(facts: &Facts) -> Vec<Place<'_>> {
    facts
        .spec
        .services
        .iter()
        .flat_map(|service| service.hosts.iter().map(move |host| (service, host)))
        .map(|(service, host)| Place {
            at: ServiceAt { host: host.clone(), service: service.name.clone(), container: service.container.clone() },
            service,
            exists: facts.containers.iter().any(|fact| {
                fact.host == *host
                    && fact.service == service.name
                    && matches!(fact.state, ContainerState::Present { .. })
            }),
        })
        .collect()
}

fn preconditions(facts: &Facts, places: &[Place<'_>]) -> Vec<Precondition> {
    let images = facts.images.iter().filter_map(|image| match &image.state {
        ImageState::Present(id) => Some(Precondition::Image {
            host: image.host.clone(),
            reference: image.reference.clone(),
            image_id: id.clone(),
        }),
        _ => None,
    });
    let containers = places.iter().map(|place| Precondition::Container {
        at: place.at.clone(),
        image_id: facts.containers.iter().find_map(|fact| match &fact.state {
            ContainerState::Present { image_id, .. }
                if fact.host == place.at.host && fact.service == place.at.service =>
            {
                Some(image_id.clone())
            }
            _ => None,
        }),
    });
    let ledgers = facts.target.schema.iter().filter_map(|(name, schema)| {
        let applied = facts.stores.get(name)?.applied.as_ref().ok()?;
        Some(Precondition::Ledger { store: name.clone(), engine: schema.engine, applied: applied.clone() })
    });
    images.chain(containers).chain(ledgers).collect()
}

fn schema_changes(schema: &SchemaDecision) -> Vec<SchemaChange> {
    schema
        .moves
        .iter()
        .flat_map(|change| {
            change.migrations.iter().map(|migration| SchemaChange {
                store: change.store.clone(),
                direction: change.direction,
                version: migration.reference.version.clone(),
                name: migration.reference.name.clone(),
            })
        })
        .collect()
}

/// What is approved: everything that decides what the steps do, nothing that is only an estimate.
#[derive(Serialize)]
struct Approved<'a> {
    format: u32,
    from_deployment: Option<DeploymentId>,
    fingerprints: Vec<(&'a str, Option<&'a str>)>,
    steps: Vec<(u32, &'a [u32], &'a StepSpec)>,
}

fn digest(facts: &Facts, from_deployment: Option<DeploymentId>, steps: &[PlannedStep]) -> String {
    let approved = Approved {
        format: FORMAT,
        from_deployment,
        fingerprints: facts.stores.iter().map(|(name, store)| (name.as_str(), store.fingerprint.as_deref())).collect(),
        steps: steps.iter().map(|step| (step.id, step.depends_on.as_slice(), &step.spec)).collect(),
    };
    let mut hasher = Sha256::new();
    // Serialising plain data cannot fail; an empty digest would fail every comparison, which is the safe side.
    match serde_json::to_vec(&approved) {
        Ok(bytes) => hasher.update(&bytes),
        Err(_) => return String::new(),
    }
    hex::encode(hasher.finalize())
}
