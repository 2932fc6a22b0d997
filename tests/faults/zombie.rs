//! A worker that stands still beyond its lease, and wakes up after another one has taken its job over. Both are
//! on one host, where the file lock shows that the first one lives: only its missing beats tell.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use domain::job::JobState;
use domain::view::{JobEventView, JobView};
use futures::TryStreamExt;
use sqlx::Row;
use testkit::{Backout, Server, World};

use super::Before;
use crate::support::table_in_use::connect;
use crate::support::{Proxied, Scene, TableInUse};

/// For a process to write to its log what it has noticed.
const NOTICE: Duration = Duration::from_secs(30);

/// The API, and one worker that alone can claim jobs at first.
struct Apart {
    backout: Backout,
    control: String,
    first: Server,
}

impl Apart {
    async fn start() -> Result<Self> {
        let mariadb = &World::shared().await.mariadb;
        let control = mariadb.create_database("backout")?;
        let url = mariadb.url(&control);
        let backout = Backout::serve_without_worker(&[("BACKOUT_DATABASE_URL", &url), ("BACKOUT_LEASE_SECONDS", "2")])?;
        let first = backout.worker()?;
        Ok(Self { backout, control, first })
    }

    /// Wakes the first worker and waits until it has noticed.
    async fn wake_first(&self) -> Result<()> {
        self.first.resume()?;
        let noticed = || async {
            std::fs::read_to_string(self.first.log()).is_ok_and(|log| log.contains("taken over by another worker"))
        };
        testkit::eventually(NOTICE, noticed).await.with_context(|| self.first.log_tail())
    }

    /// Everything that the control database has of a job's way: statements with their times, and the fence.
    async fn journal(&self, job: &JobView) -> Result<Vec<String>> {
        let sql = "SELECT CONCAT_WS(' ', s.step, s.is_undo, s.migration, s.idx, s.begun_at, s.done_at, j.fence, j.event_seq) AS line \
             FROM job_statements s JOIN jobs j ON j.id = s.job_id WHERE j.id = ? ORDER BY 1";
        let rows = sqlx::query(sql).bind(job.id.0).fetch_all(&mut connect(&self.control).await?).await?;
        rows.iter().map(|row| Ok(row.try_get("line")?)).collect()
    }
}

fn is_take_over(event: &JobEventView) -> bool {
    event.data["taken_over"] == true
}

async fn events(scene: &Scene, job: &JobView) -> Result<Vec<JobEventView>> {
    Ok(scene.client.job_events(job.id, 0).try_collect().await?)
}

/// How often each step was begun.
fn attempts(job: &JobView) -> Vec<(&str, u32)> {
    job.steps.iter().map(|step| (step.name.as_str(), step.attempts)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_stood_still_between_steps_changes_nothing_any_more() {
    let apart = Apart::start().await.unwrap();
    let scene = Scene::on_v082(&apart.backout).await.unwrap();
    let before = Before::of(&scene).await.unwrap();
    let job = scene.start_rollback("v0.8.1").await.unwrap();
    scene.step(&job, "stop_service", "finished").await.unwrap();
    apart.first.pause().unwrap();
    let _second = apart.backout.worker().unwrap();
    taken_over_and_settled(&apart, &scene, &before, &job).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_stood_still_in_a_statement_loses_its_connection_and_changes_nothing_any_more() {
    let apart = Apart::start().await.unwrap();
    let scene = Scene::on_v082(&apart.backout).await.unwrap();
    let before = Before::of(&scene).await.unwrap();
    let in_use = TableInUse::begin(&scene.site).await.unwrap();
    let job = scene.start_rollback("v0.8.1").await.unwrap();
    let first = in_use.kept_waiting().await.unwrap();
    apart.first.pause().unwrap();
    let _second = apart.backout.worker().unwrap();
    scene.event(job.id, is_take_over).await.unwrap();
    let gone = || async { !in_use.is_connected(first).await.unwrap_or(true) };
    testkit::eventually(NOTICE, gone).await.unwrap();
    assert_ne!(in_use.kept_waiting().await.unwrap(), first, "the second worker's own statement waits now");
    in_use.end().await.unwrap();
    taken_over_and_settled(&apart, &scene, &before, &job).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_stood_still_while_docker_worked_for_it_changes_nothing_any_more() {
    let apart = Apart::start().await.unwrap();
    let proxied = Proxied::on_v082(&apart.backout).await.unwrap();
    let before = Before::of(&proxied.scene).await.unwrap();
    proxied.docker.hold_reply_to(b"/stop");
    let job = proxied.scene.start_rollback("v0.8.1").await.unwrap();
    proxied.docker.held().await;
    apart.first.pause().unwrap();
    // The answer lies in the sleeper's socket: it is the first thing that it sees.
    proxied.pass();
    let _second = apart.backout.worker().unwrap();
    taken_over_and_settled(&apart, &proxied.scene, &before, &job).await.unwrap();
}

/// The second worker brings the job to its end, and the first one wakes up to find nothing to do.
async fn taken_over_and_settled(apart: &Apart, scene: &Scene, before: &Before, job: &JobView) -> Result<()> {
    scene.event(job.id, is_take_over).await?;
    let done = scene.rested(job.id).await?;
    ensure!(done.state == JobState::Succeeded, "the job is {:?}: {:?}", done.state, done.error);
    ensure!(attempts(&done).iter().all(|(_, times)| *times <= 2), "{:?}", attempts(&done));
    let (journal, history) = (apart.journal(job).await?, events(scene, job).await?);
    let containers = scene.containers().await?;
    let claims: Vec<u64> = history.iter().filter_map(|event| event.data["fence"].as_u64()).collect();
    ensure!(claims == [1, 2], "claimed once and taken over once: {claims:?}");
    ensure!(journal.iter().all(|line| !line.is_empty()) && !journal.is_empty(), "no statement was journalled");

    apart.wake_first().await?;
    ensure!(apart.journal(job).await? == journal, "a statement was journalled late");
    ensure!(events(scene, job).await?.len() == history.len(), "an event was written late");
    ensure!(scene.containers().await? == containers, "a container was changed late");
    before.is_rolled_back(scene, &scene.rested(job.id).await?).await
}
