//! Goals 1 and 2: how soon a job is claimed, and how many go through the fenced journal in a second.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use domain::job::JobEvent;
use futures::future::try_join_all;
use saga::{JobNote, Journal};
use serde::Deserialize;
use sqlx::Connection;
use sqlx::mysql::MySqlConnection;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

use crate::peer;
use crate::plane::Plane;
use crate::report::{Report, Row};
use crate::sample::{Samples, rate};

const PICK_UPS: u32 = 400;
const WARM_UP: u32 = 40;
const IDLE: Duration = Duration::from_millis(4);
/// As the worker polls.
const POLL: Duration = Duration::from_secs(1);
const RUN: Duration = Duration::from_secs(4);
const BACKLOG: u32 = 100_000;

pub(crate) async fn measure(report: &mut Report) -> Result<()> {
    let plane = Arc::new(Plane::open().await?);
    sqlx::raw_sql(
        "CREATE TABLE bare (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, job_id BINARY(16) NOT NULL, \
         n INT NOT NULL DEFAULT 0)",
    )
    .execute(&plane.raw)
    .await?;
    let huey = huey(&plane).await;
    pick_up(&plane, report, &huey).await?;
    throughput(&plane, report, &huey).await
}

/// An idle worker is woken in its own process, as the one in `backout serve` is.
async fn pick_up(plane: &Arc<Plane>, report: &mut Report, huey: &Result<Huey>) -> Result<()> {
    let wake = Arc::new(Notify::new());
    let (claimed, mut claims) = mpsc::channel(1);
    let worker = plane.worker().await?;
    let claimer = tokio::spawn({
        let (plane, wake) = (Arc::clone(plane), Arc::clone(&wake));
        async move {
            loop {
                match plane.database.claim(worker, 1).await?.pop() {
                    Some(held) => {
                        if claimed.send((Instant::now(), held)).await.is_err() {
                            return Ok::<(), anyhow::Error>(());
                        }
                    }
                    None => drop(tokio::time::timeout(POLL, wake.notified()).await),
                }
            }
        }
    });
    let environment = plane.environment("production").await?;
    let mut bare = MySqlConnection::connect(&plane.url).await?;
    let (mut pick_ups, mut from_asked, mut inserts, mut current) =
        (Samples::default(), Samples::default(), Samples::default(), None);
    for turn in 0..PICK_UPS + WARM_UP {
        tokio::time::sleep(IDLE).await;
        let begin = Instant::now();
        sqlx::query("INSERT INTO bare (job_id) VALUES (?)").bind(uuid::Uuid::now_v7()).execute(&mut bare).await?;
        let inserted = begin.elapsed();
        tokio::time::sleep(IDLE).await;
        let plan = plane.plan(current, Vec::new());
        let asked = Instant::now();
        let (_, deployment) = plane.enqueue(environment, &plan).await?;
        let accepted = Instant::now();
        wake.notify_one();
        let (at, held) = claims.recv().await.context("the claimer ended")?;
        plane.database.job(&held, JobEvent::StepsFinished, JobNote::default()).await?;
        current = Some(deployment);
        if turn >= WARM_UP {
            inserts.push(inserted);
            pick_ups.push(at.saturating_duration_since(accepted));
            from_asked.push(at.saturating_duration_since(asked));
        }
    }
    claimer.abort();
    let ratio = pick_ups.median() / inserts.median();
    report.row(Row {
        goal: "1",
        what: format!("accepted → claimed, {PICK_UPS} jobs, wake-up in one process"),
        measured: pick_ups.shown(),
        beside: format!("bare durable INSERT {}", inserts.shown()),
        ratio: Some(ratio),
        target: "p50 ≤ 2.5 × the insert",
        reached: Some(ratio <= 2.5),
    });
    let p99 = pick_ups.percentile(99);
    report.row(Row {
        goal: "1",
        what: "the same, p99".to_owned(),
        measured: format!("{p99:.2} ms"),
        beside: format!("bare durable INSERT p99 {:.2} ms", inserts.percentile(99)),
        ratio: Some(p99 / inserts.percentile(99)),
        target: "p99 ≤ 5 ms",
        reached: Some(p99 <= 5.0),
    });
    report.row(Row {
        goal: "1",
        what: "from before the accepting transaction until claimed".to_owned(),
        measured: from_asked.shown(),
        beside: String::new(),
        ratio: None,
        target: "",
        reached: None,
    });
    let (beside, ratio) = match huey {
        Ok(huey) => (format!("huey {}", huey.pick_ups().shown()), Some(huey.pick_ups().median() / pick_ups.median())),
        Err(error) => (format!("{error:#}"), None),
    };
    report.row(Row {
        goal: "1",
        what: "idle pick-up against huey on the same MariaDB".to_owned(),
        measured: pick_ups.shown(),
        beside,
        ratio,
        target: "≥ 10 × sooner",
        reached: ratio.map(|ratio| ratio >= 10.0),
    });
    report.row(Row {
        goal: "1",
        what: "against apalis-mysql".to_owned(),
        measured: String::new(),
        beside: "not measured in this run".to_owned(),
        ratio: None,
        target: "≥ 1,000 × sooner",
        reached: None,
    });
    Ok(())
}

