//! The facts, asked side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use data_engine::Space;
use domain::deployment::{DeploymentKind, SchemaMode};
use domain::environment::{DataStore, Engine, Gateway, GatewayKind, Service};
use domain::finding::Code;
use domain::ledger::Direction;
use domain::plan::{
    Condition, ContainerFacts, ContainerState, CurrentFacts, DiskFacts, Facts, GatewayState, ImageFacts, ImageState,
    Loss, MaintenanceFacts, StepSpec, StoreFacts,
};
use driver_docker::{ContainerSummary, Health};
use driver_gateway::Nginx;
use futures::future::join_all;
use sentence::{Sentence, sentence};
use store::{Database, SchemaRecord, StoredEnvironment, StoredMigration, StoredRelease};

use crate::releases::Examined;
use crate::targets::Targets;

/// How long one host or data store may take to answer before it counts as unreachable.
const DEADLINE: Duration = Duration::from_secs(10);
/// The label that says which environment a container belongs to.
const ENVIRONMENT_LABEL: &str = "io.backout.environment";

/// What is asked.
pub struct Question<'a> {
    /// Forward or back.
    pub kind: DeploymentKind,
    /// The environment.
    pub environment: &'a StoredEnvironment,
    /// The release that is to run.
    pub target: &'a StoredRelease,
    /// What to do with a schema newer than the target.
    pub schema: SchemaMode,
    /// The newest migration to be applied where only migrations are.
    pub through: Option<String>,
    /// The data stores to be backed up where only that is done.
    pub backed_up: Vec<String>,
    /// What is restored where only that is done.
    pub restored: Option<StepSpec>,
    /// What a person accepts.
    pub accepted: BTreeSet<Code>,
}

/// Asks the store, every host and every data store. Only the store can fail the gathering: whatever
/// else does not answer is a fact.
pub async fn gather(database: &Database, targets: &Targets, question: &Question<'_>) -> Result<Facts, store::Error> {
    let environment = question.environment;
    let migrations = database.migrations(environment.application_id).await?;
    let mut rehearsed = database.rehearsed_migrations(environment.id).await?;
    let series = database.series(environment.application_id).await?;
    let examined = Examined::new(&migrations, &mut rehearsed, series);
    // What the current deployment left running.
    let mut left = BTreeMap::new();
    let current = match environment.current {
        None => None,
        Some(deployment) => {
            let (release, _, _) = database.deployment_release(deployment).await?;
            let release = database.release_by_id(release).await?;
            left = database.known_images(environment.id, release.id).await?;
            Some(CurrentFacts { deployment, release: examined.release(&release, &environment.name) })
        }
    };
    let known_images = database.known_images(environment.id, question.target.id).await?;
    let durations = database.step_durations(environment.id).await?;
    let maintenance = match environment.maintenance_job {
        None => None,
        Some(job) => {
            let plan = database.job_view(job).await?.plan;
            let steps = plan.into_iter().flat_map(|plan| plan.steps).map(|step| step.spec).collect();
            Some(MaintenanceFacts { job, steps })
        }
    };
    let (hosts, stores, gateway, backups) = tokio::join!(
        join_all(environment.spec.hosts.iter().map(|host| ask_host(targets, question, host))),
        join_all(environment.spec.data_stores.iter().map(|store| ask_store(database, targets, question, store))),
        ask_gateway(environment),
        data_engine::available_bytes(targets.backups()),
    );
    let mut disks = DiskFacts { backups, ..DiskFacts::default() };
    let (mut images, mut containers) = (Vec::new(), Vec::new());
    for (host, answer) in environment.spec.hosts.iter().zip(hosts) {
        images.extend(answer.images);
        containers.extend(answer.containers);
        disks.hosts.extend(answer.available.map(|available| (host.name.clone(), available)));
    }
    for image in &mut images {
        image.known_id = known_images.get(&(image.host.clone(), image.reference.clone())).cloned();
    }
    for container in &mut containers {
        let image = current.as_ref().and_then(|current: &CurrentFacts| current.release.images.get(&container.service));
        container.left_as = image.and_then(|image| left.get(&(container.host.clone(), image.clone()))).cloned();
    }
    let mut store_facts = BTreeMap::new();
    for (name, answer) in stores {
        let StoreAnswer { mut facts, record, available } = answer?;
        facts.known = examined.known(&name);
        let applied = record.applied.into_iter();
        facts.recorded = applied.filter_map(|(version, id)| Some((version, examined.migration(id)?.clone()))).collect();
        disks.servers.extend(available.map(|available| (name.clone(), available)));
        facts.losses = losses(targets, question, &name, &facts, &migrations).await;
        store_facts.insert(name, facts);
    }
    Ok(Facts {
        kind: question.kind,
        application: environment.application.clone(),
        environment: environment.name.clone(),
        spec: environment.spec.clone().masked(),
        settings_revision: environment.revision,
        schema_mode: question.schema,
        through: question.through.clone(),
        backed_up: question.backed_up.clone(),
        restored: question.restored.clone(),
        accepted: question.accepted.clone(),
        current,
        target: examined.release(question.target, &environment.name),
        images,
        containers,
        stores: store_facts,
        gateway,
        maintenance,
        disks,
        durations,
    })
}

