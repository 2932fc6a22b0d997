//! An environment of the example application under one Backout, as CI and people would set it up.

mod proxied;
pub(crate) mod table_in_use;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use client::{Client, Error, JobFilter, PageRequest, Settings};
use domain::environment::EnvValue;
use domain::ids::JobId;
use domain::job::JobState;
use domain::ledger::Direction;
use domain::plan::Plan;
use domain::release::ReleaseSpec;
use domain::view::{DeployRequest, JobEventView, JobView, LedgerView, NewApplication, NewEnvironment, RollbackRequest};
use futures::StreamExt;
use serde_json::{Value, json};
use testkit::{Backout, Site, World};

pub(crate) use self::proxied::Proxied;
pub(crate) use self::table_in_use::TableInUse;

pub(crate) const ENVIRONMENT: &str = "production";
/// Longer than any job of these tests takes on a busy machine.
const JOB_WAIT: Duration = Duration::from_mins(5);

/// One application with one environment; nothing of it is shared with other tests but the servers.
pub(crate) struct Scene {
    pub(crate) site: Site<'static>,
    pub(crate) app: String,
    pub(crate) client: Client,
    /// Where the service is and what it lets in, for requests that the client would not send.
    pub(crate) url: String,
    pub(crate) token: String,
}

impl Scene {
    /// An application with three registered releases and nothing deployed.
    pub(crate) async fn new(backout: &Backout) -> Result<Self> {
        Self::with_settings(backout, Site::environment).await
    }