async fn throughput(plane: &Arc<Plane>, report: &mut Report, huey: &Result<Huey>) -> Result<()> {
    let (updates_1, updates_8) = (updates(plane, 1).await?, updates(plane, 8).await?);
    plane.fill(60_000).await?;
    drain(plane, 8, 1, Duration::from_millis(500), true).await?; // warm
    let one = drain(plane, 1, 1, RUN, true).await?;
    let eight = drain(plane, 8, 1, RUN, true).await?;
    let tens_one = drain(plane, 1, 10, RUN, true).await?;
    // More than the target takes in that time, so that a run beyond it does not end with the queue.
    plane.fill(80_000).await?;
    let tens = drain(plane, 8, 10, RUN, true).await?;
    let claims = drain(plane, 8, 10, Duration::from_millis(700), false).await?;
    let row = |what: &str, jobs: f64, limit: (&str, f64), target, reached: Option<bool>| Row {
        goal: "2",
        what: what.to_owned(),
        measured: format!("{jobs:.0} jobs/s"),
        beside: format!("{} {:.0}/s", limit.0, limit.1),
        ratio: Some(jobs / limit.1),
        target,
        reached,
    };
    let bare_1 = ("bare durable UPDATE, 1 connection", updates_1);
    let bare_8 = ("bare durable UPDATE, 8 connections", updates_8);
    report.row(row("claims of 1, each job completed, 1 claimer", one, bare_1, "", None));
    let target = "≥ 1,500 jobs/s";
    report.row(row("claims of 1, each job completed, 8 claimers", eight, bare_8, target, Some(eight >= 1500.0)));
    report.row(row("claims of 10, each job completed, 1 claimer", tens_one, bare_1, "", None));
    let target = "≥ 7,000 jobs/s";
    report.row(row("claims of 10, each job completed, 8 claimers", tens, bare_8, target, Some(tens >= 7000.0)));
    report.row(row("claims of 10 alone, 8 claimers", claims, bare_8, "", None));
    if let Ok(huey) = huey {
        let peer = ("huey, same MariaDB, 8 workers,", huey.jobs_per_second);
        report.row(row("against huey, claims of 1, 8 claimers", eight, peer, "", None));
    }
    report.note(
        "Goal 2: each job is completed through the journal: fence, job, deployment, environment, measurements, event. What \
         comes while another transaction of the same kind is under way shares the next one, claims as well as ends.",
    );
    deep_queue(plane, report).await
}

