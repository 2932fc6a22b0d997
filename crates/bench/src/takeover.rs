//! Goal 3: how long a job whose worker died stays without one.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use client::Client;
use domain::ids::JobId;
use domain::job::JobState;
use domain::view::{DeployRequest, NewApplication, NewEnvironment};
use serde_json::{Value, json};
use sqlx::mysql::{MySqlConnection, MySqlPool};
use sqlx::{AssertSqlSafe, Connection};
use testkit::{MariaDb, Server};

use crate::program::Program;
use crate::report::{Report, Row};
use crate::sample::Samples;

const APP: &str = "takeover";
const ENVIRONMENT: &str = "production";
const LEASE_SECONDS: u32 = 3;
const TRIES: u32 = 8;
const TRIES_ELSEWHERE: u32 = 5;
const WAIT: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(3);

/// Where the dead worker seems to have been.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    SameHost,
    Elsewhere,
}

pub(crate) async fn measure(report: &mut Report) -> Result<()> {
    let server = MariaDb::start()?;
    let control = server.url(&server.create_database("control")?);
    let database = server.create_database("app")?;
    let target = server.url(&database);
    let lease = LEASE_SECONDS.to_string();
    let program = Program::serve(&control, false, &[("BACKOUT_LEASE_SECONDS", &lease)]).await?;
    let client = program.client()?;
    register(&client, &target, &database).await?;
    let mut stage = Stage {
        raw: MySqlPool::connect(&control).await?,
        owner: program.worker("worker-0")?,
        program,
        client,
        target,
        deployed: 0,
    };
    let first = stage.deploy().await?;
    stage.succeeded(first).await?;
    let (mut same, mut elsewhere) = (Samples::default(), Samples::default());
    for _ in 0..TRIES {
        same.push(stage.kill_in_a_step(Place::SameHost).await?);
    }
    for _ in 0..TRIES_ELSEWHERE {
        elsewhere.push(stage.kill_in_a_step(Place::Elsewhere).await?);
    }
    let row = |what: String, took: &Samples, target, limit: f64| Row {
        goal: "3",
        what,
        measured: took.shown(),
        beside: String::new(),
        ratio: None,
        target,
        reached: Some(took.percentile(100) <= limit),
    };
    report.row(row(
        format!("kill -9 → `taken_over` by another process, same host, {} tries, in mid-ALTER", same.len()),
        &same,
        "≤ 1 s, each",
        1000.0,
    ));
    report.row(row(
        format!(
            "the same, lock file out of reach as on another host, lease {LEASE_SECONDS} s, {} tries",
            elsewhere.len()
        ),
        &elsewhere,
        "≤ lease + 1 s, each",
        1000.0 * f64::from(LEASE_SECONDS + 1),
    ));
    Ok(())
}

/// One application without services; each release adds a column.
async fn register(client: &Client, target: &str, database: &str) -> Result<()> {
    client.create_application(&NewApplication { name: APP.to_owned(), description: String::new() }).await?;
    let spec = serde_json::from_value(json!({
        "data_stores": [{ "name": "main", "engine": "mariadb", "url": target, "database": database }],
    }))?;
    client.create_environment(APP, &NewEnvironment { name: ENVIRONMENT.to_owned(), spec }).await?;
    let mut migrations = vec![json!({
        "version": "0000", "name": "items",
        "up": "CREATE TABLE items (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB;", "down": "DROP TABLE items;",
    })];
    for number in 0..=TRIES + TRIES_ELSEWHERE {
        if number > 0 {
            migrations.push(json!({
                "version": format!("{number:04}"), "name": format!("column_{number}"),
                "up": format!("ALTER TABLE items ADD COLUMN c{number} INT NULL;"),
                "down": format!("ALTER TABLE items DROP COLUMN c{number};"),
            }));
        }
        let schema: Value = json!({ "main": { "engine": "mariadb", "migrations": migrations } });
        let spec = json!({ "version": format!("v1.0.{number}"), "images": { "web": "none:1" }, "schema": schema });
        client.register_release(APP, &serde_json::from_value(spec)?).await?;
    }
    Ok(())
}

struct Stage {
    program: Program,
    client: Client,
    raw: MySqlPool,
    target: String,
    owner: Server,
    deployed: u32,
}

impl Stage {
    async fn deploy(&mut self) -> Result<JobId> {
        let request = DeployRequest {
            version: format!("v1.0.{}", self.deployed),
            reason: "measured".to_owned(),
            ..DeployRequest::default()
        };
        self.deployed += 1;
        Ok(self.client.start_deployment(APP, ENVIRONMENT, &request).await?.id)
    }

    async fn succeeded(&self, job: JobId) -> Result<()> {
        let job = self.client.wait_for_job(job, WAIT).await?;
        ensure!(job.state == JobState::Succeeded, "the job is {:?}: {:?}", job.state, job.error);
        Ok(())
    }

    /// Kills the worker while its ALTER waits for the table; returns the time until another one has the job.
    async fn kill_in_a_step(&mut self, place: Place) -> Result<Duration> {
        let mut blocker = MySqlConnection::connect(&self.target).await?;
        let mut holding = blocker.begin().await?;
        sqlx::query("SELECT COUNT(*) FROM items").execute(&mut *holding).await?;
        let job = self.deploy().await?;
        let altering = "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'ALTER TABLE items%' \
                        AND state LIKE 'Waiting for table metadata lock%'";
        self.until(altering).await.context("the ALTER did not begin")?;

        // The one that takes over is there and looks around before the owner dies.
        let workers: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM workers").fetch_one(&self.raw).await?;
        let next = self.program.worker(&format!("worker-{}", self.deployed))?;
        self.until(&format!("SELECT COUNT(*) > {workers} FROM workers")).await.context("no second worker")?;
        // Each try at another moment between two of its looks.
        tokio::time::sleep(Duration::from_secs(1) + Duration::from_millis(u64::from(self.deployed) * 70)).await;
        if place == Place::Elsewhere {
            let lock: String = sqlx::query_scalar(
                "SELECT w.lock_file FROM workers w JOIN jobs j ON j.worker_id = w.id WHERE j.id = ?",
            )
            .bind(job.0)
            .fetch_one(&self.raw)
            .await?;
            std::fs::rename(&lock, format!("{lock}.elsewhere"))?;
        }

        let killed = Instant::now();
        self.owner.kill9()?;
        let id = job.0.simple();
        let taken = format!(
            "SELECT COUNT(*) FROM job_events WHERE job_id = UNHEX('{id}') AND kind = 'job' \
             AND JSON_VALUE(data, '$.taken_over') IS NOT NULL"
        );
        self.until(&taken).await.context("nobody took the job over")?;
        let took = killed.elapsed();
        holding.rollback().await?;
        self.succeeded(job).await?;
        self.owner = next;
        Ok(took)
    }

    /// Waits until the query answers something other than 0.
    async fn until(&self, query: &str) -> Result<()> {
        let deadline = Instant::now() + WAIT;
        loop {
            let found: i64 = sqlx::query_scalar(AssertSqlSafe(query.to_owned())).fetch_one(&self.raw).await?;
            if found != 0 {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "not within {WAIT:?}");
            tokio::time::sleep(LOOK).await;
        }
    }
}
