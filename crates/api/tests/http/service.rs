//! A service in this process, with an administrator's token and a place for jobs.

use std::net::SocketAddr;
use std::time::Duration;

use backout_api::{ConnectionLimits, Options, RateLimits, recorder, router, serve};
use control::{Control, Setup};
use domain::deployment::DeploymentKind;
use domain::ids::{DeploymentId, JobId, WorkerId};
use domain::job::{JobEvent, JobState};
use domain::plan::{Difference, FORMAT, Plan, PlannedRelease, PlannedStep, StepSpec};
use domain::step::StepEvent;
use reqwest::{Method, RequestBuilder};
use saga::{Held, JobNote, Journal, StepNote};
use secrecy::SecretString;
use serde_json::{Value, json};
use store::{Database, Enqueue, Keyring, NewJob, Settings, WorkerRow};
use testkit::shared_mariadb;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub(crate) const GENEROUS: RateLimits = RateLimits { requests: 0, authentications: 0 };
/// Where every job of these tests belongs.
pub(crate) const PLACE: &str = "/api/v1/applications/shop/environments/production";
const NEVER: Duration = Duration::from_secs(30);

pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
    pub(crate) database: Database,
    stopping: CancellationToken,
    _folder: tempfile::TempDir,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn problem(&self) -> (u16, &str) {
        (self.status, self.body["error"]["type"].as_str().unwrap_or_default())
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

impl Service {
    pub(crate) async fn start() -> Self {
        Self::with(GENEROUS).await
    }

    pub(crate) async fn with(rates: RateLimits) -> Self {
        let mariadb = shared_mariadb();
        let url = SecretString::from(mariadb.url(&mariadb.create_database("api").unwrap()));
        let keys = Keyring::parse(&Keyring::generate()).unwrap();
        let settings = Settings { url, max_connections: 8, keys: keys.clone() };
        let database = Database::open(&settings).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let data_directory = folder.path().to_owned();
        let setup = Setup { database: database.clone(), keys, data_directory, wake_url: None };
        let control = Control::new(setup);
        let token = control.first_token().await.unwrap().unwrap().secret;
        let stopping = CancellationToken::new();
        let metrics = recorder().unwrap().build_recorder().handle();
        let options =
            Options { heartbeat: Duration::from_millis(100), ..Options::new(metrics, stopping.clone(), rates) };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let limits = ConnectionLimits { connections: 64, head_within: NEVER };
        tokio::spawn(serve(listener, router(control, options), limits, stopping.clone()));
        Self { address, token, database, stopping, _folder: folder }
    }

    /// A request with the administrator's token.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.anonymous(method, path).bearer_auth(&self.token)
    }

    pub(crate) fn anonymous(&self, method: Method, path: &str) -> RequestBuilder {
        let client = reqwest::Client::builder().no_proxy().timeout(NEVER).build().unwrap();
        client.request(method, format!("http://{}{path}", self.address))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        answer(self.request(Method::POST, path).json(body)).await
    }

    /// Everything that a refused request must not change.
    pub(crate) async fn state(&self) -> Value {
        let mut state = Vec::new();
        for path in ["applications", "applications/shop/environments", "applications/shop/releases", "jobs"] {
            state.push(self.get(&format!("/api/v1/{path}")).await.body["data"].clone());
        }
        let tokens = self.get("/api/v1/tokens").await.body["data"]["items"].as_array().unwrap().len();
        json!([state, tokens])
    }

    /// The application `shop` with the environment `production` and the releases v1.0.0 and v1.1.0.
    pub(crate) async fn furnish(&self) {
        let made = self.post("/api/v1/applications", &json!({ "name": "shop" })).await;
        assert_eq!(made.status, 201, "{made:?}");
        let environment = json!({ "name": "production", "spec": {} });
        let made = self.post("/api/v1/applications/shop/environments", &environment).await;
        assert_eq!(made.status, 201, "{made:?}");
        for version in ["v1.0.0", "v1.1.0"] {
            let release = json!({ "version": version, "images": { "web": "web:1" } });
            let made = self.post("/api/v1/applications/shop/releases", &release).await;
            assert_eq!(made.status, 201, "{made:?}");
        }
    }

    /// A job of one step in the queue; no worker takes it but these tests.
    pub(crate) async fn queue(&self) -> JobId {
        let environment = self.database.environment("shop", "production").await.unwrap();
        let version = "v1.0.0".parse().unwrap();
        let release = self.database.release(environment.application_id, &version).await.unwrap();
        let step = PlannedStep::new(0, Vec::new(), StepSpec::Preflight { preconditions: Vec::new() });
        let plan = Plan {
            format: FORMAT,
            kind: DeploymentKind::Deploy,
            application: "shop".into(),
            environment: "production".into(),
            from: None,
            to: PlannedRelease { id: release.id, version },
            from_deployment: None,
            settings_revision: environment.revision,
            pivot: 0,
            steps: vec![step],
            findings: Vec::new(),
            accepted: Vec::new(),
            verdict: None,
            losses: Vec::new(),
            difference: Difference::default(),
            digest: "0".repeat(64),
            expected_ms: None,
        };
        let (job, deployment) = (JobId::generate(), DeploymentId::generate());
        let new = NewJob { job, deployment, environment: environment.id, plan: &plan, actor: "ada", reason: "because" };
        assert_eq!(self.database.enqueue(&new).await.unwrap(), Enqueue::Accepted);
        job
    }

    /// Deploys v1.0.0, as far as the control plane knows.
    pub(crate) async fn deploy(&self) {
        self.queue().await;
        let held = self.claim().await;
        self.step(&held, StepEvent::Start).await;
        self.step(&held, StepEvent::Finish).await;
        self.succeed(&held).await;
    }

    pub(crate) async fn claim(&self) -> Held {
        let worker = WorkerRow { id: WorkerId::generate(), host: "here".into(), lock_file: "/run/backout.lock".into() };
        self.database.register_worker(&worker).await.unwrap();
        self.database.claim(worker.id, 1).await.unwrap().into_iter().next().unwrap()
    }

    pub(crate) async fn step(&self, held: &Held, event: StepEvent) {
        self.database.step(held, 0, event, StepNote::default()).await.unwrap();
    }

    pub(crate) async fn succeed(&self, held: &Held) {
        let state = self.database.job(held, JobEvent::StepsFinished, JobNote::default()).await.unwrap();
        assert_eq!(state, JobState::Succeeded);
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

pub(crate) async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
    Answer { status, headers, body }
}
