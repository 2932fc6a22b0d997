//! A world of one host and one service, on a private Docker engine, and what the tests do with it again and again.

mod fakes;
mod images;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use data_engine::{BackupReport, Scripts};
use domain::environment::{Service, VerificationProbe};
use domain::ids::{JobId, ReleaseId, WorkerId};
use domain::plan::{ServiceAt, StepSpec};
use driver_docker::Engine;
use saga::{BoundStep, Held, Journal, Probe, StepContext, StepError, StepFactory};
use serde_json::{Value, json};
use steps::Factory;
use testkit::{ReservedPort, shared_docker, shared_redis, unique_name};
use tokio_util::sync::CancellationToken;

use self::fakes::{FakeProvider, Fence};
pub(crate) use self::images::{Tagged, fresh_image, image, page_image};

pub(crate) const SOON: Duration = Duration::from_secs(20);
pub(crate) const HOST: &str = "local";
pub(crate) const ENVIRONMENT: &str = "shop/production";

/// What the control plane would have in its store.
pub(crate) struct Settings {
    /// Address of the engine, so that a test can put a proxy in between.
    pub(crate) docker: String,
    pub(crate) service: Service,
    pub(crate) current: BTreeMap<String, String>,
    pub(crate) pinned: BTreeMap<ReleaseId, BTreeMap<String, String>>,
    pub(crate) probes: Vec<VerificationProbe>,
    pub(crate) cache: String,
    /// Database of the store `main`.
    pub(crate) database: String,
    pub(crate) backups: Vec<(String, BackupReport)>,
    /// Where backups go; a directory of the test's own if none.
    pub(crate) backup_directory: Option<PathBuf>,
    /// A recorded backup that is young enough.
    pub(crate) fresh: Option<BackupReport>,
    /// The keyed hash that all pinned configuration has.
    pub(crate) config_sha256: String,
    /// What the service must not print into errors.
    pub(crate) secrets: Vec<String>,
    pub(crate) scripts: Vec<Scripts>,
    /// How often a backup cannot be written down.
    pub(crate) refusals: u32,
}

pub(crate) struct World {
    pub(crate) settings: Arc<Mutex<Settings>>,
    pub(crate) engine: Engine,
    pub(crate) at: ServiceAt,
    pub(crate) job: JobId,
    pub(crate) port: ReservedPort,
    pub(crate) stop: CancellationToken,
    pub(crate) journal: Arc<Fence>,
    factory: Factory,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::on(&shared_docker().host()).await
    }

    /// A world on the engine with that address.
    pub(crate) async fn on(docker: &str) -> Self {
        let port = ReservedPort::new().unwrap();
        let container = unique_name("web");
        let service = serde_json::from_value(json!({
            "name": "web", "hosts": [HOST], "container": container, "port": port.number(),
        }))
        .unwrap();
        let settings = Arc::new(Mutex::new(Settings {
            docker: docker.to_owned(),
            service,
            current: BTreeMap::new(),
            pinned: BTreeMap::new(),
            probes: Vec::new(),
            cache: String::new(),
            database: String::new(),
            backups: Vec::new(),
            backup_directory: None,
            fresh: None,
            config_sha256: String::new(),
            secrets: Vec::new(),
            scripts: Vec::new(),
            refusals: 0,
        }));
        let provider = Arc::new(FakeProvider::new(Arc::clone(&settings)));
        Self {
            settings,
            engine: Engine::connect(docker).await.unwrap(),
            at: ServiceAt { host: HOST.to_owned(), service: "web".to_owned(), container },
            job: JobId::generate(),
            port,
            stop: CancellationToken::new(),
            journal: Arc::new(Fence::held()),
            factory: Factory::new(provider),
        }
    }

    pub(crate) fn cx(&self, step: u32) -> StepContext {
        self.cx_of(self.job, step)
    }

    pub(crate) fn cx_of(&self, job: JobId, step: u32) -> StepContext {
        let held = Held { job, worker: WorkerId::generate(), fence: 1 };
        let journal = Arc::clone(&self.journal) as Arc<dyn Journal>;
        StepContext::new(held, step, journal, self.stop.clone())
    }

    pub(crate) async fn bind(&self, spec: &StepSpec) -> Box<dyn BoundStep> {
        self.factory.bind(self.job, spec).await.unwrap()
    }

    pub(crate) async fn stop_service(&self) -> Box<dyn BoundStep> {
        self.bind(&StepSpec::StopService { at: self.at.clone() }).await
    }

    pub(crate) async fn start_service(&self, release: ReleaseId, image: &Tagged) -> Box<dyn BoundStep> {
        self.start_service_with(release, image, "").await
    }

    /// The same where the plan names that keyed hash of the pinned configuration.
    pub(crate) async fn start_service_with(
        &self,
        release: ReleaseId,
        image: &Tagged,
        config_sha256: &str,
    ) -> Box<dyn BoundStep> {
        self.bind(&StepSpec::StartService {
            at: self.at.clone(),
            release,
            image: image.tag.clone(),
            image_id: image.id.clone(),
            config_sha256: config_sha256.to_owned(),
            replaces: false,
        })
        .await
    }

    /// The name of the job's retired container where it ran under the policy `no`.
    pub(crate) fn retired(&self) -> String {
        let job = self.job.to_string();
        format!("{}.backout-{}", self.at.container, &job[job.len() - 12..])
    }

    /// A body for the service as somebody might have made it by hand.
    pub(crate) fn body(&self, image: &Tagged, policy: &str) -> Value {
        json!({
            "Image": image.tag,
            "Env": [format!("PORT={}", self.port.number()), "BY_HAND=yes"],
            "Labels": { "team": "shop" },
            "Volumes": { "/data": {} },
            "HostConfig": { "NetworkMode": "host", "RestartPolicy": { "Name": policy } },
        })
    }

    /// Creates and starts the service's container and answers its inspect.
    pub(crate) async fn run_by_hand(&self, body: &Value) -> Value {
        self.engine.create(&self.at.container, body).await.unwrap();
        self.engine.start(&self.at.container).await.unwrap();
        self.container().await.unwrap()
    }

    pub(crate) async fn container(&self) -> Option<Value> {
        self.engine.inspect(&self.at.container).await.unwrap()
    }

    pub(crate) async fn answers(&self) -> u16 {
        let url = format!("http://{}/", self.port.address());
        testkit::eventually(SOON, || async { reqwest::get(&url).await.ok() }).await.unwrap().status().as_u16()
    }

    pub(crate) fn settings(&self) -> std::sync::MutexGuard<'_, Settings> {
        self.settings.lock().unwrap()
    }
}

/// An inspect without what differs from start to start.
pub(crate) fn lasting(mut inspect: Value) -> Value {
    let fields = inspect.as_object_mut().unwrap();
    fields.remove("State");
    for field in ["SandboxID", "SandboxKey", "Networks"] {
        fields["NetworkSettings"].as_object_mut().unwrap().remove(field);
    }
    inspect
}

pub(crate) fn id(inspect: &Value) -> &str {
    inspect["Id"].as_str().unwrap()
}

pub(crate) fn is_running(inspect: &Value) -> bool {
    inspect["State"]["Running"] == true
}

pub(crate) fn is_done(probe: &Result<Probe<Value>, StepError>) -> bool {
    matches!(probe, Ok(Probe::Done(_)))
}

/// A Redis database of the test's own.
pub(crate) fn fresh_cache() -> String {
    shared_redis().fresh_database_url().unwrap()
}
