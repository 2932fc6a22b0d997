//! Servers are away for a while in the middle of a job.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use domain::job::JobState;
use domain::view::{JobView, ResolveRequest, StuckChoice};
use futures::future::try_join_all;
use testkit::{Backout, ChaosProxy, World};

use super::Before;
use crate::support::{Proxied, Scene, is_chaos, shared_backout};

/// For the service to notice that a server went away or came back.
const NOTICE: Duration = Duration::from_secs(30);

/// The proxy of the server that goes away.
type Which = fn(&Proxied) -> &ChaosProxy;

/// How long a server is away.
fn absence() -> Duration {
    Duration::from_secs(if is_chaos() { 30 } else { 3 })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_waits_for_a_server_that_is_away_and_goes_on() {
    let backout = shared_backout().await;
    let cases: [(&str, &str, Which); 4] = [
        ("Docker", "stop_service", |proxied| &proxied.docker),
        ("MariaDB", "stop_service", |proxied| &proxied.mariadb),
        ("MongoDB", "stop_service", |proxied| &proxied.mongodb),
        ("Redis", "stop_service", |proxied| &proxied.redis),
    ];
    let cases = cases.map(|(name, after, proxy)| async move {
        outage(backout, after, proxy).await.with_context(|| format!("{name} was away"))
    });
    try_join_all(cases).await.unwrap();
}

async fn outage(backout: &Backout, after: &str, proxy: Which) -> Result<()> {
    let proxied = Proxied::on_v082(backout).await?;
    let scene = &proxied.scene;
    let before = Before::of(scene).await?;
    let job = scene.start_rollback("v0.8.1").await?;
    scene.step(&job, after, "started").await?;
    proxy(&proxied).refuse();
    scene.event(job.id, |event| event.data.get("retrying").is_some()).await.context("nobody noticed")?;
    tokio::time::sleep(absence()).await;
    proxied.pass();
    before.is_rolled_back(scene, &scene.rested(job.id).await?).await
}

/// Whoever is away longer than a step waits turns the job back, and the way back waits for them as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a step waits for minutes: `make chaos` runs it"]
async fn a_job_unwinds_when_a_server_stays_away_beyond_a_steps_deadline() {
    let backout = shared_backout().await;
    let cases: [(&str, &str, &[u8], Which); 2] = [
        ("Docker", "stop_service", b"/stop", |proxied| &proxied.docker),
        ("Redis", "flush_cache", b"SCAN", |proxied| &proxied.redis),
    ];
    let cases = cases.map(|(name, step, request, proxy)| async move {
        gone_for_long(backout, step, request, proxy).await.with_context(|| format!("{name} stayed away"))
    });
    try_join_all(cases).await.unwrap();
}

async fn gone_for_long(backout: &Backout, step: &str, request: &[u8], proxy: Which) -> Result<()> {
    let proxied = Proxied::on_v082(backout).await?;
    let scene = &proxied.scene;
    let before = Before::of(scene).await?;
    proxy(&proxied).keep_request(request);
    let job = scene.start_rollback("v0.8.1").await?;
    proxy(&proxied).requested().await;
    proxy(&proxied).refuse();
    scene.step(&job, step, "failed").await?;
    scene.step(&job, step, "undoing").await?;
    proxied.pass();
    before.is_undone(scene, &scene.rested(job.id).await?).await
}

/// A cache that cannot be flushed is no reason to leave people without the version that worked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a step waits for minutes: `make chaos` runs it"]
async fn the_version_comes_back_though_the_cache_stays_away_and_a_person_ends_the_job_later() {
    let proxied = Proxied::on_v082(shared_backout().await).await.unwrap();
    let scene = &proxied.scene;
    let before = Before::of(scene).await.unwrap();
    proxied.redis.keep_request(b"SCAN");
    let job = scene.start_rollback("v0.8.1").await.unwrap();
    proxied.redis.requested().await;
    proxied.redis.refuse();
    scene.step(&job, "flush_cache", "undo_failed").await.unwrap();
    let stuck = scene.rested(job.id).await.unwrap();
    assert_eq!(stuck.state, JobState::Stuck);
    assert!(stuck.error.unwrap().message.to_string().contains("Redis"));
    assert_eq!(scene.answering().await.unwrap(), "v0.8.2");
    proxied.pass();
    let retry = ResolveRequest { choice: StuckChoice::Retry, reason: "the cache is back".into() };
    scene.client.resolve_job(job.id, &retry).await.unwrap();
    before.is_undone(scene, &scene.rested(job.id).await.unwrap()).await.unwrap();
}

/// The server has dropped the column, cannot say so, and is away: what was done is found by looking.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_goes_on_when_its_database_went_away_in_the_middle_of_a_migration() {
    let proxied = Proxied::on_v082(shared_backout().await).await.unwrap();
    let scene = &proxied.scene;
    let before = Before::of(scene).await.unwrap();
    proxied.mariadb.hold_reply_to(b"DROP COLUMN two_factor_secret");
    let job = scene.start_rollback("v0.8.1").await.unwrap();
    proxied.mariadb.held().await;
    proxied.mariadb.refuse();
    scene.event(job.id, |event| event.data.get("retrying").is_some()).await.unwrap();
    tokio::time::sleep(absence()).await;
    proxied.pass();
    before.is_rolled_back(scene, &scene.rested(job.id).await.unwrap()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_waits_for_a_control_database_that_is_away_and_the_api_says_so() {
    let mariadb = &World::shared().await.mariadb;
    let database = mariadb.create_database("backout").unwrap();
    let proxy = ChaosProxy::start(mariadb.address()).await.unwrap();
    let through = proxy.address().unwrap().to_string();
    let url = mariadb.url(&database).replacen(&mariadb.address().to_string(), &through, 1);
    let backout = Backout::serve(&[("BACKOUT_DATABASE_URL", &url)]).unwrap();
    let scene = Scene::on_v082(&backout).await.unwrap();
    let before = Before::of(&scene).await.unwrap();
    let job = scene.start_rollback("v0.8.1").await.unwrap();
    scene.step(&job, "stop_service", "finished").await.unwrap();

    proxy.refuse();
    is_unavailable(&backout, &job).await.unwrap();
    tokio::time::sleep(absence()).await;
    is_unavailable(&backout, &job).await.unwrap();
    proxy.pass();

    answers_again(&backout, &job).await.unwrap();
    before.is_rolled_back(&scene, &scene.rested(job.id).await.unwrap()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_control_database_that_dies_comes_back_and_the_job_goes_on() {
    let backout = Backout::serve(&[]).unwrap();
    let scene = Scene::on_v082(&backout).await.unwrap();
    let before = Before::of(&scene).await.unwrap();
    let job = scene.start_rollback("v0.8.1").await.unwrap();
    scene.step(&job, "stop_service", "finished").await.unwrap();
    kill_private_server(&backout.directory().join("data/mariadb/pid")).unwrap();
    answers_again(&backout, &job).await.unwrap();
    before.is_rolled_back(&scene, &scene.rested(job.id).await.unwrap()).await.unwrap();
}

fn kill_private_server(pid_file: &Path) -> Result<()> {
    let pid = std::fs::read_to_string(pid_file).with_context(|| format!("cannot read {}", pid_file.display()))?;
    let killed = std::process::Command::new("kill").args(["-KILL", pid.trim()]).status()?;
    ensure!(killed.success(), "process {pid} could not be killed");
    Ok(())
}

/// The API answers 503 with the reason and when to come again.
async fn is_unavailable(backout: &Backout, job: &JobView) -> Result<()> {
    let answer = ask(backout, job).await?;
    let retry_after = answer.headers().get("retry-after").cloned();
    let status = answer.status().as_u16();
    let body: serde_json::Value = answer.json().await?;
    ensure!(status == 503, "it answered {status}: {body}");
    ensure!(
        retry_after.is_some_and(|seconds| seconds.to_str().is_ok_and(|text| text.parse::<u32>().is_ok())),
        "{body}"
    );
    ensure!(body["error"]["type"].as_str().is_some_and(|kind| kind.contains("unavailable")), "{body}");
    ensure!(body["error"]["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{body}");
    Ok(())
}

async fn answers_again(backout: &Backout, job: &JobView) -> Result<()> {
    let answers = || async { ask(backout, job).await.is_ok_and(|answer| answer.status().is_success()) };
    testkit::eventually(NOTICE, answers).await
}

async fn ask(backout: &Backout, job: &JobView) -> Result<reqwest::Response> {
    let client = reqwest::Client::builder().timeout(NOTICE).build()?;
    let url = format!("{}/api/v1/jobs/{}", backout.url(), job.id);
    Ok(client.get(url).bearer_auth(backout.token()).send().await?)
}
