//! A control plane over real databases, with an application that consists of its schemas alone.

use std::time::Duration;

use control::{Caller, Control, Error, Setup, Worker, WorkerSettings};
use domain::deployment::SchemaMode;
use domain::finding::{Code, Finding};
use domain::ids::TokenId;
use domain::job::JobState;
use domain::plan::Plan;
use domain::view::{DeployRequest, JobView, NewApplication, NewEnvironment, RollbackRequest};
use driver_mongodb::Target;
use secrecy::SecretString;
use serde_json::{Value, json};
use store::{Database, Keyring, Settings};
use tempfile::TempDir;
use testkit::{shared_mariadb, shared_mongo, unique_name};

pub(crate) const APP: &str = "shop";
pub(crate) const ENV: &str = "production";
const SOON: Duration = Duration::from_mins(1);

pub(crate) struct Shop {
    pub(crate) control: Control,
    pub(crate) caller: Caller,
    /// Database of the control plane.
    pub(crate) own: String,
    /// Database of the store `main`.
    pub(crate) main: String,
    /// Database of the store `content`.
    pub(crate) content: String,
    directory: TempDir,
}

impl Shop {
    /// An application with one environment and no worker.
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// The same with other settings.
    pub(crate) async fn with(change: impl FnOnce(&mut Value)) -> Self {
        let server = shared_mariadb();
        let keys = Keyring::parse(&Keyring::generate()).unwrap();
        let own = server.create_database("control").unwrap();
        let url = SecretString::from(server.url(&own));
        let database = Database::open(&Settings { url, max_connections: 8, keys: keys.clone() }).await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let setup = Setup { database, keys, data_directory: directory.path().to_owned(), wake_url: None };
        let control = Control::new(setup);
        let caller =
            Caller { token: TokenId::generate(), actor: "ada".into(), permissions: vec!["*".into()], key: None };
        let new = NewApplication { name: APP.into(), description: String::new() };
        control.create_application(&caller, new).await.unwrap();
        let (main, content) = (server.create_database("main").unwrap(), unique_name("content"));
        let shop = Self { control, caller, own, main, content, directory };
        let mut spec = shop.settings();
        change(&mut spec);
        let new = NewEnvironment { name: ENV.into(), spec: serde_json::from_value(spec).unwrap() };
        shop.control.create_environment(&shop.caller, APP, new).await.unwrap();
        shop
    }

    pub(crate) fn settings(&self) -> Value {
        json!({ "data_stores": [
            { "name": "main", "engine": "mariadb", "url": shared_mariadb().url(&self.main), "database": self.main },
            { "name": "content", "engine": "mongodb", "url": shared_mongo().url(), "database": self.content },
        ] })
    }

    pub(crate) async fn work(&self) -> Worker {
        let lock_directory = self.directory.path().to_owned();
        let settings = WorkerSettings { lock_directory, slots: 1, lease: Duration::from_secs(10) };
        Worker::start(&self.control, settings).await.unwrap()
    }

    pub(crate) async fn register(&self, version: &str, schema: Value) {
        self.register_all(json!({ "version": version, "images": { "web": "web:1" }, "schema": schema })).await;
    }

    /// A release of more than a schema.
    pub(crate) async fn register_all(&self, release: Value) {
        let release = serde_json::from_value(release).unwrap();
        self.control.register_release(&self.caller, APP, release).await.unwrap();
    }

    /// A plan forward.
    pub(crate) async fn plan(&self, version: &str) -> Plan {
        let request = DeployRequest { version: version.into(), ..DeployRequest::default() };
        self.control.plan_deployment(&self.caller, APP, ENV, &request).await.unwrap()
    }

    /// A plan back, with the schema.
    pub(crate) async fn plan_back(&self, version: &str) -> Plan {
        self.control.plan_rollback(&self.caller, APP, ENV, &back(version)).await.unwrap()
    }

    pub(crate) async fn start(&self, version: &str) -> Result<JobView, Error> {
        let request = DeployRequest { version: version.into(), ..DeployRequest::default() };
        self.control.start_deployment(&self.caller, APP, ENV, request).await
    }

    pub(crate) async fn start_back(&self, version: &str) -> Result<JobView, Error> {
        self.control.start_rollback(&self.caller, APP, ENV, back(version)).await
    }

    pub(crate) async fn rested(&self, job: &JobView) -> JobView {
        self.control.wait_for_job(&self.caller, job.id, SOON).await.unwrap()
    }

    pub(crate) async fn deploy(&self, version: &str) -> JobView {
        self.succeeded(self.start(version).await.unwrap()).await
    }

    pub(crate) async fn roll_back(&self, version: &str) -> JobView {
        self.succeeded(self.start_back(version).await.unwrap()).await
    }

    async fn succeeded(&self, job: JobView) -> JobView {
        let job = self.rested(&job).await;
        assert_eq!(job.state, JobState::Succeeded, "{:?}", job.error);
        job
    }

    pub(crate) fn execute(&self, statement: &str) {
        shared_mariadb().execute(&format!("USE {}; {statement}", self.main)).unwrap();
    }

    pub(crate) async fn mongo(&self) -> Target {
        Target::connect(&SecretString::from(shared_mongo().url()), &self.content).await.unwrap()
    }
}

fn back(version: &str) -> RollbackRequest {
    RollbackRequest { target: Some(version.into()), schema: SchemaMode::Down, ..RollbackRequest::default() }
}

/// One data store of a release: each migration is its version, its up and its down.
pub(crate) fn schema(engine: &str, migrations: &[(&str, &str, &str)]) -> Value {
    let migrations: Vec<Value> = migrations
        .iter()
        .map(|(version, up, down)| json!({ "version": version, "name": "m", "up": up, "down": down }))
        .collect();
    json!({ "engine": engine, "migrations": migrations })
}

pub(crate) fn found(plan: &Plan, code: Code) -> Vec<&Finding> {
    plan.findings.iter().filter(|finding| finding.code == code).collect()
}

/// The one problem that keeps a plan from being started.
pub(crate) fn refusal(refused: Result<JobView, Error>) -> &'static str {
    refused.unwrap_err().problem.slug()
}
