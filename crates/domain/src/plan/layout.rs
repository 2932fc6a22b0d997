//! The order of steps.

use super::PlannedStep;
use super::facts::{ContainerState, Facts, ImageState};
use super::schema::{SchemaDecision, StoreMove};
use super::statements;
use super::step_spec::{PageAt, ServiceAt, StepSpec};
use crate::environment::{Engine, Service};
use crate::finding::{Code, Finding};
use crate::ledger::{Direction, MigrationRef};

pub(super) struct Steps<'a> {
    facts: &'a Facts,
    steps: Vec<PlannedStep>,
}

impl<'a> Steps<'a> {
    pub(super) fn new(facts: &'a Facts) -> Self {
        Self { facts, steps: Vec::new() }
    }

    fn add(&mut self, spec: StepSpec, after: &[u32]) -> u32 {
        let id = u32::try_from(self.steps.len()).unwrap_or(u32::MAX);
        let mut depends_on = after.to_vec();
        depends_on.sort_unstable();
        depends_on.dedup();
        let expected_ms = self.facts.durations.get(spec.name()).copied();
        self.steps.push(PlannedStep { expected_ms, ..PlannedStep::new(id, depends_on, spec) });
        id
    }

    /// Preflight, backups, then either migrations while the old version serves, or a window in which no
    /// version runs: stop, page, migrations, page off; then start, health, verification, clean-up. A gateway shows
    /// its page from before the stop until after the verification.
    pub(super) fn change_release(
        mut self,
        schema: &SchemaDecision,
        findings: &mut Vec<Finding>,
    ) -> (Vec<PlannedStep>, u32) {
        let facts = self.facts;
        let places = places(facts);
        let preflight = self.add(preflight(), &[]);
        let mut before_stop = vec![preflight];
        before_stop.extend(self.back_up(schema, preflight));
        if !schema.needs_window {
            let online = self.migrate(&schema.moves, &before_stop);
            before_stop.extend(online);
        }
        // The gateway's page stands before anything stops, so that nobody meets a closed port.
        let gateway = facts.spec.gateway.as_ref().map(|gateway| PageAt::Gateway { gateway: gateway.clone() });
        if let Some(page) = &gateway {
            before_stop.push(self.add(StepSpec::MaintenanceOn { page: page.clone() }, &before_stop.clone()));
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
            for (place, stop) in &stops {
                if let Some(page) = self.page_container(place) {
                    pages.push((page.clone(), self.add(StepSpec::MaintenanceOn { page }, &[*stop])));
                }
            }
            let behind_pages: Vec<u32> = before_start.iter().copied().chain(pages.iter().map(|(_, id)| *id)).collect();
            before_start.extend(self.migrate(&schema.moves, &behind_pages));
        }
        before_start.extend(self.flush(&stops));
        for (page, on) in pages {
            let after: Vec<u32> = before_start.iter().copied().chain([on]).collect();
            let off = self.add(StepSpec::MaintenanceOff { page }, &after);
            before_start.push(off);
        }
        let mut healthy = Vec::new();
        for place in &places {
            if let Some(start) = self.start(place, &before_start) {
                healthy.push(self.check_health(place.at.clone(), place.service, &[start]));
            }
        }
        let verify = self.add(verify(facts), if healthy.is_empty() { &before_start } else { &healthy });
        // The pivot is the first traffic that is meant for the target.
        let pivot = if let Some(page) = gateway {
            self.add(StepSpec::MaintenanceOff { page }, &[verify])
        } else {
            if !facts.spec.probes.is_empty() && !places.is_empty() {
                findings.push(Finding::new(Code::TrafficBeforeVerification, [("environment", &facts.environment)]));
            }
            verify
        };
        let retired = retired.iter().map(|place| place.at.clone()).collect();
        self.add(StepSpec::Finish { retired }, &[pivot]);
        (self.steps, pivot)
    }

    /// Preflight, backups, migrations while the version that runs goes on, and its verification.
    pub(super) fn migrate_ahead(mut self, schema: &SchemaDecision) -> (Vec<PlannedStep>, u32) {
        let preflight = self.add(preflight(), &[]);
        let backups = self.back_up(schema, preflight);
        let migrated = self.migrate(&schema.moves, &[vec![preflight], backups].concat());
        let mut pivot = migrated;
        // Behind a page that a person keeps on nothing answers.
        if let Some(current) = self.facts.current.as_ref().filter(|_| self.facts.maintenance.is_none()) {
            let from_deployment = Some(current.deployment);
            let verify = StepSpec::Verify { version: current.release.version.clone(), from_deployment };
            pivot = vec![self.add(verify, &pivot)];
        }
        let finish = self.add(StepSpec::Finish { retired: Vec::new() }, &pivot);
        (self.steps, finish)
    }

    /// New backups, side by side, whatever runs.
    pub(super) fn back_up_only(mut self) -> (Vec<PlannedStep>, u32) {
        let facts = self.facts;
        let preflight = self.add(preflight(), &[]);
        let stores = facts.backed_up.iter().filter_map(|name| Some((name, facts.stores.get(name)?.engine)));
        let backups: Vec<u32> = stores
            .map(|(store, engine)| {
                self.add(StepSpec::Backup { store: store.clone(), engine, anew: true }, &[preflight])
            })
            .collect();
        let finish = self.add(StepSpec::Finish { retired: Vec::new() }, &[vec![preflight], backups].concat());
        (self.steps, finish)
    }

