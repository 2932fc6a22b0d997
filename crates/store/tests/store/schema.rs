//! The schema's own migrations.

use std::path::{Path, PathBuf};

use backout_store::{Database, Error, JobQuery, WorkerRow};
use domain::ids::{JobId, WorkerId};
use domain::job::JobState;
use domain::ledger::LedgerSource;
use domain::view::Measurements;
use sha2::{Digest, Sha256};
use sqlx::AssertSqlSafe;
use sqlx::mysql::MySqlPool;

use crate::support::{Shop, cursor, fresh_url, settings};

async fn run(url: &str, sql: &'static str) {
    let raw = MySqlPool::connect(url).await.unwrap();
    sqlx::raw_sql(sql).execute(&raw).await.unwrap();
    raw.close().await;
}

#[tokio::test]
async fn opening_twice_changes_nothing() {
    let url = fresh_url();
    let shop = Shop::open_at(&url).await;
    let again = Database::open(&settings(url)).await.unwrap();
    again.ping().await.unwrap();
    assert_eq!(shop.count("SELECT COUNT(*) FROM schema_versions").await, i64::try_from(files().len()).unwrap());
    assert_eq!(shop.count("SELECT COUNT(*) FROM applications").await, 1);
}

#[tokio::test]
async fn many_processes_may_open_a_new_database_at_once() {
    let url = fresh_url();
    let opens = (0..4).map(|_| {
        let settings = settings(url.clone());
        tokio::spawn(async move { Database::open(&settings).await.map(drop) })
    });
    for open in opens.collect::<Vec<_>>() {
        open.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_migration_that_died_half_way_is_run_again_and_keeps_what_is_there() {
    let url = fresh_url();
    let shop = Shop::open_at(&url).await;
    shop.execute("DROP TABLE audit, tokens, job_events; DELETE FROM schema_versions").await;
    Database::open(&settings(url)).await.unwrap();
    shop.queued().await;
    assert_eq!(shop.count("SELECT COUNT(*) FROM applications").await, 1);
}

fn files() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
    let mut files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

/// The schema of an older program, migrated up to that version.
async fn schema_of(url: &str, version: u32) -> MySqlPool {
    let raw = MySqlPool::connect(url).await.unwrap();
    run(
        url,
        "CREATE TABLE schema_versions (version INT UNSIGNED PRIMARY KEY, sha256 CHAR(64), applied_at DATETIME(6))",
    )
    .await;
    for (number, file) in (1..=version).zip(files()) {
        let sql = std::fs::read_to_string(file).unwrap();
        let sha256 = hex::encode(Sha256::digest(&sql));
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&raw).await.unwrap();
        sqlx::query("INSERT INTO schema_versions VALUES (?, ?, UTC_TIMESTAMP(6))")
            .bind(number)
            .bind(sha256)
            .execute(&raw)
            .await
            .unwrap();
    }
    raw
}

/// Statements of the files after that version, as a process that dies between two of them leaves the rest.
fn statements_after(version: usize) -> Vec<String> {
    let sql: String = files().iter().skip(version).map(|file| std::fs::read_to_string(file).unwrap() + "\n").collect();
    let is_said = |paragraph: &&str| paragraph.lines().any(|line| !line.is_empty() && !line.starts_with("--"));
    sql.split("\n\n").filter(is_said).map(str::to_owned).collect()
}

const MEASURED: &str =
    r#"{"recovery_ms":870,"downtime_ms":null,"rows_preserved":3,"rows_restored":0,"backup_age_ms":12}"#;

/// Jobs of an older program.
struct Older {
    ended: JobId,
    first: JobId,
    second: JobId,
}

impl Older {
    async fn work(raw: &MySqlPool) -> Self {
        let older = Self { ended: JobId::generate(), first: JobId::generate(), second: JobId::generate() };
        sqlx::raw_sql(
            "INSERT INTO applications (id, name, description, created_at) VALUES (1, 'cms', '', UTC_TIMESTAMP(6)); \
             INSERT INTO environments (id, application_id, name, spec, created_at, updated_at) \
             SELECT id, id, 'production', '{}', created_at, created_at FROM applications; \
             INSERT INTO port_reservations SELECT 'unix:///a', 8080, id, 'web' FROM environments",
        )
        .execute(raw)
        .await
        .unwrap();
        let (ended, queued) = (("succeeded", Some(MEASURED)), ("queued", None));
        for (job, (state, measured)) in [(older.ended, ended), (older.second, queued), (older.first, queued)] {
            sqlx::query(
                "INSERT INTO jobs (id, environment_id, deployment_id, kind, state, plan, plan_digest, to_version, actor, \
                 reason, created_at, measurements) SELECT ?, id, id, 'deploy', ?, '{}', '', 'v1.0.0', '', '', created_at, ? \
                 FROM environments",
            )
            .bind(job.0)
            .bind(state)
            .bind(measured)
            .execute(raw)
            .await
            .unwrap();
        }
        for job in [older.second, older.first] {
            sqlx::query("INSERT INTO job_queue (job_id) VALUES (?)").bind(job.0).execute(raw).await.unwrap();
        }
        older
    }

    async fn is_whole(&self, database: &Database, raw: &MySqlPool) {
        let reserved = "SELECT CONCAT_WS(' ', docker, place, service, COALESCE(colour, '-')) FROM reservations";
        let reserved: String = sqlx::query_scalar(reserved).fetch_one(raw).await.unwrap();
        assert_eq!(reserved, "unix:///a port 8080 web -");
        let jobs = database.jobs(&JobQuery::default(), &cursor(None, 10)).await.unwrap().items;
        let measured: Measurements = serde_json::from_str(MEASURED).unwrap();
        let found: Vec<_> = jobs.iter().map(|job| (job.id, job.state, job.measurements.clone())).collect();
        let queued = |id| (id, JobState::Queued, None);
        let ended = (self.ended, JobState::Succeeded, Some(measured));
        assert_eq!(found, [queued(self.second), queued(self.first), ended]);
        let worker = WorkerRow { id: WorkerId::generate(), host: "here".to_owned(), lock_file: String::new() };
        database.register_worker(&worker).await.unwrap();
        for job in [self.first, self.second] {
            assert_eq!(database.claim(worker.id, 1).await.unwrap()[0].job, job);
        }
    }
}

#[tokio::test]
async fn what_an_older_program_left_is_there_in_the_newer_schema_wherever_the_change_died_first() {
    let statements = statements_after(6);
    assert!(statements.len() > 6, "{statements:?}");
    for done in 0..=statements.len() {
        let url = fresh_url();
        let raw = schema_of(&url, 6).await;
        let older = Older::work(&raw).await;
        for statement in &statements[..done] {
            sqlx::raw_sql(AssertSqlSafe(statement.clone())).execute(&raw).await.unwrap();
        }
        older.is_whole(&Database::open(&settings(url)).await.unwrap(), &raw).await;
    }
}

#[tokio::test]
async fn rows_of_the_ledger_from_before_people_could_correct_it_are_those_of_jobs() {
    let url = fresh_url();
    let raw = schema_of(&url, 8).await;
    sqlx::raw_sql(
        "INSERT INTO applications (id, name, description, created_at) VALUES (1, 'cms', '', UTC_TIMESTAMP(6)); \
         INSERT INTO environments (id, application_id, name, spec, created_at, updated_at) \
         SELECT id, id, 'production', '{}', created_at, created_at FROM applications; \
         INSERT INTO jobs (id, environment_id, deployment_id, kind, state, plan, plan_digest, to_version, actor, reason, \
         created_at) SELECT id, id, id, 'deploy', 'succeeded', '{}', '', 'v1.0.0', 'ada', 'why', created_at FROM environments; \
         INSERT INTO ledger (environment_id, store, migration_id, version, name, direction, script_sha256, \
         fingerprint_before, fingerprint_after, job_id, step, at) \
         SELECT id, 'main', id, '001', 'users', 'up', 'sha', 'before', 'after', id, 0, created_at FROM environments",
    )
    .execute(&raw)
    .await
    .unwrap();
    let database = Database::open(&settings(url)).await.unwrap();
    let environment = database.environment("cms", "production").await.unwrap().id;
    let row = database.ledger(environment, "main", &cursor(None, 10)).await.unwrap().items.remove(0);
    assert_eq!((row.source, row.actor.as_str(), row.reason.as_str()), (LedgerSource::Job, "ada", "why"));
    assert_eq!(database.schema_record(environment, "main").await.unwrap().left_as.as_deref(), Some("after"));
}

#[tokio::test]
async fn a_program_whose_columns_and_tables_a_newer_one_has_taken_away_waits() {
    let shop = Shop::open().await;
    let job = shop.queued().await;
    for change in ["ALTER TABLE jobs DROP COLUMN recovery_ms", "DROP TABLE job_queue"] {
        shop.execute(change).await;
        let (seen, claimed) = (shop.database.job_view(job).await, shop.database.claim(WorkerId::generate(), 1).await);
        assert!(matches!(seen, Err(Error::Unavailable(_))), "{change}: {seen:?}");
        assert_eq!(matches!(claimed, Err(Error::Unavailable(_))), change.contains("job_queue"), "{claimed:?}");
    }
}

#[tokio::test]
async fn a_schema_from_other_bytes_is_refused() {
    let url = fresh_url();
    Database::open(&settings(url.clone())).await.unwrap();
    run(&url, "UPDATE schema_versions SET sha256 = REPEAT('0', 64)").await;
    let error = Database::open(&settings(url)).await.unwrap_err();
    assert!(matches!(&error, Error::Conflict(why) if why.to_string().contains("other bytes")), "{error}");
}

#[tokio::test]
async fn a_schema_of_a_newer_program_is_refused() {
    let url = fresh_url();
    Database::open(&settings(url.clone())).await.unwrap();
    run(&url, "INSERT INTO schema_versions VALUES (9999, REPEAT('0', 64), UTC_TIMESTAMP(6))").await;
    let error = Database::open(&settings(url)).await.unwrap_err();
    assert!(matches!(&error, Error::Conflict(why) if why.to_string().contains("newer")), "{error}");
}

#[tokio::test]
async fn a_failed_migration_leaves_the_lock_free() {
    let url = fresh_url();
    Database::open(&settings(url.clone())).await.unwrap();
    run(&url, "UPDATE schema_versions SET sha256 = 'x'").await;
    for _ in 0..2 {
        assert!(matches!(Database::open(&settings(url.clone())).await, Err(Error::Conflict(_))));
    }
}