/// What the down scripts would take away of the migrations that the target does not have. Numbers are a help and no condition:
/// what cannot be counted in time is left out.
async fn losses(
    targets: &Targets,
    question: &Question<'_>,
    name: &str,
    facts: &StoreFacts,
    migrations: &[StoredMigration],
) -> BTreeMap<String, Vec<Loss>> {
    let changes_release = matches!(question.kind, DeploymentKind::Deploy | DeploymentKind::Rollback);
    let (Some(store), Ok(applied), true) =
        (question.environment.spec.data_store(name), &facts.applied, changes_release)
    else {
        return BTreeMap::new();
    };
    let kept: Vec<&str> = question
        .target
        .schema
        .get(name)
        .iter()
        .flat_map(|schema| &schema.migrations)
        .map(|one| one.version.as_str())
        .collect();
    let downs: Vec<(&String, &str)> = applied
        .iter()
        .filter(|version| !kept.contains(&version.as_str()))
        .filter_map(|version| {
            let known = facts.recorded.get(version).or_else(|| facts.known.get(version))?;
            let stored = migrations.iter().find(|stored| stored.reference.id == known.reference.id)?;
            Some((version, stored.down.as_deref()?))
        })
        .collect();
    if downs.is_empty() {
        return BTreeMap::new();
    }
    let count = async {
        let engine = targets.data_engine(question.environment.id, store).await.map_err(|error| error.sentence())?;
        let mut counted = BTreeMap::new();
        for (version, down) in downs {
            let losses = engine.losses(down, 0).await.map_err(|error| error.sentence())?;
            let losses = losses.into_iter().map(|loss| Loss { object: loss.object, rows: loss.rows }).collect();
            counted.insert(version.clone(), losses);
        }
        Ok::<_, Sentence>(counted)
    };
    within_deadline(count).await.unwrap_or_else(|reason| {
        tracing::debug!(store = name, %reason, "what a rollback takes away could not be counted");
        BTreeMap::new()
    })
}

/// What a host answered, or why it did not.
struct HostAnswer {
    images: Vec<ImageFacts>,
    containers: Vec<ContainerFacts>,
    /// What may still be written where its engine keeps its data, bytes.
    available: Option<u64>,
}

