//! Goal 7: one down step through the data engine with its journal, beside the tools that people have.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
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

const TRIES: u32 = 15;
const TRIES_MONGO: u32 = 8;
const ROWS: u32 = 10_000;
const VERSION: &str = "20250110001";
const UP_SQL: &str = "ALTER TABLE users ADD COLUMN secret VARCHAR(64) NULL;";
const DOWN_SQL: &str = "ALTER TABLE users DROP COLUMN secret;";
const UP_JS: &str = "db.articles.updateMany({ version: { $exists: false } }, { $set: { version: 1 } });";
const DOWN_JS: &str = "db.articles.updateMany({}, { $unset: { version: \"\" } });";
const DOCUMENTS: u32 = 100;

pub(crate) async fn measure(report: &mut Report) -> Result<()> {
    let plane = Plane::open().await?;
    let mut jobs = Jobs { environment: plane.environment("production").await?, plane: &plane, current: None };
    for rows in [0, ROWS] {
        mariadb(&mut jobs, rows, report).await?;
    }
    mongodb(&mut jobs, report).await
}

/// Jobs of one migrating step, each claimed as a worker claims it.
struct Jobs<'a> {
    plane: &'a Plane,
    environment: EnvironmentId,
    current: Option<DeploymentId>,
}

impl Jobs<'_> {
    /// Runs the migration in a job of its own; the time is that of the step alone.
    async fn run(
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

fn scripts(up: &str, down: &str) -> Scripts {
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
    let dbmate = Dbmate::new(&server.url(&theirs))?;
    let (mut took, mut peer, mut preserved) = (Samples::default(), Samples::default(), 0);
    for turn in 0..TRIES {
        jobs.run(&engine, Direction::Up, &scripts).await?;
        if turn == 0 && rows > 0 {
            // From then on the data comes back with each up.
            sqlx::raw_sql("UPDATE users SET secret = SHA2(id, 256)").execute(&pools[0]).await?;
        }
        let (migrated, one) = jobs.run(&engine, Direction::Down, &scripts).await?;
        preserved = migrated.rows_preserved;
        took.push(one);
        if let Some(dbmate) = &dbmate {
            dbmate.run("up").await?;
            peer.push(dbmate.run("rollback").await?);
        }
    }
    let known = dbmate.is_some();
    let ratio = took.median() / peer.median();
    report.row(Row {
        goal: "7",
        what: format!(
            "MariaDB, one DROP COLUMN with journal, lock, ledger and fingerprint; {rows} rows, {preserved} values put aside"
        ),
        measured: took.shown(),
        beside: if known { format!("dbmate rollback, a process {}", peer.shown()) } else { peer::not_there("dbmate") },
        ratio: known.then_some(ratio),
        target: "≤ 1 × dbmate",
        reached: known.then_some(ratio <= 1.0),
    });
    Ok(())
}

struct Dbmate {
    program: std::path::PathBuf,
    folder: tempfile::TempDir,
    url: String,
}

impl Dbmate {
    fn new(url: &str) -> Result<Option<Self>> {
        let Some(program) = peer::dbmate() else { return Ok(None) };
        let folder = tempfile::tempdir()?;
        let text = format!("-- migrate:up\n{UP_SQL}\n\n-- migrate:down\n{DOWN_SQL}\n");
        std::fs::write(folder.path().join(format!("{VERSION}_measured.sql")), text)?;
        Ok(Some(Self { program, folder, url: url.replacen("mariadb://", "mysql://", 1) }))
    }

    async fn run(&self, command: &str) -> Result<Duration> {
        let mut dbmate = tokio::process::Command::new(&self.program);
        dbmate.args(["--url", &self.url, "--no-dump-schema", "--migrations-dir"]).arg(self.folder.path()).arg(command);
        time(dbmate).await
    }
}

/// How long a program takes from its start to its end.
async fn time(mut command: tokio::process::Command) -> Result<Duration> {
    let begin = Instant::now();
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await?;
    let took = begin.elapsed();
    let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    ensure!(output.status.success(), "{command:?}: {}{}", told(&output.stdout), told(&output.stderr));
    Ok(took)
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
    let folder = tempfile::tempdir()?;
    let tool = migrate_mongo(folder.path(), server.url(), &names[1])?;
    let (mut took, mut peer) = (Samples::default(), Samples::default());
    for _ in 0..TRIES_MONGO {
        jobs.run(&engine, Direction::Up, &scripts).await?;
        took.push(jobs.run(&engine, Direction::Down, &scripts).await?.1);
        if let Some(tool) = &tool {
            time(tool("up")).await?;
            peer.push(time(tool("down")).await?);
        }
    }
    let known = tool.is_some();
    let ratio = peer.median() / took.median();
    report.row(Row {
        goal: "7",
        what: format!("{}, one $unset over {DOCUMENTS} documents, put aside", server.kind()),
        measured: took.shown(),
        beside: if known {
            format!("migrate-mongo down, a process {}", peer.shown())
        } else {
            peer::not_there("migrate-mongo")
        },
        ratio: known.then_some(ratio),
        target: "≥ 10 × faster",
        reached: known.then_some(ratio >= 10.0),
    });
    report.note(&format!("MongoDB was {}; SecantusDB (beta) is not mongod.", server.kind()));
    Ok(())
}

type Tool<'a> = Box<dyn Fn(&str) -> tokio::process::Command + 'a>;

fn migrate_mongo<'a>(folder: &'a Path, url: &str, database: &str) -> Result<Option<Tool<'a>>> {
    let Some(program) = peer::migrate_mongo() else { return Ok(None) };
    let migrations = folder.join("migrations");
    std::fs::create_dir(&migrations)?;
    std::fs::write(
        migrations.join(format!("{VERSION}-measured.js")),
        "module.exports = {\n\
         async up(db) { await db.collection('articles').updateMany({ version: { $exists: false } }, { $set: { version: 1 } }); },\n\
         async down(db) { await db.collection('articles').updateMany({}, { $unset: { version: '' } }); },\n};\n",
    )?;
    let settings = serde_json::json!({
        "mongodb": { "url": url, "databaseName": database, "options": {} }, "migrationsDir": migrations,
        "changelogCollectionName": "changelog", "lockCollectionName": "changelog_lock", "lockTtl": 0,
        "migrationFileExtension": ".js", "useFileHash": false, "moduleSystem": "commonjs",
    });
    std::fs::write(folder.join("migrate-mongo-config.js"), format!("module.exports = {settings};\n"))?;
    Ok(Some(Box::new(move |verb| {
        let mut command = tokio::process::Command::new("node");
        command.arg(&program).arg(verb).current_dir(folder);
        command
    })))
}