    /// The same with other settings.
    pub(crate) async fn with_settings(
        backout: &Backout,
        settings: impl FnOnce(&Site<'static>) -> Value,
    ) -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let app = format!("cms-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let site = World::shared().await.site(&app)?;
        let client = Client::new(Settings {
            url: backout.url(),
            ca_file: None,
            token: Some(backout.token().to_owned().into()),
            language: "en".into(),
        })?;
        let scene = Self { site, app, client, url: backout.url(), token: backout.token().to_owned() };
        let new = NewApplication { name: scene.app.clone(), description: String::new() };
        scene.client.create_application(&new).await?;
        let mut spec = settings(&scene.site);
        // Those who want one ask for it: the servers of all tests are the same.
        spec["rehearsal"] = json!({ "on_registration": false });
        let spec = serde_json::from_value(spec)?;
        scene.client.create_environment(&scene.app, &NewEnvironment { name: ENVIRONMENT.into(), spec }).await?;
        for version in testkit::world::VERSIONS {
            scene.client.register_release(&scene.app, &release(version)?).await?;
        }
        Ok(scene)
    }

    /// The same with v0.8.2 running over v0.8.1, articles written, and the second factor of user 1 on.
    pub(crate) async fn on_v082(backout: &Backout) -> Result<Self> {
        let scene = Self::new(backout).await?;
        scene.settle_on_v082().await?;
        Ok(scene)
    }

    pub(crate) async fn settle_on_v082(&self) -> Result<()> {
        self.deploy("v0.8.1").await?;
        self.ask("POST", "/api/v1/articles", Some(&json!({ "title": "t", "body": "b" }))).await?;
        self.deploy("v0.8.2").await?;
        let (status, _) = self.ask("POST", "/api/v1/users/1/2fa", None).await?;
        ensure!(status < 300, "two-factor could not be turned on: {status}");
        Ok(())
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Value)> {
        self.site.ask(method, path, body).await
    }

    /// The version that answers.
    pub(crate) async fn answering(&self) -> Result<String> {
        let (status, health) = self.ask("GET", "/health", None).await?;
        ensure!(status == 200, "/health answered {status}: {health}");
        Ok(health["data"]["version"].as_str().context("no version")?.to_owned())
    }

    /// Fingerprint of the second-factor secret of user 1.
    pub(crate) async fn secret(&self) -> Result<String> {
        let (_, answer) = self.ask("GET", "/api/v1/users/1/2fa", None).await?;
        Ok(answer["data"]["secret_sha256"].as_str().context("no secret")?.to_owned())
    }

    /// Deploys and expects success.
    pub(crate) async fn deploy(&self, version: &str) -> Result<JobView> {
        let request = DeployRequest { version: version.into(), ..deploy_request() };
        let job = self.client.start_deployment(&self.app, ENVIRONMENT, &request).await?;
        self.succeeded(job.id).await
    }

    pub(crate) async fn plan_rollback(&self, target: &str) -> Result<Plan> {
        Ok(self.client.plan_rollback(&self.app, ENVIRONMENT, &rollback_request(target)).await?)
    }

    /// Accepts a rollback without waiting for it.
    pub(crate) async fn start_rollback(&self, target: &str) -> Result<JobView, Error> {
        self.client.start_rollback(&self.app, ENVIRONMENT, &rollback_request(target)).await
    }

    /// Rolls back and expects success.
    pub(crate) async fn roll_back(&self, target: &str) -> Result<JobView> {
        let job = self.start_rollback(target).await?;
        self.succeeded(job.id).await
    }

    /// Waits until the job rests.
    pub(crate) async fn rested(&self, job: JobId) -> Result<JobView> {
        let client = &self.client;
        testkit::eventually(JOB_WAIT, || async move {
            let job = client.wait_for_job(job, Duration::from_secs(10)).await.ok()?;
            (job.state.is_final() || job.state == JobState::Stuck).then_some(job)
        })
        .await
    }

    /// Waits for the job's first event, old or new, that is the wanted one.
    pub(crate) async fn event(&self, job: JobId, wanted: impl Fn(&JobEventView) -> bool) -> Result<JobEventView> {
        let mut events = self.client.job_events(job, 0);
        let look = async {
            while let Some(event) = events.next().await {
                let event = event?;
                if wanted(&event) {
                    return Ok(event);
                }
            }
            bail!("the job rests, and what was waited for did not happen")
        };
        tokio::time::timeout(JOB_WAIT, look).await.context("the event did not come in time")?
    }

    /// Waits until the step that has this name, and works on this data store if one is named, gets into `state`.
    pub(crate) async fn step(&self, job: &JobView, step: &str, state: &str) -> Result<JobEventView> {
        let job = self.client.get_job(job.id).await?;
        let (name, store) = step.split_once(' ').unwrap_or((step, ""));
        let found = job.steps.iter().find(|one| one.name == name && one.subject.contains(store));
        let id = found.with_context(|| format!("the plan has no step {step}"))?.id;
        self.event(job.id, |event| event.kind == "step" && event.step == Some(id) && event.data["state"] == state).await
    }

    /// How often the down script of the second factor is in the ledger.
    pub(crate) async fn downs(&self) -> Result<usize> {
        let ledger = self.ledger().await?;
        Ok(ledger.rows.iter().filter(|row| row.direction == Direction::Down && row.version == "20250110001").count())
    }

    async fn succeeded(&self, job: JobId) -> Result<JobView> {
        let job = self.rested(job).await?;
        ensure!(job.state == JobState::Succeeded, "job is {:?}: {:?}", job.state, job.error);
        Ok(job)
    }

    /// Names and states of every container that belongs to this scene.
    pub(crate) async fn containers(&self) -> Result<BTreeMap<String, String>> {
        let client = reqwest::Client::builder().unix_socket(World::shared().await.docker.socket()).build()?;
        let filters = json!({ "name": [format!("^/{}([.]|$)", self.site.container())] }).to_string();
        let list: Vec<Value> = client
            .get("http://docker/containers/json")
            .query(&[("all", "1"), ("filters", &filters)])
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?;
        let text = |value: &Value| value.as_str().unwrap_or_default().trim_start_matches('/').to_owned();
        Ok(list.iter().map(|container| (text(&container["Names"][0]), text(&container["State"]))).collect())
    }

    /// Versions in the ledger of MariaDB, as the target itself has it.
    pub(crate) async fn applied(&self) -> Result<Vec<String>> {
        Ok(self.ledger().await?.applied)
    }

    async fn ledger(&self) -> Result<LedgerView> {
        Ok(self.client.get_ledger(&self.app, ENVIRONMENT, "main", &PageRequest::first(200)).await?)
    }

    /// How many jobs there were.
    pub(crate) async fn jobs(&self) -> Result<usize> {
        let ours = JobFilter { application: Some(self.app.clone()), ..JobFilter::default() };
        Ok(self.client.list_jobs(&ours, &PageRequest::first(200)).await?.items.len())
    }

    /// The id of an image on the host.
    pub(crate) async fn image_id(&self, reference: &str) -> Result<String> {
        let client = reqwest::Client::builder().unix_socket(World::shared().await.docker.socket()).build()?;
        let url = format!("http://docker/images/{reference}/json");
        let image: Value = client.get(url).send().await?.error_for_status()?.json().await?;
        Ok(image["Id"].as_str().context("no id")?.to_owned())
    }
}

/// A deployment with everything that a protected environment asks for, but for the version.
pub(crate) fn deploy_request() -> DeployRequest {
    DeployRequest { reason: "test".into(), confirm: Some(ENVIRONMENT.into()), ..DeployRequest::default() }
}

/// A rollback with everything that a protected environment asks for.
pub(crate) fn rollback_request(target: &str) -> RollbackRequest {
    RollbackRequest {
        target: Some(target.into()),
        reason: "test".into(),
        confirm: Some(ENVIRONMENT.into()),
        ..RollbackRequest::default()
    }
}

/// A release of the example as CI would register it.
pub(crate) fn release(version: &str) -> Result<ReleaseSpec> {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/cms-backend");
    let heads = match version {
        "v0.8.0" => ("20250105001", "20250105001", json!({ "min": "20250105001", "max": "20250108001" })),
        "v0.8.1" => ("20250108001", "20250107001", json!({ "min": "20250108001", "max": "20250108001" })),
        _ => ("20250110001", "20250110001", json!({ "min": "20250110001" })),
    };
    Ok(serde_json::from_value(json!({
        "version": version,
        "images": { "web": format!("cms-backend:{version}") },
        "git": { "tag": format!("release/{version}"), "branch": "main" },
        "schema": {
            "main": {
                "engine": "mariadb",
                "runs_on": heads.2,
                "migrations": migrations(&example.join("migrations/mariadb"), "sql", heads.0)?,
            },
            "content": { "engine": "mongodb", "migrations": migrations(&example.join("migrations/mongodb"), "js", heads.1)? },
        },
        "config": { "production": { "web": { "CACHE_TTL_SECONDS": { "plain": "60" }, "RELEASE_NAME": { "plain": version } } } },
        "requires": { "mariadb": ">=10.6" },
    }))?)
}

/// v0.8.1 with a pinned setting under which it cannot start.
pub(crate) fn broken_release() -> Result<ReleaseSpec> {
    let mut broken = release("v0.8.1")?;
    broken.version = "v0.8.1-broken".parse()?;
    for config in broken.config.values_mut().flat_map(|services| services.values_mut()) {
        config.insert("CMS_FAULT".into(), EnvValue::Plain("crash".into()));
    }
    Ok(broken)
}

/// v0.8.1 with an image that no host has.
pub(crate) fn absent_release() -> Result<ReleaseSpec> {
    let mut absent = release("v0.8.1")?;
    absent.version = "v0.8.1-absent".parse()?;
    absent.images.insert("web".into(), "cms-backend:absent".into());
    Ok(absent)
}

fn migrations(folder: &Path, kind: &str, head: &str) -> Result<Vec<Value>> {
    let suffix = format!(".up.{kind}");
    let mut ups: Vec<PathBuf> = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    ups.retain(|path| path.to_string_lossy().ends_with(&suffix));
    ups.sort();
    let mut found = Vec::new();
    for up in ups {
        let name = up.file_name().and_then(|name| name.to_str()).context("a file name")?.trim_end_matches(&suffix);
        let (version, name) = name.split_once('_').context("VERSION_NAME")?;
        if version <= head {
            let down = up.to_string_lossy().replace(&suffix, &format!(".down.{kind}"));
            found.push(json!({
                "version": version,
                "name": name,
                "up": std::fs::read_to_string(&up)?,
                "down": std::fs::read_to_string(down)?,
            }));
        }
    }
    Ok(found)
}

/// One service for all tests that do not disturb it.
pub(crate) async fn shared_backout() -> &'static Backout {
    static SHARED: tokio::sync::OnceCell<Backout> = tokio::sync::OnceCell::const_new();
    SHARED.get_or_init(|| async { Backout::serve(&[]).unwrap_or_else(|error| panic!("{error:#}")) }).await
}

/// The problem type of a refusal.
pub(crate) fn problem<T: std::fmt::Debug>(result: Result<T, Error>) -> (u16, String) {
    match result {
        Err(Error::Problem(problem)) => (problem.status, problem.kind.clone()),
        other => panic!("a refusal was expected, not {other:?}"),
    }
}

/// Whether the long tests were asked for, by `make chaos`.
pub(crate) fn is_chaos() -> bool {
    std::env::var_os("BACKOUT_TEST_CHAOS").is_some_and(|value| !value.is_empty())
}