    /// The restore alone: nothing of what runs is touched.
    pub(super) fn restore(mut self) -> (Vec<PlannedStep>, u32) {
        let facts = self.facts;
        let preflight = self.add(preflight(), &[]);
        let restored: Vec<u32> = facts.restored.iter().map(|spec| self.add(spec.clone(), &[preflight])).collect();
        let finish = self.add(StepSpec::Finish { retired: Vec::new() }, &[vec![preflight], restored].concat());
        (self.steps, finish)
    }

    /// A backup of each data store that is migrated, side by side.
    fn back_up(&mut self, schema: &SchemaDecision, preflight: u32) -> Vec<u32> {
        let mut backed_up: Vec<&str> = Vec::new();
        let mut backups = Vec::new();
        for change in &schema.moves {
            if !backed_up.contains(&change.store.as_str()) {
                backed_up.push(&change.store);
                let spec = StepSpec::Backup { store: change.store.clone(), engine: change.engine, anew: false };
                backups.push(self.add(spec, &[preflight]));
            }
        }
        backups
    }

    /// Shows the page: the gateway's, in front of services that go on running, or else one in the place of each
    /// service, which is stopped.
    pub(super) fn close(mut self) -> (Vec<PlannedStep>, u32) {
        let facts = self.facts;
        let places = places(facts);
        let preflight = self.add(preflight(), &[]);
        let mut closed = Vec::new();
        if let Some(gateway) = &facts.spec.gateway {
            let page = PageAt::Gateway { gateway: gateway.clone() };
            closed.push(self.add(StepSpec::MaintenanceOn { page }, &[preflight]));
        } else {
            for place in places.iter().filter(|place| place.exists) {
                let stop = self.add(StepSpec::StopService { at: place.at.clone() }, &[preflight]);
                closed.push(match self.page_container(place) {
                    Some(page) => self.add(StepSpec::MaintenanceOn { page }, &[stop]),
                    None => stop,
                });
            }
        }
        // Nothing is kept aside by name here: the step only joins the branches, so that all of them are closed.
        let pivot = self.add(StepSpec::Finish { retired: Vec::new() }, &closed);
        (self.steps, pivot)
    }

    /// Takes away the pages and starts the containers that the closing job's own plan names, as they were: the
    /// settings may have changed since.
    pub(super) fn reopen(mut self) -> (Vec<PlannedStep>, u32) {
        let facts = self.facts;
        let (mut gateways, mut resumed, mut healthy) = (Vec::new(), Vec::new(), Vec::new());
        let closed = facts.maintenance.iter().flat_map(|maintenance| &maintenance.steps);
        let mut off = Vec::new();
        for spec in closed.clone() {
            match spec {
                StepSpec::MaintenanceOn { page: page @ PageAt::Container { at, .. } } => {
                    off.push((at, self.add(StepSpec::MaintenanceOff { page: page.clone() }, &[])));
                }
                StepSpec::MaintenanceOn { page: page @ PageAt::Gateway { .. } } => gateways.push(page.clone()),
                _ => {}
            }
        }
        let stopped_by = facts.maintenance.as_ref().map(|maintenance| maintenance.job);
        for spec in closed {
            if let (StepSpec::StopService { at }, Some(stopped_by)) = (spec, stopped_by) {
                let freed: Vec<u32> = off.iter().filter(|(page, _)| *page == at).map(|(_, id)| *id).collect();
                resumed.push((at, self.add(StepSpec::ResumeService { at: at.clone(), stopped_by }, &freed)));
            }
        }
        for place in places(facts) {
            match resumed.iter().find(|(at, _)| **at == place.at) {
                Some((_, resume)) => healthy.push(self.check_health(place.at, place.service, &[*resume])),
                // Behind the gateway's page it went on running.
                None if !gateways.is_empty() => healthy.push(self.check_health(place.at, place.service, &[])),
                None => {}
            }
        }
        healthy.extend(resumed.iter().map(|(_, resume)| *resume));
        let mut pivot = self.add(verify(facts), &healthy);
        for page in gateways {
            pivot = self.add(StepSpec::MaintenanceOff { page }, &[pivot]);
        }
        (self.steps, pivot)
    }

    /// The page that takes a service's place where no gateway shows it.
    fn page_container(&self, place: &Place<'_>) -> Option<PageAt> {
        let spec = &self.facts.spec;
        let page = spec.maintenance.as_ref().filter(|_| spec.gateway.is_none())?;
        Some(PageAt::Container { at: place.at.clone(), image: page.image.clone(), port: place.service.port })
    }

    fn check_health(&mut self, at: ServiceAt, service: &Service, after: &[u32]) -> u32 {
        let spec = StepSpec::CheckHealth {
            at,
            port: service.port,
            path: service.health.path.clone(),
            deadline_seconds: service.health.deadline_seconds,
        };
        self.add(spec, after)
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
            if let Some(step) = self.steps.last_mut() {
                statements::describe(step, change);
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
            replaces: place.exists,
        };
        Some(self.add(spec, after))
    }
}

/// A service on one of its hosts.
pub(super) struct Place<'a> {
    pub(super) at: ServiceAt,
    service: &'a Service,
    exists: bool,
}

pub(super) fn places(facts: &Facts) -> Vec<Place<'_>> {
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

/// What it checks follows from the steps behind it, see [`super::preconditions`].
fn preflight() -> StepSpec {
    StepSpec::Preflight { preconditions: Vec::new() }
}

fn verify(facts: &Facts) -> StepSpec {
    StepSpec::Verify {
        version: facts.target.version.clone(),
        from_deployment: facts.current.as_ref().map(|current| current.deployment),
    }
}
