//! Many statements beside the server's own client, and many values put aside beside a bare copy.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use data_engine::{DataEngine, DataTarget};
use domain::ledger::Direction;
use sqlx::mysql::MySqlPool;

use crate::migration::{Jobs, scripts};
use crate::plane::Plane;
use crate::report::{Report, Row};
use crate::sample::Samples;
use crate::tools::time;

const TABLES: u32 = 10;
const INDEXES: u32 = 10;
const TRIES: u32 = 7;
const VALUES: u32 = 1_000_000;
const TRIES_VALUES: u32 = 3;

pub(crate) async fn measure(report: &mut Report) -> Result<()> {
    let plane = Plane::open().await?;
    let mut jobs = Jobs::of(&plane).await?;
    statements(&mut jobs, report).await?;
    values(&mut jobs, report).await
}

fn engine(jobs: &Jobs<'_>, database: &str) -> Result<DataEngine> {
    let target = driver_mariadb::Target::new(jobs.plane.server.url(database).into())?;
    Ok(DataEngine::new("main".to_owned(), DataTarget::MariaDb(target), Arc::new(jobs.plane.database.clone())))
}

/// A down of one hundred statements that destroy nothing, and the same file through `mariadb`.
async fn statements(jobs: &mut Jobs<'_>, report: &mut Report) -> Result<()> {
    let server = &jobs.plane.server;
    let (ours, theirs) = (server.create_database("ours")?, server.create_database("theirs")?);
    let (mut tables, mut up, mut down) = (String::new(), String::new(), String::new());
    for table in 0..TABLES {
        writeln!(tables, "CREATE TABLE t{table} (id INT NOT NULL PRIMARY KEY, a INT, b INT);")?;
        for index in 0..INDEXES {
            writeln!(up, "CREATE INDEX i{index} ON t{table} (a, b);")?;
            writeln!(down, "DROP INDEX i{index} ON t{table};")?;
        }
    }
    let their_pool = MySqlPool::connect(&server.url(&theirs)).await?;
    for pool in [&MySqlPool::connect(&server.url(&ours)).await?, &their_pool] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(tables.clone())).execute(pool).await?;
    }
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), &down)?;
    let (engine, migration) = (engine(jobs, &ours)?, scripts(&up, &down));
    let (mut took, mut client) = (Samples::default(), Samples::default());
    for _ in 0..TRIES {
        jobs.run(&engine, Direction::Up, &migration).await?;
        took.push(jobs.run(&engine, Direction::Down, &migration).await?.1);
        sqlx::raw_sql(sqlx::AssertSqlSafe(up.clone())).execute(&their_pool).await?;
        let mut mariadb = tokio::process::Command::new("mariadb");
        mariadb.args(["--no-defaults", "--user=root"]).arg(format!("--socket={}", server.socket().display()));
        mariadb.arg(&theirs).arg("-e").arg(format!("source {}", file.path().display()));
        client.push(time(mariadb).await?);
    }
    report.row(Row {
        goal: "–",
        what: format!("MariaDB, a down of {} statements, each journalled and looked for", TABLES * INDEXES),
        measured: took.shown(),
        beside: format!("the same file through `mariadb`, a process {}", client.shown()),
        ratio: Some(took.median() / client.median()),
        target: "",
        reached: None,
    });
    Ok(())
}

/// A column of many values, put aside, compared and dropped, beside a bare copy of key and column.
async fn values(jobs: &mut Jobs<'_>, report: &mut Report) -> Result<()> {
    let (mut took, mut bare) = (Samples::default(), Samples::default());
    let migration =
        scripts("ALTER TABLE users ADD COLUMN secret VARCHAR(64) NULL;", "ALTER TABLE users DROP COLUMN secret;");
    for _ in 0..TRIES_VALUES {
        let database = jobs.plane.server.create_database("values")?;
        let pool = MySqlPool::connect(&jobs.plane.server.url(&database)).await?;
        let fill = format!(
            "CREATE TABLE users (id INT NOT NULL PRIMARY KEY, email VARCHAR(100) NOT NULL); \
             INSERT INTO users SELECT seq, CONCAT('u', seq, '@example.org') FROM seq_1_to_{VALUES}"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(fill)).execute(&pool).await?;
        let engine = engine(jobs, &database)?;
        jobs.run(&engine, Direction::Up, &migration).await?;
        sqlx::raw_sql("UPDATE users SET secret = SHA2(id, 256)").execute(&pool).await?;
        let begin = Instant::now();
        sqlx::raw_sql("CREATE TABLE copied (PRIMARY KEY (id)) SELECT id, secret FROM users").execute(&pool).await?;
        bare.push(begin.elapsed());
        sqlx::raw_sql("DROP TABLE copied").execute(&pool).await?;
        took.push(jobs.run(&engine, Direction::Down, &migration).await?.1);
        pool.close().await;
    }
    report.row(Row {
        goal: "–",
        what: format!("MariaDB, DROP COLUMN with {VALUES} values put aside and compared"),
        measured: took.shown(),
        beside: format!("CREATE TABLE … SELECT of key and column alone {}", bare.shown()),
        ratio: Some(took.median() / bare.median()),
        target: "",
        reached: None,
    });
    Ok(())
}
