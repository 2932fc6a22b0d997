//! Goal 7: one down step through the data engine with its journal, beside the tools that people have.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use data_engine::{DataEngine, DataTarget, Migrated, Scripts};
use domain::environment::Engine;
use domain::ids::{DeploymentId, EnvironmentId, MigrationId};
use domain::job::JobEvent;
use domain::ledger::{Direction, MigrationRef};
use domain::plan::StepSpec;
use saga::{JobNote, Journal, StepContext};
use sha2::{Digest, Sha256};
use sqlx::mysql::MySqlPool;
use testkit::Mongo;
use tokio_util::sync::CancellationToken;

use crate::peer;
use crate::plane::Plane;
use crate::report::{Report, Row};
use crate::sample::Samples;
use crate::tools;

const TRIES: u32 = 15;
const TRIES_SLOW: u32 = 5;
const TRIES_MONGO: u32 = 8;
const ROWS: u32 = 10_000;
const VERSION: &str = "20250110001";
const UP_SQL: &str = "ALTER TABLE users ADD COLUMN secret VARCHAR(64) NULL;";
const DOWN_SQL: &str = "ALTER TABLE users DROP COLUMN secret;";
const UP_JS: &str = "db.articles.updateMany({ version: { $exists: false } }, { $set: { version: 1 } });";
const DOWN_JS: &str = "db.articles.updateMany({}, { $unset: { version: \"\" } });";
const UP_NODE: &str =
    "await db.collection('articles').updateMany({ version: { $exists: false } }, { $set: { version: 1 } });";
const DOWN_NODE: &str = "await db.collection('articles').updateMany({}, { $unset: { version: '' } });";
const DOCUMENTS: u32 = 100;

pub(crate) async fn measure(report: &mut Report) -> Result<()> {
    let plane = Plane::open().await?;
    let mut jobs = Jobs::of(&plane).await?;
    for rows in [0, ROWS] {
        mariadb(&mut jobs, rows, report).await?;
    }
    mongodb(&mut jobs, report).await
}

/// Jobs of one migrating step, each claimed as a worker claims it.
pub(crate) struct Jobs<'a> {
    pub(crate) plane: &'a Plane,
    environment: EnvironmentId,
    current: Option<DeploymentId>,
}

impl<'a> Jobs<'a> {
    /// Jobs in an environment of their own.
    pub(crate) async fn of(plane: &'a Plane) -> Result<Self> {
        Ok(Self { environment: plane.environment("production").await?, plane, current: None })
    }

    /// Runs the migration in a job of its own; the time is that of the step alone.
    pub(crate) async fn run(
        &mut self,
        engine: &DataEngine,
        direction: Direction,
        scripts: &Scripts,
    ) -> Result<(Migrated, Duration)> {
        let migrations = vec![scripts.reference.clone()];
        let (store, kind) = ("main".to_owned(), Engine::MariaDb);
        let spec = match direction {
            Direction::Up => StepSpec::MigrateUp { store, engine: kind, migrations },
            Direction::Down => StepSpec::MigrateDown { store, engine: kind, migrations },
        };
        let plan = self.plane.plan(self.current, vec![spec]);
        let (_, deployment) = self.plane.enqueue(self.environment, &plan).await?;
        let database = &self.plane.database;
        let held = database.claim(self.plane.worker().await?, 1).await?.pop().context("no job was claimed")?;
        let cx = StepContext::new(held, 0, Arc::new(database.clone()), CancellationToken::new());
        let begin = Instant::now();
        let migrated = engine.migrate(&cx, direction, std::slice::from_ref(scripts)).await;
        let took = begin.elapsed();
        database.job(&held, JobEvent::StepsFinished, JobNote::default()).await?;
        self.current = Some(deployment);
        Ok((migrated.map_err(|error| anyhow::anyhow!("{error:?}"))?, took))
    }
}

/// A migration of these scripts.
pub(crate) fn scripts(up: &str, down: &str) -> Scripts {
    let hash = |text: &str| hex::encode(Sha256::digest(text.as_bytes()));
    Scripts {
        reference: MigrationRef {
            id: MigrationId::generate(),
            version: VERSION.to_owned(),
            name: "measured".to_owned(),
            up_sha256: hash(up),
            down_sha256: Some(hash(down)),
        },
        up: up.to_owned(),
        down: Some(down.to_owned()),
    }
}

