//! What a request starts is written under its key: no crash between the two makes the same request start it again.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test itself does")]

use backout_control::{Caller, Control, IdempotencyKey, Reservation, Setup, permission};
use domain::environment::EnvironmentSpec;
use domain::ids::{TokenId, WorkerId};
use domain::job::JobEvent;
use domain::problem::ProblemType;
use domain::step::StepEvent;
use domain::view::{DeployRequest, JobView, NewApplication, NewEnvironment, RollbackRequest};
use saga::{JobNote, Journal, StepNote};
use secrecy::SecretString;
use serde_json::json;
use store::{Database, Keyring, Settings, WorkerRow};
use testkit::shared_mariadb;

struct Scene {
    control: Control,
    database: Database,
    _folder: tempfile::TempDir,
}

fn key(name: &str) -> IdempotencyKey {
    IdempotencyKey { key: name.to_owned(), route: "POST /somewhere".to_owned(), body_sha256: [1; 32] }
}

fn caller() -> Caller {
    let permissions = vec![permission::ALL.to_owned()];
    Caller { token: TokenId::generate(), actor: "ada".to_owned(), permissions, key: None }
}

impl Scene {
    /// An application with an environment without hosts, so that every plan can be accepted.
    async fn new(caller: &Caller) -> Self {
        let mariadb = shared_mariadb();
        let url = SecretString::from(mariadb.url(&mariadb.create_database("control").unwrap()));
        let keys = Keyring::parse(&Keyring::generate()).unwrap();
        let settings = Settings { url, max_connections: 4, keys: keys.clone() };
        let database = Database::open(&settings).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let data_directory = folder.path().to_owned();
        let setup = Setup { database: database.clone(), keys, data_directory, wake_url: None };
        let control = Control::new(setup);
        let application = NewApplication { name: "shop".to_owned(), description: String::new() };
        control.create_application(caller, application).await.unwrap();
        let environment = NewEnvironment { name: "production".to_owned(), spec: EnvironmentSpec::default() };
        control.create_environment(caller, "shop", environment).await.unwrap();
        for version in ["v1.0.0", "v1.1.0"] {
            let release = serde_json::from_value(json!({ "version": version, "images": { "web": "web:1" } })).unwrap();
            control.register_release(caller, "shop", release).await.unwrap();
        }
        Self { control, database, _folder: folder }
    }

    async fn deploy(&self, caller: &Caller, version: &str) -> JobView {
        let request: DeployRequest = serde_json::from_value(json!({ "version": version })).unwrap();
        self.control.start_deployment(caller, "shop", "production", request).await.unwrap()
    }

    /// Lets the job succeed, as far as the control plane knows.
    async fn succeed(&self, job: &JobView) {
        let worker =
            WorkerRow { id: WorkerId::generate(), host: "here".to_owned(), lock_file: "/run/backout.lock".to_owned() };
        self.database.register_worker(&worker).await.unwrap();
        let held = self.database.claim(worker.id, 1).await.unwrap()[0];
        for step in &self.database.job_view(job.id).await.unwrap().steps {
            for event in [StepEvent::Start, StepEvent::Finish] {
                self.database.step(&held, step.id, event, StepNote::default()).await.unwrap();
            }
        }
        self.database.job(&held, JobEvent::StepsFinished, JobNote::default()).await.unwrap();
    }

    /// Reserves the key as the middleware does; the caller that carries it on.
    async fn reserved(&self, caller: &Caller, name: &str) -> Caller {
        let reservation = self.control.reserve_key(caller, &key(name)).await.unwrap();
        assert!(matches!(reservation, Reservation::Fresh), "{reservation:?}");
        Caller { key: Some(key(name)), ..caller.clone() }
    }

    /// The process that started the job died before it kept its answer.
    async fn answers_with(&self, caller: &Caller, name: &str, job: &JobView) {
        let reservation = self.control.reserve_key(caller, &key(name)).await.unwrap();
        assert!(matches!(&reservation, Reservation::Accepted(again) if again.id == job.id), "{reservation:?}");
    }
}

#[tokio::test]
async fn a_crash_between_a_deployment_or_rollback_and_its_answer_answers_the_same_job() {
    let caller = caller();
    let scene = Scene::new(&caller).await;
    let job = scene.deploy(&scene.reserved(&caller, "first").await, "v1.0.0").await;
    scene.answers_with(&caller, "first", &job).await;
    scene.succeed(&job).await;
    scene.answers_with(&caller, "first", &job).await;

    let job = scene.deploy(&scene.reserved(&caller, "second").await, "v1.1.0").await;
    scene.answers_with(&caller, "second", &job).await;
    scene.succeed(&job).await;

    let request: RollbackRequest = serde_json::from_value(json!({ "target": "v1.0.0", "reason": "slow" })).unwrap();
    let by = scene.reserved(&caller, "back").await;
    let job = scene.control.start_rollback(&by, "shop", "production", request).await.unwrap();
    scene.answers_with(&caller, "back", &job).await;
}

#[tokio::test]
async fn a_request_whose_reservation_ran_out_starts_nothing() {
    let caller = caller();
    let scene = Scene::new(&caller).await;
    let by = scene.reserved(&caller, "late").await;
    scene.control.release_key(&caller, &key("late")).await.unwrap();
    let request: DeployRequest = serde_json::from_value(json!({ "version": "v1.0.0" })).unwrap();
    let refused = scene.control.start_deployment(&by, "shop", "production", request).await.unwrap_err();
    assert_eq!(refused.problem, ProblemType::IdempotencyInProgress);
    assert!(scene.database.claim(WorkerId::generate(), 1).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_key_stays_with_its_job_when_the_answer_turns_out_to_be_an_error() {
    let caller = caller();
    let scene = Scene::new(&caller).await;
    let job = scene.deploy(&scene.reserved(&caller, "k").await, "v1.0.0").await;
    scene.control.release_key(&caller, &key("k")).await.unwrap();
    scene.answers_with(&caller, "k", &job).await;
}
