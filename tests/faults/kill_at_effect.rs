//! SIGKILL of the shipped binary around a step's effect: before the request that makes it has reached the server, and while
//! the server is provably at work for it: its answer is withheld, or it waits for a lock of the application. Steps
//! without an effect of their own (preflight, health, verification) have neither.

use anyhow::{Context, Result, ensure};
use domain::step::StepState;
use domain::view::JobView;
use futures::future::try_join_all;
use testkit::{Backout, ChaosProxy, World};

use super::Before;
use crate::support::{Proxied, TableInUse, is_chaos};

/// The steps with an effect, and what makes it.
const EFFECTS: [(&str, Effect); 11] = [
    ("backup main", Effect::MariaDb("SQL_NO_CACHE")),
    ("backup content", Effect::MongoDb("\x02find\0\x09\0\0\0articles\0")),
    ("stop_service", Effect::Docker("/{running}/stop")),
    ("maintenance_on", Effect::Docker("create?name={container}.maintenance")),
    ("migrate_down main", Effect::TableInUse),
    ("migrate_down main", Effect::MariaDb("DROP COLUMN two_factor_secret")),
    ("migrate_down content", Effect::MongoDb("dropIndexes")),
    ("flush_cache", Effect::Redis("SCAN")),
    ("maintenance_off", Effect::Docker("DELETE /")),
    ("start_service", Effect::Docker("create?name={container} ")),
    ("finish", Effect::Docker("/{running}?force")),
];

/// Those whose doubling would cost most; the others die before their effect in the long form.
const SHORT: [&str; 4] = ["stop_service", "migrate_down main", "migrate_down content", "start_service"];

#[derive(Clone, Copy)]
enum Effect {
    /// A request with these bytes; `{running}` is the id of the container that runs before the rollback.
    Docker(&'static str),
    MariaDb(&'static str),
    MongoDb(&'static str),
    Redis(&'static str),
    /// The first statement of the down script, which waits for the application's transaction.
    TableInUse,
}

/// Where the worker is when it dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// The request is on its way and never arrives.
    Before,
    /// The server has done its work, or is at it, and its answer never arrives.
    Inside,
}

/// One environment, held at one step of its rollback.
struct Held {
    step: &'static str,
    proxied: Proxied,
    before: Before,
    job: JobView,
    in_use: Option<TableInUse>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_survives_the_death_of_its_worker_before_each_effect() {
    // What waits for a lock has reached the server.
    let effects = EFFECTS.iter().filter(|(_, effect)| !matches!(effect, Effect::TableInUse));
    let effects = effects.filter(|(step, _)| is_chaos() || SHORT.contains(step));
    die(Moment::Before, effects.copied()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_survives_the_death_of_its_worker_inside_each_effect() {
    die(Moment::Inside, EFFECTS.into_iter()).await.unwrap();
}

/// All environments at once, so that one death is at that moment of every step.
async fn die(moment: Moment, effects: impl Iterator<Item = (&'static str, Effect)>) -> Result<()> {
    let backout = Backout::serve(&[("BACKOUT_WORKER_SLOTS", &EFFECTS.len().to_string())])?;
    let held = try_join_all(effects.map(|(step, effect)| hold(&backout, moment, step, effect))).await?;
    for one in &held {
        one.is_at_it().await.with_context(|| format!("when the worker died in {}", one.step))?;
    }
    backout.server().kill9()?;
    for one in held.iter().filter(|one| moment == Moment::Before && one.step == "stop_service") {
        ensure!(one.proxied.scene.answering().await? == "v0.8.2", "the stop was to be kept from the engine");
    }
    let released = try_join_all(held.into_iter().map(Held::release)).await?;
    backout.restart()?;
    try_join_all(released.iter().map(Held::settles)).await?;
    Ok(())
}

async fn hold(backout: &Backout, moment: Moment, step: &'static str, effect: Effect) -> Result<Held> {
    let proxied = Proxied::on_v082(backout).await?;
    let before = Before::of(&proxied.scene).await?;
    let (proxy, request) = match effect {
        Effect::Docker(request) => {
            let request = request.replace("{running}", &running(&proxied).await?);
            (Some(&proxied.docker), request.replace("{container}", proxied.scene.site.container()))
        }
        Effect::MariaDb(request) => (Some(&proxied.mariadb), request.to_owned()),
        Effect::MongoDb(request) => (Some(&proxied.mongodb), request.to_owned()),
        Effect::Redis(request) => (Some(&proxied.redis), request.to_owned()),
        Effect::TableInUse => (None, String::new()),
    };
    let in_use = match (proxy, moment) {
        (None, _) => Some(TableInUse::begin(&proxied.scene.site).await?),
        (Some(proxy), Moment::Before) => {
            proxy.keep_request(request.as_bytes());
            None
        }
        (Some(proxy), Moment::Inside) => {
            proxy.hold_reply_to(request.as_bytes());
            None
        }
    };
    let job = proxied.scene.start_rollback("v0.8.1").await?;
    let reached = async {
        match (&in_use, proxy) {
            (Some(in_use), _) => drop(in_use.kept_waiting().await?),
            (None, Some(proxy)) => reached(proxy, moment).await,
            (None, None) => anyhow::bail!("nothing holds it"),
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

async fn reached(proxy: &ChaosProxy, moment: Moment) {
    match moment {
        Moment::Before => proxy.requested().await,
        Moment::Inside => proxy.held().await,
    }
}

impl Held {
    /// The step that was to be interrupted is the one that runs.
    async fn is_at_it(&self) -> Result<()> {
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