async fn deep_queue(plane: &Arc<Plane>, report: &mut Report) -> Result<()> {
    plane.empty_queue().await?;
    plane.fill(30_000).await?;
    let before = drain(plane, 8, 1, RUN, true).await?;
    plane.fill(BACKLOG).await?;
    let backlog = drain(plane, 8, 1, RUN, true).await?;
    let mut reader = MySqlConnection::connect(&plane.url).await?;
    sqlx::raw_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT").execute(&mut reader).await?;
    let snapshot = drain(plane, 8, 1, RUN * 2, true).await?;
    sqlx::raw_sql("ROLLBACK").execute(&mut reader).await?;
    plane.empty_queue().await?;
    plane.fill(30_000).await?;
    let after = drain(plane, 8, 1, RUN, true).await?;
    // What else the machine does changes meanwhile: the short queue is measured on both sides.
    let short = f64::midpoint(before, after);
    let row = |what: String, jobs: f64, target, least| Row {
        goal: "2",
        what,
        measured: format!("{jobs:.0} jobs/s"),
        beside: format!("short queue, before and after: {before:.0}, {after:.0} jobs/s"),
        ratio: Some(jobs / short),
        target,
        reached: Some(jobs / short >= least),
    };
    report.row(row("claims of 1, 8 claimers, 100,000 jobs waiting".to_owned(), backlog, "≥ 0.9 ×", 0.9));
    let what = format!("the same with one consistent snapshot open for {} s", (RUN * 2).as_secs());
    report.row(row(what, snapshot, "≥ 0.5 ×", 0.5));
    Ok(())
}

/// Jobs a second that this many claimers take out of the queue, `batch` at a time, and complete.
async fn drain(plane: &Arc<Plane>, claimers: u32, batch: u32, within: Duration, complete: bool) -> Result<f64> {
    let count = Arc::new(AtomicU32::new(0));
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..claimers {
        let (plane, count) = (Arc::clone(plane), Arc::clone(&count));
        let worker = plane.worker().await?;
        tasks.spawn(async move {
            while begin.elapsed() < within {
                let claimed = plane.database.claim(worker, batch).await?;
                ensure!(!claimed.is_empty(), "the queue ran empty: the run was not as long as it was to be");
                if complete {
                    // A worker ends the jobs that it holds side by side.
                    let ends = claimed
                        .iter()
                        .map(|held| plane.database.job(held, JobEvent::StepsFinished, JobNote::default()));
                    try_join_all(ends).await?;
                }
                count.fetch_add(u32::try_from(claimed.len())?, Ordering::Relaxed);
            }
            Ok(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(rate(count.load(Ordering::Relaxed), begin.elapsed()))
}

/// Durable updates of one row each, one statement a transaction.
async fn updates(plane: &Plane, connections: u64) -> Result<f64> {
    let count = Arc::new(AtomicU32::new(0));
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for id in 1..=connections {
        let mut connection = MySqlConnection::connect(&plane.url).await?;
        let count = Arc::clone(&count);
        tasks.spawn(async move {
            while begin.elapsed() < Duration::from_secs(2) {
                sqlx::query("UPDATE bare SET n = n + 1 WHERE id = ?").bind(id).execute(&mut connection).await?;
                count.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<(), anyhow::Error>(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(rate(count.load(Ordering::Relaxed), begin.elapsed()))
}

#[derive(Debug, Deserialize)]
struct Huey {
    jobs_per_second: f64,
    pick_up_ms: Vec<f64>,
}

impl Huey {
    fn pick_ups(&self) -> Samples {
        let mut samples = Samples::default();
        self.pick_up_ms.iter().for_each(|ms| samples.push_ms(*ms));
        samples
    }
}

/// huey on the same server, in a database of its own.
async fn huey(plane: &Plane) -> Result<Huey> {
    const PATIENCE: Duration = Duration::from_mins(2);
    let python = peer::python().with_context(|| peer::not_there("huey"))?;
    let database = plane.server.create_database("huey")?;
    let options: sqlx::mysql::MySqlConnectOptions = plane.server.url(&database).parse()?;
    let url = plane.server.url(&database);
    let password = url.split([':', '@']).nth(2).context("a URL without a password")?;
    let child = tokio::process::Command::new(python)
        .arg(peer::huey_script())
        .args([options.get_host(), &options.get_port().to_string(), options.get_username(), password, &database])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, child).await.context("huey did not end in time")??;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "huey failed: {}", told.lines().last().unwrap_or_default());
    Ok(serde_json::from_slice(&output.stdout)?)
}
