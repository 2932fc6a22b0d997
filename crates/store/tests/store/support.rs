//! A database of one's own with an application, an environment and jobs in it.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use backout_store::{Cursor, Database, Enqueue, Keyring, NewJob, NewRelease, Registered, Settings, WorkerRow};
use domain::Version;
use domain::deployment::DeploymentKind;
use domain::environment::EnvironmentSpec;
use domain::ids::{ApplicationId, DeploymentId, EnvironmentId, JobId, ReleaseId, WorkerId};
use domain::job::{JobEvent, JobState};
use domain::plan::{Difference, FORMAT, Plan, PlannedRelease, PlannedStep, StepSpec};
use domain::release::ReleaseSpec;
use domain::step::{StepEvent, StepState};
use domain::view::NewApplication;
use saga::{Held, JobNote, Journal, StepNote};
use secrecy::SecretString;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::mysql::MySqlPool;
use testkit::{ChaosProxy, MariaDb};

pub(crate) const APPLICATION: &str = "cms-backend";
pub(crate) const ENVIRONMENT: &str = "production";
pub(crate) const ACTOR: &str = "ada";

/// A database with one application and one environment.
pub(crate) struct Shop {
    pub(crate) database: Database,
    /// Looks at the tables directly.
    pub(crate) raw: MySqlPool,
    pub(crate) application: ApplicationId,
    pub(crate) environment: EnvironmentId,
}

/// A second way to the same database, through a proxy that can lose and hold up answers.
pub(crate) async fn through_a_proxy(url: &str) -> (Database, ChaosProxy) {
    let server = server();
    let proxy = ChaosProxy::start(server.address()).await.unwrap();
    let port = proxy.address().unwrap().port();
    let through = url.replace(&format!(":{}/", server.port()), &format!(":{port}/"));
    (Database::connect(&settings(through)).unwrap(), proxy)
}

pub(crate) fn settings(url: String) -> Settings {
    Settings { url: SecretString::from(url), max_connections: 8, keys: Keyring::parse(&Keyring::generate()).unwrap() }
}

/// The server of these tests. It does not wait for the disk at each commit, which none of them is about (one that
/// kills its server starts its own): making the schema anew for each test would take most of their time.
pub(crate) fn server() -> &'static MariaDb {
    static SERVER: OnceLock<MariaDb> = OnceLock::new();
    SERVER.get_or_init(|| {
        let options = ["--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--innodb-use-native-aio=0"];
        MariaDb::start_with(&options).unwrap()
    })
}

/// The URL of a new empty database on that server.
pub(crate) fn fresh_url() -> String {
    let server = server();
    server.url(&server.create_database("store").unwrap())
}

pub(crate) fn cursor(from: Option<&str>, limit: u32) -> Cursor {
    Cursor::new(from, limit).unwrap()
}

impl Shop {
    pub(crate) async fn open() -> Self {
        Self::open_at(&fresh_url()).await
    }

    pub(crate) async fn open_at(url: &str) -> Self {
        let database = Database::open(&settings(url.to_owned())).await.unwrap();
        let raw = MySqlPool::connect(url).await.unwrap();
        let new = NewApplication { name: APPLICATION.into(), description: "a CMS".into() };
        let application = database.insert_application(ACTOR, &new).await.unwrap().id;
        let environment = EnvironmentId::generate();
        database
            .insert_environment(ACTOR, application, environment, ENVIRONMENT, &EnvironmentSpec::default())
            .await
            .unwrap();
        Self { database, raw, application, environment }
    }

    pub(crate) async fn add_environment(&self, name: &str) -> EnvironmentId {
        let id = EnvironmentId::generate();
        let spec = EnvironmentSpec::default();
        self.database.insert_environment(ACTOR, self.application, id, name, &spec).await.unwrap();
        id
    }

    pub(crate) async fn register(&self, spec: Value) -> Registered {
        self.database.register_release(ACTOR, self.application, &new_release(spec)).await.unwrap()
    }

    /// The release of that version, registered if it is not yet.
    pub(crate) async fn release(&self, version: &str) -> PlannedRelease {
        self.register(json!({ "version": version, "images": { "web": format!("cms:{version}") } })).await;
        let version: Version = version.parse().unwrap();
        let id = self.database.release(self.application, &version).await.unwrap().id;
        PlannedRelease { id, version }
    }

    pub(crate) async fn current(&self) -> Option<DeploymentId> {
        self.database.environment(APPLICATION, ENVIRONMENT).await.unwrap().current
    }

    /// A plan from what runs to that version.
    pub(crate) async fn plan(&self, kind: DeploymentKind, version: &str, specs: Vec<StepSpec>) -> Plan {
        let to = self.release(version).await;
        let environment = self.database.environment(APPLICATION, ENVIRONMENT).await.unwrap();
        Plan { settings_revision: environment.revision, ..plan(kind, environment.current, to, specs) }
    }