async fn mariadb(jobs: &mut Jobs<'_>, rows: u32, report: &mut Report) -> Result<()> {
    let server = &jobs.plane.server;
    let (ours, theirs) = (server.create_database("ours")?, server.create_database("theirs")?);
    let pools = [MySqlPool::connect(&server.url(&ours)).await?, MySqlPool::connect(&server.url(&theirs)).await?];
    for pool in &pools {
        sqlx::raw_sql("CREATE TABLE users (id INT NOT NULL PRIMARY KEY, email VARCHAR(100) NOT NULL) ENGINE=InnoDB")
            .execute(pool)
            .await?;
        if rows > 0 {
            sqlx::query(
                "INSERT INTO users SELECT seq, CONCAT('u', seq, '@example.org') FROM seq_1_to_10000 WHERE seq <= ?",
            )
            .bind(rows)
            .execute(pool)
            .await?;
        }
    }
    let target = driver_mariadb::Target::new(server.url(&ours).into())?;
    let engine = DataEngine::new("main".to_owned(), DataTarget::MariaDb(target), Arc::new(jobs.plane.database.clone()));
    let scripts = scripts(UP_SQL, DOWN_SQL);
    let url = server.url(&theirs);
    let setups = [tools::dbmate, tools::alembic, tools::liquibase];
    let mut peers = Vec::with_capacity(setups.len());
    for (number, set_up) in setups.into_iter().enumerate() {
        if let Some(tool) = set_up(&url, VERSION, UP_SQL, DOWN_SQL)? {
            // The slowest of them takes seconds to start.
            peers.push((tool, if number == 0 { TRIES } else { TRIES_SLOW }, Samples::default()));
        }
    }
    let (mut took, mut preserved) = (Samples::default(), 0);
    for turn in 0..TRIES {
        jobs.run(&engine, Direction::Up, &scripts).await?;
        if turn == 0 && rows > 0 {
            // From then on the data comes back with each up.
            sqlx::raw_sql("UPDATE users SET secret = SHA2(id, 256)").execute(&pools[0]).await?;
        }
        let (migrated, one) = jobs.run(&engine, Direction::Down, &scripts).await?;
        preserved = migrated.rows_preserved;
        took.push(one);
        for (tool, tries, samples) in &mut peers {
            if turn < *tries {
                tool.up().await?;
                samples.push(tool.down().await?);
            }
        }
    }
    let what = format!(
        "MariaDB, one DROP COLUMN with journal, lock, ledger and fingerprint; {rows} rows, {preserved} values put aside"
    );
    if peers.is_empty() {
        report.note(&peer::not_there("dbmate, alembic and liquibase"));
    }
    for (tool, _, samples) in peers {
        let ratio = took.median() / samples.median();
        report.row(Row {
            goal: "7",
            what: what.clone(),
            measured: took.shown(),
            beside: format!("{}, a process {}", tool.name, samples.shown()),
            ratio: Some(ratio),
            target: "≤ 1 × the tool",
            reached: Some(ratio <= 1.0),
        });
    }
    Ok(())
}

async fn mongodb(jobs: &mut Jobs<'_>, report: &mut Report) -> Result<()> {
    let server = Mongo::start()?;
    let names = [testkit::unique_name("ours"), testkit::unique_name("theirs")];
    let url = server.url().to_owned().into();
    let target = driver_mongodb::Target::connect(&url, &names[0]).await?;
    for name in &names {
        let filled = driver_mongodb::Target::connect(&url, name).await?;
        let documents: Vec<_> = (0..DOCUMENTS).map(|id| serde_json::json!({ "_id": id, "title": "t" })).collect();
        let insert = serde_json::json!({ "insert": "articles", "documents": documents });
        filled.run(&insert, None, None, Duration::from_secs(10)).await?;
    }
    let engine =
        DataEngine::new("content".to_owned(), DataTarget::MongoDb(target), Arc::new(jobs.plane.database.clone()));
    let scripts = scripts(UP_JS, DOWN_JS);
    let tool = tools::migrate_mongo(server.url(), &names[1], VERSION, (UP_NODE, DOWN_NODE))?;
    let (mut took, mut peer) = (Samples::default(), Samples::default());
    for _ in 0..TRIES_MONGO {
        jobs.run(&engine, Direction::Up, &scripts).await?;
        took.push(jobs.run(&engine, Direction::Down, &scripts).await?.1);
        if let Some(tool) = &tool {
            tool.up().await?;
            peer.push(tool.down().await?);
        }
    }
    let known = tool.is_some();
    let ratio = peer.median() / took.median();
    report.row(Row {
        goal: "7",
        what: format!("{}, one $unset over {DOCUMENTS} documents, put aside", server.kind()),
        measured: took.shown(),
        beside: match &tool {
            Some(tool) => format!("{}, a process {}", tool.name, peer.shown()),
            None => peer::not_there("migrate-mongo"),
        },
        ratio: known.then_some(ratio),
        target: "≥ 10 × faster",
        reached: known.then_some(ratio >= 10.0),
    });
    report.note(&format!("MongoDB was {}; SecantusDB (beta) is not mongod.", server.kind()));
    Ok(())
}
