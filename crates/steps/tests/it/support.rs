//! A world of one host and one service, on a private Docker engine, and what the tests do with it again and again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use data_engine::{BackupReport, DataEngine, DataTarget, Scripts};
use domain::environment::{Engine as StoreKind, Service, VerificationProbe};
use domain::ids::{BackupId, JobId, ReleaseId, WorkerId};
use domain::job::{JobEvent, JobState};
use domain::ledger::MigrationRef;
use domain::plan::{ServiceAt, StepSpec};
use domain::step::{StepEvent, StepState};
use driver_docker::{Engine, Image, build_image};
use saga::{
    BoundStep, ErrorKind, Held, JobNote, JobRecord, Journal, JournalError, Probe, StepContext, StepError, StepFactory,
    StepNote,
};
use secrecy::SecretString;
use serde_json::{Value, json};
use steps::{Factory, OpenService, Provider};
use tempfile::TempDir;
use testkit::{ReservedPort, shared_docker, shared_mariadb, shared_redis, static_binary, unique_name};
use tokio_util::sync::CancellationToken;

use crate::ledgers::NoStatements;

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
        let provider = Arc::new(FakeProvider { settings: Arc::clone(&settings) });
        Self {
            settings,
            engine: Engine::connect(docker).await.unwrap(),
            at: ServiceAt { host: HOST.to_owned(), service: "web".to_owned(), container },
            job: JobId::generate(),
            port,
            stop: CancellationToken::new(),
            journal: Arc::new(Fence(AtomicBool::new(true))),
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

/// An image by its tag.
#[derive(Clone)]
pub(crate) struct Tagged {
    pub(crate) tag: String,
    pub(crate) id: String,
}

/// An image of the test server with these variables, built once for each engine.
pub(crate) async fn image(engine: &Engine, env: &[(&str, &str)]) -> Tagged {
    static BUILT: tokio::sync::Mutex<BTreeMap<String, Tagged>> = tokio::sync::Mutex::const_new(BTreeMap::new());
    let key = format!("{} {env:?}", engine.host());
    let mut built = BUILT.lock().await;
    if let Some(image) = built.get(&key) {
        return image.clone();
    }
    let image = fresh_image(engine, env).await;
    built.insert(key, image.clone());
    image
}

/// The same under a tag of the test's own, which it may move.
pub(crate) async fn fresh_image(engine: &Engine, env: &[(&str, &str)]) -> Tagged {
    let variables = env.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ");
    let env = if env.is_empty() { String::new() } else { format!("ENV {variables}\n") };
    let dockerfile = format!("FROM scratch\nCOPY server /server\n{env}CMD [\"/server\"]\n");
    build(engine, "shop", &dockerfile, ("server", server())).await
}

/// An image of the maintenance page.
pub(crate) async fn page_image(engine: &Engine) -> Tagged {
    let dockerfile = "FROM scratch\nCOPY page /page\nCMD [\"/page\"]\n";
    build(engine, "page", dockerfile, ("page", static_binary("maintenance-page").unwrap())).await
}

async fn build(engine: &Engine, name: &str, dockerfile: &str, file: (&str, PathBuf)) -> Tagged {
    let tag = format!("{}:1", unique_name(name));
    build_image(engine, &tag, dockerfile, &[file]).await.unwrap();
    let image: Image = engine.inspect_image(&tag).await.unwrap().unwrap();
    Tagged { tag, id: image.id }
}

/// The test server, compiled once.
fn server() -> PathBuf {
    static DIRECTORY: OnceLock<TempDir> = OnceLock::new();
    let directory = DIRECTORY.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/server.c");
        let built = directory.path().join("server");
        let status = Command::new("gcc").args(["-static", "-O1", "-o"]).arg(built).arg(source).status().unwrap();
        assert!(status.success());
        directory
    });
    directory.path().join("server")
}

struct FakeProvider {
    settings: Arc<Mutex<Settings>>,
}

fn opened(values: &BTreeMap<String, String>) -> BTreeMap<String, SecretString> {
    values.iter().map(|(key, value)| (key.clone(), SecretString::from(value.as_str()))).collect()
}

#[async_trait]
impl Provider for FakeProvider {
    async fn docker(&self, _: JobId, host: &str) -> Result<Engine, StepError> {
        assert_eq!(host, HOST);
        let address = self.settings.lock().unwrap().docker.clone();
        Engine::connect(&address).await.map_err(|error| steps::docker_error(host, &error))
    }

    async fn address(&self, _: JobId, _: &str) -> Result<String, StepError> {
        Ok("127.0.0.1".to_owned())
    }

