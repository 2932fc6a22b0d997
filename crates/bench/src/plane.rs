//! A control database on a durable MariaDB of its own, and jobs to put into it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use domain::deployment::DeploymentKind;
use domain::environment::EnvironmentSpec;
use domain::ids::{ApplicationId, DeploymentId, EnvironmentId, JobId, ReleaseId, WorkerId};
use domain::plan::{Difference, FORMAT, Plan, PlannedRelease, PlannedStep, StepSpec};
use domain::view::NewApplication;
use secrecy::SecretString;
use sqlx::AssertSqlSafe;
use sqlx::mysql::{MySqlPool, MySqlPoolOptions};
use store::{Database, Enqueue, Keyring, NewJob, NewRelease, Settings, WorkerRow};
use testkit::MariaDb;

const ACTOR: &str = "bench";
pub(crate) const APPLICATION: &str = "bench";
const CONNECTIONS: u32 = 24;
/// Size of the server's redo log, MiB.
const LOG_MIB: u32 = 256;
/// Longer than writing back the largest filling takes.
const SETTLE: Duration = Duration::from_mins(1);

pub(crate) struct Plane {
    pub(crate) server: MariaDb,
    pub(crate) url: String,
    pub(crate) database: Database,
    /// For bare limits and bulk rows.
    pub(crate) raw: MySqlPool,
    application: ApplicationId,
    pub(crate) release: PlannedRelease,
    fills: AtomicU32,
}

/// Writes more redo than the log file holds. The blocks of a new file are only reserved: the first commit that reaches
/// each of them waits for the file system's own journal as well, which no server does that has run for an hour.
async fn write_the_log_once(raw: &MySqlPool) -> Result<()> {
    sqlx::raw_sql("CREATE TABLE log_filler (body LONGBLOB NOT NULL) ENGINE=InnoDB").execute(raw).await?;
    for _ in 0..=LOG_MIB {
        sqlx::raw_sql("INSERT INTO log_filler VALUES (REPEAT('x', 1024 * 1024))").execute(raw).await?;
    }
    sqlx::raw_sql("DROP TABLE log_filler").execute(raw).await?;
    Ok(())
}

impl Plane {
    pub(crate) async fn open() -> Result<Self> {
        let server = MariaDb::start_with(&[
            "--innodb-buffer-pool-size=512M",
            &format!("--innodb-log-file-size={LOG_MIB}M"),
            "--max-connections=200",
        ])?;
        let url = server.url(&server.create_database("control")?);
        let settings = Settings {
            url: SecretString::from(url.clone()),
            max_connections: CONNECTIONS,
            keys: Keyring::parse(&Keyring::generate())?,
        };
        let database = Database::open(&settings).await?;
        let raw = MySqlPoolOptions::new().max_connections(CONNECTIONS).connect(&url).await?;
        write_the_log_once(&raw).await?;
        let new = NewApplication { name: APPLICATION.to_owned(), description: String::new() };
        let application = database.insert_application(ACTOR, &new).await?.id;
        let spec = serde_json::from_value(serde_json::json!({ "version": "v1.0.0", "images": {} }))?;
        let release = NewRelease {
            id: ReleaseId::generate(),
            spec,
            content_sha256: [0; 32],
            config_sha256: std::collections::BTreeMap::new(),
        };
        database.register_release(ACTOR, application, &release).await?;
        let release = PlannedRelease { id: release.id, version: release.spec.version };
        Ok(Self { server, url, database, raw, application, release, fills: AtomicU32::new(0) })
    }

    pub(crate) async fn environment(&self, name: &str) -> Result<EnvironmentId> {
        let id = EnvironmentId::generate();
        let spec = EnvironmentSpec::default();
        self.database.insert_environment(ACTOR, self.application, id, name, &spec).await?;
        Ok(id)
    }

    /// A plan of these steps, side by side; the first is the pivot.
    pub(crate) fn plan(&self, from: Option<DeploymentId>, specs: Vec<StepSpec>) -> Plan {
        let step = |(id, spec)| PlannedStep::new(id, Vec::new(), spec);
        Plan {
            format: FORMAT,
            kind: DeploymentKind::Deploy,
            application: APPLICATION.to_owned(),
            environment: "production".to_owned(),
            from: None,
            to: self.release.clone(),
            from_deployment: from,
            settings_revision: 1,
            pivot: 0,
            steps: (0..).zip(specs).map(step).collect(),
            findings: Vec::new(),
            accepted: Vec::new(),
            verdict: None,
            losses: Vec::new(),
            difference: Difference::default(),
            digest: "0".repeat(64),
            expected_ms: None,
        }
    }