    /// Accepts a job for the environment.
    pub(crate) async fn enqueue(&self, kind: DeploymentKind, version: &str, specs: Vec<StepSpec>) -> JobId {
        let plan = self.plan(kind, version, specs).await;
        let new = new_job(self.environment, &plan);
        assert_eq!(self.database.enqueue(&new).await.unwrap(), Enqueue::Accepted);
        new.job
    }

    /// A job of two steps in the queue.
    pub(crate) async fn queued(&self) -> JobId {
        self.enqueue(DeploymentKind::Deploy, "v1.0.0", two_steps()).await
    }

    /// A job of two steps, claimed by a worker that is registered.
    pub(crate) async fn claimed(&self) -> Held {
        self.queued().await;
        self.claim().await
    }

    pub(crate) async fn claim(&self) -> Held {
        let worker = self.worker("here").await;
        let claimed = self.database.claim(worker.id, 1).await.unwrap();
        claimed.into_iter().next().unwrap()
    }

    pub(crate) async fn worker(&self, host: &str) -> WorkerRow {
        let row = WorkerRow { id: WorkerId::generate(), host: host.into(), lock_file: "/run/backout.lock".into() };
        self.database.register_worker(&row).await.unwrap();
        row
    }

    /// Deploys or rolls back to that version with success.
    pub(crate) async fn change(&self, kind: DeploymentKind, version: &str) -> DeploymentId {
        self.enqueue(kind, version, two_steps()).await;
        let held = self.claim().await;
        self.finish(&held).await;
        self.current().await.unwrap()
    }

    /// Runs every step of a claimed job and ends it with success.
    pub(crate) async fn finish(&self, held: &Held) {
        for step in self.database.load(held).await.unwrap().steps {
            self.step(held, step.id, StepEvent::Start).await;
            self.step(held, step.id, StepEvent::Finish).await;
        }
        assert_eq!(self.job(held, JobEvent::StepsFinished).await, JobState::Succeeded);
    }

    pub(crate) async fn step(&self, held: &Held, id: u32, event: StepEvent) -> StepState {
        self.database.step(held, id, event, StepNote::default()).await.unwrap()
    }

    pub(crate) async fn job(&self, held: &Held, event: JobEvent) -> JobState {
        self.database.job(held, event, JobNote::default()).await.unwrap()
    }

    pub(crate) async fn execute(&self, sql: &'static str) {
        sqlx::raw_sql(sql).execute(&self.raw).await.unwrap();
    }

    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.raw).await.unwrap()
    }

    /// The numbers of a job's events, in the order in which a reader gets them.
    pub(crate) async fn event_numbers(&self, job: JobId) -> Vec<u64> {
        self.database.events(job, 0, 10_000).await.unwrap().iter().map(|event| event.seq).collect()
    }

    /// Events are numbered from 1 without gaps, and the job knows the last number.
    pub(crate) async fn assert_gapless(&self, job: JobId) {
        let last = self.database.job_view(job).await.unwrap().last_event;
        assert_eq!(self.event_numbers(job).await, (1..=last).collect::<Vec<_>>());
    }
}

pub(crate) fn new_release(spec: Value) -> NewRelease {
    let content_sha256 = Sha256::digest(spec.to_string()).into();
    let spec: ReleaseSpec = serde_json::from_value(spec).unwrap();
    NewRelease { id: ReleaseId::generate(), spec, content_sha256, config_sha256: BTreeMap::new() }
}

pub(crate) fn new_job(environment: EnvironmentId, plan: &Plan) -> NewJob<'_> {
    NewJob {
        job: JobId::generate(),
        deployment: DeploymentId::generate(),
        environment,
        plan,
        actor: ACTOR,
        reason: "because",
    }
}

/// A plan of these steps, one after the other; the last one is the pivot.
pub(crate) fn plan(
    kind: DeploymentKind,
    from_deployment: Option<DeploymentId>,
    to: PlannedRelease,
    specs: Vec<StepSpec>,
) -> Plan {
    let steps: Vec<PlannedStep> = (0..).zip(specs).map(|(id, spec)| step(id, spec)).collect();
    Plan {
        format: FORMAT,
        kind,
        application: APPLICATION.into(),
        environment: ENVIRONMENT.into(),
        from: None,
        to,
        from_deployment,
        settings_revision: 1,
        pivot: steps.last().map_or(0, |last| last.id),
        steps,
        findings: vec![],
        accepted: Vec::new(),
        verdict: None,
        losses: Vec::new(),
        difference: Difference::default(),
        digest: "0".repeat(64),
        expected_ms: None,
    }
}

fn step(id: u32, spec: StepSpec) -> PlannedStep {
    PlannedStep::new(id, id.checked_sub(1).into_iter().collect(), spec)
}

pub(crate) fn two_steps() -> Vec<StepSpec> {
    vec![
        StepSpec::Preflight { preconditions: vec![] },
        StepSpec::FlushCache { store: "cache".into(), patterns: vec!["cms:*".into()] },
    ]
}
