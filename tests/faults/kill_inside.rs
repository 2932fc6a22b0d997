//! SIGKILL of the shipped binary while a server is provably at work for it: its answer is withheld, or it
//! waits for a lock of the application. Steps without an effect of their own (preflight, health, verification) have no inside.

use anyhow::{Context, Result, ensure};
use domain::step::StepState;
use domain::view::JobView;
use futures::future::try_join_all;
use testkit::{Backout, World};

use super::Before;
use crate::support::{Proxied, TableInUse};

/// A step with an effect, and the request with which a server is inside of it.
const INSIDES: [(&str, Inside); 11] = [
    ("backup main", Inside::MariaDb(b"SQL_NO_CACHE")),
    ("backup content", Inside::MongoDb(b"\x02find\0\x09\0\0\0articles\0")),
    ("stop_service", Inside::Docker("/{running}/stop")),
    ("maintenance_on", Inside::Docker("create?name={container}.maintenance")),
    ("migrate_down main", Inside::TableInUse),
    ("migrate_down main", Inside::MariaDb(b"DROP COLUMN two_factor_secret")),
    ("migrate_down content", Inside::MongoDb(b"dropIndexes")),
    ("flush_cache", Inside::Redis(b"SCAN")),
    ("maintenance_off", Inside::Docker("DELETE /")),
    ("start_service", Inside::Docker("create?name={container} ")),
    ("finish", Inside::Docker("/{running}?force")),
];

#[derive(Clone, Copy)]
enum Inside {
    /// The reply to a request with these bytes is withheld; `{running}` is the id of the container that runs
    /// before the rollback.
    Docker(&'static str),
    MariaDb(&'static [u8]),
    MongoDb(&'static [u8]),
    Redis(&'static [u8]),
    /// The first statement of the down script waits for the application's transaction.
    TableInUse,
}

/// One environment, held inside one step of its rollback.
struct Held {
    step: &'static str,
    proxied: Proxied,
    before: Before,
    job: JobView,
    in_use: Option<TableInUse>,
}

/// All environments at once, so that one death is in the middle of every step.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_survives_the_death_of_its_worker_inside_each_step() {
    let slots = INSIDES.len().to_string();
    let backout = Backout::serve(&[("BACKOUT_WORKER_SLOTS", &slots)]).unwrap();
    let held = INSIDES.map(|(step, inside)| hold(&backout, step, inside));
    let held = try_join_all(held).await.unwrap();
    for one in &held {
        one.is_inside().await.with_context(|| format!("when the worker died in {}", one.step)).unwrap();
    }
    backout.server().kill9().unwrap();
    let released = try_join_all(held.into_iter().map(Held::release)).await.unwrap();
    backout.restart().unwrap();
    try_join_all(released.iter().map(Held::settles)).await.unwrap();
}

async fn hold(backout: &Backout, step: &'static str, inside: Inside) -> Result<Held> {
    let proxied = Proxied::on_v082(backout).await?;
    let before = Before::of(&proxied.scene).await?;
    let mut in_use = None;
    match inside {
        Inside::Docker(request) => {
            let request = request
                .replace("{running}", &running(&proxied).await?)
                .replace("{container}", proxied.scene.site.container());
            proxied.docker.hold_reply_to(request.as_bytes());
        }
        Inside::MariaDb(request) => proxied.mariadb.hold_reply_to(request),
        Inside::MongoDb(request) => proxied.mongodb.hold_reply_to(request),
        Inside::Redis(request) => proxied.redis.hold_reply_to(request),
        Inside::TableInUse => in_use = Some(TableInUse::begin(&proxied.scene.site).await?),
    }
    let job = proxied.scene.start_rollback("v0.8.1").await?;
    let reached = async {
        match (&in_use, inside) {
            (Some(in_use), _) => drop(in_use.kept_waiting().await?),
            (None, Inside::Docker(_)) => proxied.docker.held().await,
            (None, Inside::MariaDb(_)) => proxied.mariadb.held().await,
            (None, Inside::MongoDb(_)) => proxied.mongodb.held().await,
            (None, _) => proxied.redis.held().await,
        }
        anyhow::Ok(())
    };
    let job_ends = proxied.scene.rested(job.id);
    tokio::select! {
        reached = reached => reached.with_context(|| format!("on the way into {step}"))?,
        ended = job_ends => anyhow::bail!("the job never came into {step}: {:?}", ended.map(|job| (job.state, job.error))),
    }
    Ok(Held { step, proxied, before, job, in_use })
}

impl Held {
    /// The step that was to be interrupted is the one that runs.
    async fn is_inside(&self) -> Result<()> {
        let job = self.proxied.scene.client.get_job(self.job.id).await?;
        let (name, store) = self.step.split_once(' ').unwrap_or((self.step, ""));
        let step = job.steps.iter().find(|step| step.name == name && step.subject.contains(store));
        let state = step.context("no such step")?.state;
        ensure!(state == StepState::Started, "it is {state:?}");
        Ok(())
    }

    async fn release(mut self) -> Result<Self> {
        self.proxied.pass();
        if let Some(in_use) = self.in_use.take() {
            in_use.end().await?;
        }
        Ok(self)
    }

    async fn settles(&self) -> Result<()> {
        let scene = &self.proxied.scene;
        let settled = async { self.before.is_rolled_back(scene, &scene.rested(self.job.id).await?).await };
        settled.await.with_context(|| format!("the worker died in {}", self.step))
    }
}

async fn running(proxied: &Proxied) -> Result<String> {
    let client = reqwest::Client::builder().unix_socket(World::shared().await.docker.socket()).build()?;
    let url = format!("http://docker/containers/{}/json", proxied.scene.site.container());
    let inspect: serde_json::Value = client.get(url).send().await?.error_for_status()?.json().await?;
    Ok(inspect["Id"].as_str().context("no id")?.to_owned())
}