    /// Accepts the plan as a job.
    pub(crate) async fn enqueue(&self, environment: EnvironmentId, plan: &Plan) -> Result<(JobId, DeploymentId)> {
        let (job, deployment) = (JobId::generate(), DeploymentId::generate());
        let new = NewJob { job, deployment, environment, plan, actor: ACTOR, reason: "measured" };
        match self.database.enqueue(&new).await? {
            Enqueue::Accepted => Ok((job, deployment)),
            other => bail!("the job was not accepted: {other:?}"),
        }
    }

    pub(crate) async fn worker(&self) -> Result<WorkerId> {
        let row = WorkerRow { id: WorkerId::generate(), host: "bench".to_owned(), lock_file: String::new() };
        self.database.register_worker(&row).await?;
        Ok(row.id)
    }

    /// Puts `count` no-op jobs into the queue, each with an environment and a deployment of its own, as
    /// [`Database::enqueue`] leaves them.
    pub(crate) async fn fill(&self, count: u32) -> Result<()> {
        let fill = self.fills.fetch_add(1, Ordering::Relaxed);
        let id = format!("UNHEX(CONCAT(LPAD(HEX({fill} + 65536), 8, '0'), '00007000', LPAD(HEX(seq), 16, '0')))");
        let plan = serde_json::to_string(&self.plan(None, Vec::new()))?;
        let (application, release) = (self.application.0.simple(), self.release.id.0.simple());
        let from = format!("FROM seq_1_to_{count}");
        let now = "UTC_TIMESTAMP(6)";
        let statements = [
            format!(
                "INSERT INTO environments (id, application_id, name, spec, active_job_id, created_at, updated_at) \
                 SELECT {id}, UNHEX('{application}'), CONCAT('e{fill}-', seq), '{{}}', {id}, {now}, {now} {from}"
            ),
            format!(
                "INSERT INTO deployments (id, environment_id, release_id, kind, result, actor, reason, job_id, started_at) \
                 SELECT {id}, {id}, UNHEX('{release}'), 'deploy', 'running', '{ACTOR}', 'measured', {id}, {now} {from}"
            ),
            format!(
                "INSERT INTO jobs (id, environment_id, deployment_id, kind, state, plan, plan_digest, to_version, actor, \
                 reason, event_seq, created_at) SELECT {id}, {id}, {id}, 'deploy', 'queued', '{plan}', REPEAT('0', 64), \
                 'v1.0.0', '{ACTOR}', 'measured', 1, {now} {from}"
            ),
            format!(
                "INSERT INTO job_events (job_id, seq, at, kind, data) SELECT {id}, 1, {now}, 'job', \
                 '{{\"state\":\"queued\"}}' {from}"
            ),
            format!("INSERT INTO job_queue (job_id) SELECT {id} {from}"),
        ];
        for statement in statements {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&self.raw).await?;
        }
        self.settle().await
    }

    /// Waits until what the filling changed is on disk: writing it back would slow every commit of the measurement
    /// down, and jobs do not come 25,000 at a time.
    async fn settle(&self) -> Result<()> {
        sqlx::raw_sql("SET GLOBAL innodb_max_dirty_pages_pct = 0").execute(&self.raw).await?;
        let begin = Instant::now();
        while begin.elapsed() < SETTLE {
            let sql = "SELECT CAST(variable_value AS UNSIGNED) FROM information_schema.global_status \
                       WHERE variable_name = 'INNODB_BUFFER_POOL_PAGES_DIRTY'";
            if sqlx::query_scalar::<_, u64>(sql).fetch_one(&self.raw).await? < 16 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        sqlx::raw_sql("SET GLOBAL innodb_max_dirty_pages_pct = 90").execute(&self.raw).await?;
        Ok(())
    }

    /// Empties the queue.
    pub(crate) async fn empty_queue(&self) -> Result<()> {
        sqlx::raw_sql("TRUNCATE TABLE job_queue").execute(&self.raw).await?;
        Ok(())
    }
}