    async fn data_engine(&self, _: JobId, store: &str) -> Result<DataEngine, StepError> {
        let url = shared_mariadb().url(&self.settings.lock().unwrap().database);
        let target = driver_mariadb::Target::new(SecretString::from(url)).unwrap();
        Ok(DataEngine::new(store.to_owned(), DataTarget::MariaDb(target), Arc::new(NoStatements)))
    }

    async fn cache(&self, _: JobId, _: &str) -> Result<driver_redis::Target, StepError> {
        let url = SecretString::from(self.settings.lock().unwrap().cache.as_str());
        Ok(driver_redis::Target::connect(&url).await.unwrap())
    }

    async fn scripts(&self, _: &[MigrationRef]) -> Result<Vec<Scripts>, StepError> {
        Ok(self.settings.lock().unwrap().scripts.clone())
    }

    async fn service(&self, _: JobId, _: &str) -> Result<OpenService, StepError> {
        let settings = self.settings.lock().unwrap();
        Ok(OpenService { service: settings.service.clone(), env: opened(&settings.current) })
    }

    async fn config(
        &self,
        _: JobId,
        release: ReleaseId,
        service: &str,
        config_sha256: &str,
    ) -> Result<BTreeMap<String, SecretString>, StepError> {
        let settings = self.settings.lock().unwrap();
        if settings.config_sha256 != config_sha256 {
            let why = format!("the configuration of {service} is not the one that was registered");
            return Err(StepError::new(ErrorKind::WorldChanged, why));
        }
        Ok(settings.pinned.get(&release).map(opened).unwrap_or_default())
    }

    async fn secrets(&self, _: JobId, _: &str) -> Result<Vec<SecretString>, StepError> {
        let settings = self.settings.lock().unwrap();
        Ok(settings.secrets.iter().map(|secret| SecretString::from(secret.as_str())).collect())
    }

    async fn fresh_backup(&self, _: JobId, _: &str) -> Result<Option<BackupReport>, StepError> {
        Ok(self.settings.lock().unwrap().fresh.clone())
    }

    async fn probes(&self, _: JobId) -> Result<Vec<VerificationProbe>, StepError> {
        Ok(self.settings.lock().unwrap().probes.clone())
    }

    async fn environment(&self, _: JobId) -> Result<String, StepError> {
        Ok(ENVIRONMENT.to_owned())
    }

    async fn maintenance_reason(&self, _: JobId) -> Result<String, StepError> {
        Ok("Back to v1".to_owned())
    }

    async fn record_backup(
        &self,
        _: &Held,
        _: u32,
        _: BackupId,
        store: &str,
        _: StoreKind,
        report: &BackupReport,
    ) -> Result<(), JournalError> {
        let mut settings = self.settings.lock().unwrap();
        if settings.refusals > 0 {
            settings.refusals -= 1;
            return Err(JournalError::Unavailable("the connection was lost".to_owned()));
        }
        settings.backups.push((store.to_owned(), report.clone()));
        Ok(())
    }

    async fn backup_directory(&self, _: JobId, store: &str) -> Result<PathBuf, StepError> {
        static DIRECTORY: OnceLock<TempDir> = OnceLock::new();
        if let Some(directory) = &self.settings.lock().unwrap().backup_directory {
            return Ok(directory.clone());
        }
        Ok(DIRECTORY.get_or_init(|| tempfile::tempdir().unwrap()).path().join(store))
    }
}

/// A journal that knows one thing: whether the claim holds.
pub(crate) struct Fence(AtomicBool);

impl Fence {
    pub(crate) fn lose(&self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

#[async_trait]
impl Journal for Fence {
    async fn load(&self, _: &Held) -> Result<JobRecord, JournalError> {
        Err(JournalError::Illegal("not kept here".to_owned()))
    }

    async fn step(&self, _: &Held, _: u32, _: StepEvent, _: StepNote) -> Result<StepState, JournalError> {
        Err(JournalError::Illegal("not kept here".to_owned()))
    }

    async fn job(&self, _: &Held, _: JobEvent, _: JobNote) -> Result<JobState, JournalError> {
        Err(JournalError::Illegal("not kept here".to_owned()))
    }

    async fn progress(&self, _: &Held, _: u32, _: Value) -> Result<(), JournalError> {
        Ok(())
    }

    async fn assert_held(&self, held: &Held) -> Result<(), JournalError> {
        if self.0.load(Ordering::SeqCst) {
            return Ok(());
        }
        Err(JournalError::FenceLost { job: held.job, fence: held.fence })
    }

    async fn cancel_requested(&self, _: &Held) -> Result<bool, JournalError> {
        Ok(false)
    }
}

/// A Redis database of the test's own.
pub(crate) fn fresh_cache() -> String {
    shared_redis().fresh_database_url().unwrap()
}