/// The images that a host needs, the containers that it has, and its free space.
async fn ask_host(targets: &Targets, question: &Question<'_>, host: &domain::environment::Host) -> HostAnswer {
    let spec = &question.environment.spec;
    let label = label_of(question.environment);
    let services: Vec<_> = spec.services.iter().filter(|service| service.hosts.contains(&host.name)).collect();
    let target = question.target;
    let references: Vec<(String, Option<String>)> = services
        .iter()
        .filter_map(|service| {
            let reference = target.images.get(&service.name)?.clone();
            Some((reference, target.image_digests.get(&service.name).cloned()))
        })
        .chain(spec.maintenance.iter().filter(|_| !services.is_empty()).map(|page| (page.image.clone(), None)))
        .collect();
    let ask = async {
        let engine = targets.docker(host).await.map_err(|error| error.sentence())?;
        let mut images = Vec::new();
        for (reference, _) in &references {
            let image = engine.inspect_image(reference).await.map_err(|error| error.sentence())?;
            images.push(match image {
                None => (ImageState::Absent, Vec::new()),
                Some(image) => (ImageState::Present(image.id), image.repo_digests),
            });
        }
        let running =
            if services.is_empty() { Vec::new() } else { engine.running().await.map_err(|error| error.sentence())? };
        let mut containers = Vec::new();
        for service in &services {
            let found = engine.inspect(&service.container).await.map_err(|error| error.sentence())?;
            let holder = running.iter().find(|one| holds(one, service, &label));
            let state = found.map_or(ContainerState::Absent, |container| ContainerState::Present {
                image_id: container["Image"].as_str().unwrap_or_default().to_owned(),
                ours: container["Config"]["Labels"][ENVIRONMENT_LABEL] == label.as_str(),
                condition: condition(&container),
            });
            containers.push((state, holder.map(|holder| holder.name().to_owned())));
        }
        // A host on which nothing runs needs no space.
        let disk = if services.is_empty() { None } else { engine.disk_space().await.ok().flatten() };
        Ok::<_, Sentence>((images, containers, disk.map(|disk| disk.available_bytes)))
    };
    let answer = within_deadline(ask).await;
    let (images, containers, available) = match answer {
        Ok(answer) => answer,
        Err(reason) => (
            vec![(ImageState::Unreachable(reason.clone()), Vec::new()); references.len()],
            vec![(ContainerState::Unreachable(reason), None); services.len()],
            None,
        ),
    };
    let images = references.into_iter().zip(images).map(|((reference, digest), (state, repo_digests))| ImageFacts {
        host: host.name.clone(),
        reference,
        state,
        known_id: None,
        digest,
        repo_digests,
    });
    let containers = services.iter().zip(containers).map(|(service, (state, port_holder))| ContainerFacts {
        host: host.name.clone(),
        service: service.name.clone(),
        state,
        left_as: None,
        port_holder,
    });
    HostAnswer { images: images.collect(), containers: containers.collect(), available }
}

/// Whether an inspected container runs. A frozen one does not: it answers nobody.
fn condition(container: &serde_json::Value) -> Condition {
    match (container["State"]["Status"].as_str().unwrap_or_default(), Health::of(container)) {
        ("running", Health::Unhealthy { .. }) => Condition::Unhealthy,
        ("running", _) => Condition::Running,
        (state, _) => Condition::Down(state.to_owned()),
    }
}

/// Whether a container that runs is somebody else's and publishes the service's port, under another name than the
/// service's own, which is looked at for itself.
fn holds(one: &ContainerSummary, service: &Service, label: &str) -> bool {
    let is_ours = one.labels.get(ENVIRONMENT_LABEL).is_some_and(|found| found == label);
    one.publishes(service.port) && !is_ours && one.name() != service.container
}

/// What the label of that name says of a container that belongs to the environment.
fn label_of(environment: &StoredEnvironment) -> String {
    format!("{}/{}", environment.application, environment.name)
}

/// Whether the gateway, where there is one, answers for this environment.
async fn ask_gateway(environment: &StoredEnvironment) -> Option<GatewayState> {
    let Gateway { kind: GatewayKind::Nginx, directory, url } = environment.spec.gateway.as_ref()?;
    let gateway = Nginx::of_environment(directory, &label_of(environment), url);
    let answer = within_deadline(async { gateway.check().await.map_err(|error| error.sentence()) }).await;
    Some(answer.map_or_else(GatewayState::NotReady, |()| GatewayState::Ready))
}

/// What the store and a data store say of it.
struct StoreAnswer {
    facts: StoreFacts,
    record: SchemaRecord,
    /// What may still be written where its server keeps its data, bytes.
    available: Option<u64>,
}

async fn ask_store(
    database: &Database,
    targets: &Targets,
    question: &Question<'_>,
    store: &DataStore,
) -> (String, Result<StoreAnswer, store::Error>) {
    (store.name.clone(), answer_of(database, targets, question.environment, store).await)
}

async fn answer_of(
    database: &Database,
    targets: &Targets,
    environment: &StoredEnvironment,
    store: &DataStore,
) -> Result<StoreAnswer, store::Error> {
    let mut kept: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in database.kept_data(environment.id, &store.name).await? {
        let objects = kept.entry(row.migration).or_default();
        if row.comes_back_with == Direction::Up && !objects.contains(&row.object) {
            objects.push(row.object);
        }
    }
    kept.retain(|_, objects| !objects.is_empty());
    let record = database.schema_record(environment.id, &store.name).await?;
    let mut facts = StoreFacts {
        engine: store.engine,
        unreachable: None,
        version: None,
        applied: Ok(Vec::new()),
        fingerprint: None,
        left_as: record.left_as.clone(),
        recorded: BTreeMap::new(),
        sizes: BTreeMap::new(),
        known: BTreeMap::new(),
        losses: BTreeMap::new(),
        kept,
        dropped: database.dropped_data(environment.id, &store.name).await?,
    };
    let answer = match store.engine {
        Engine::Redis => within_deadline(ask_cache(targets, environment, store)).await.map(|version| (version, None)),
        Engine::MariaDb | Engine::MongoDb => within_deadline(ask_database(targets, environment, store))
            .await
            .map(|(version, schema)| (version, Some(schema))),
    };
    let mut available = None;
    match answer {
        Ok((version, schema)) => {
            facts.version = Some(version);
            if let Some(schema) = schema {
                facts.applied = schema.applied;
                facts.fingerprint = Some(schema.fingerprint);
                facts.sizes = schema.space.sizes;
                available = schema.space.available;
            }
        }
        Err(reason) => facts.unreachable = Some(reason),
    }
    Ok(StoreAnswer { facts, record, available })
}

async fn ask_cache(targets: &Targets, environment: &StoredEnvironment, store: &DataStore) -> Result<String, Sentence> {
    let cache = targets.cache(environment.id, store).await.map_err(|error| error.sentence())?;
    cache.server_version().await.map_err(|error| error.sentence())
}

struct Schema {
    applied: Result<Vec<String>, Sentence>,
    fingerprint: String,
    space: Space,
}

async fn ask_database(
    targets: &Targets,
    environment: &StoredEnvironment,
    store: &DataStore,
) -> Result<(String, Schema), Sentence> {
    let engine = targets.data_engine(environment.id, store).await.map_err(|error| error.sentence())?;
    let version = engine.server_version().await.map_err(|error| error.sentence())?;
    let applied = match engine.applied().await {
        Ok(applied) => Ok(applied),
        Err(error) if error.is_transient() => return Err(error.sentence()),
        Err(error) => Err(error.sentence()),
    };
    let fingerprint = engine.fingerprint().await.map_err(|error| error.sentence())?;
    // What is only an estimate is no reason to count the store as unreachable.
    let space = engine.space().await.unwrap_or_default();
    Ok((version, Schema { applied, fingerprint, space }))
}

async fn within_deadline<T>(ask: impl Future<Output = Result<T, Sentence>>) -> Result<T, Sentence> {
    tokio::time::timeout(DEADLINE, ask)
        .await
        .unwrap_or_else(|_| Err(sentence!("no answer within {limit} s", limit = DEADLINE.as_secs())))
}
