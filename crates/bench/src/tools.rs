//! The migration tools that people have, each set up with one migration of one database.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::process::Command;

use crate::peer;

/// One of them with its files.
pub(crate) struct Tool {
    /// What is measured, for the table.
    pub(crate) name: &'static str,
    program: PathBuf,
    /// Before the verb.
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
    up: &'static [&'static str],
    down: &'static [&'static str],
    folder: TempDir,
}

impl Tool {
    fn new(name: &'static str, program: PathBuf) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        Ok(Self { name, program, arguments: Vec::new(), environment: Vec::new(), up: &[], down: &[], folder })
    }

    fn file(&self, name: &str, text: &str) -> Result<()> {
        let file = self.folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap_or(self.folder.path()))?;
        Ok(std::fs::write(file, text)?)
    }

    /// Applies the migration.
    pub(crate) async fn up(&self) -> Result<()> {
        self.run(self.up).await.map(drop)
    }

    /// Takes it back. The time is that of a process from its start to its end.
    pub(crate) async fn down(&self) -> Result<Duration> {
        self.run(self.down).await
    }

    async fn run(&self, verb: &[&str]) -> Result<Duration> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).args(verb).envs(self.environment.iter().cloned());
        command.current_dir(self.folder.path());
        time(command).await
    }
}

/// How long a program takes from its start to its end.
pub(crate) async fn time(mut command: Command) -> Result<Duration> {
    let begin = Instant::now();
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await?;
    let took = begin.elapsed();
    let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    ensure!(output.status.success(), "{command:?}: {}{}", told(&output.stdout), told(&output.stderr));
    Ok(took)
}

/// dbmate, for a URL that begins with `mariadb://`.
pub(crate) fn dbmate(url: &str, version: &str, up: &str, down: &str) -> Result<Option<Tool>> {
    let Some(program) = peer::dbmate() else { return Ok(None) };
    let mut tool = Tool::new("dbmate rollback", program)?;
    let text = format!("-- migrate:up\n{up}\n\n-- migrate:down\n{down}\n");
    tool.file(&format!("migrations/{version}_measured.sql"), &text)?;
    let url = url.replacen("mariadb://", "mysql://", 1);
    tool.arguments = ["--url", &url, "--no-dump-schema", "--migrations-dir", "migrations"].map(str::to_owned).to_vec();
    (tool.up, tool.down) = (&["up"], &["rollback"]);
    Ok(Some(tool))
}

/// Alembic with `PyMySQL`.
pub(crate) fn alembic(url: &str, version: &str, up: &str, down: &str) -> Result<Option<Tool>> {
    let Some(program) = peer::alembic() else { return Ok(None) };
    let mut tool = Tool::new("alembic downgrade", program)?;
    tool.file("alembic.ini", "[alembic]\nscript_location = scripts\n")?;
    tool.file(
        "scripts/env.py",
        "from alembic import context\nimport os\nfrom sqlalchemy import create_engine\n\
         with create_engine(os.environ['URL']).connect() as connection:\n    \
         context.configure(connection=connection)\n    with context.begin_transaction():\n        context.run_migrations()\n",
    )?;
    tool.file(
        &format!("scripts/versions/{version}.py"),
        &format!(
            "from alembic import op\nrevision = '{version}'\ndown_revision = None\nbranch_labels = None\ndepends_on = None\n\
             def upgrade():\n    op.execute('''{up}''')\n\
             def downgrade():\n    op.execute('''{down}''')\n"
        ),
    )?;
    tool.environment.push(("URL", url.replacen("mariadb://", "mysql+pymysql://", 1)));
    (tool.up, tool.down) = (&["upgrade", "head"], &["downgrade", "base"]);
    Ok(Some(tool))
}

/// Liquibase on a Java of the machine.
pub(crate) fn liquibase(url: &str, version: &str, up: &str, down: &str) -> Result<Option<Tool>> {
    let (Some(java), Some(jar)) = (peer::java(), peer::liquibase()) else { return Ok(None) };
    let mut tool = Tool::new("liquibase rollbackCount", java)?;
    let changeset = format!("--liquibase formatted sql\n--changeset bench:{version}\n{up}\n--rollback {down}\n");
    tool.file("changelog.sql", &changeset)?;
    let (scheme, rest) = url.split_once("://").context("the URL has no scheme")?;
    let (credentials, place) = rest.split_once('@').context("the URL has no user")?;
    let (user, password) = credentials.split_once(':').context("the URL has no password")?;
    let libraries = [beside(&jar, "lib"), beside(&jar, "../drivers")];
    tool.arguments = vec![
        "-cp".to_owned(),
        format!("{}:{}:{}", jar.display(), libraries[0], libraries[1]),
        "liquibase.integration.commandline.Main".to_owned(),
        "--changeLogFile=changelog.sql".to_owned(),
        format!("--url=jdbc:{scheme}://{place}"),
        format!("--username={user}"),
        format!("--password={password}"),
    ];
    (tool.up, tool.down) = (&["update"], &["rollbackCount", "1"]);
    Ok(Some(tool))
}

/// All jars of a folder, for a class path.
fn beside(jar: &Path, folder: &str) -> String {
    jar.with_file_name(folder).join("*").display().to_string()
}

/// migrate-mongo; `up` and `down` are bodies of functions that have `db`.
pub(crate) fn migrate_mongo(
    url: &str,
    database: &str,
    version: &str,
    (up, down): (&str, &str),
) -> Result<Option<Tool>> {
    let Some(program) = peer::migrate_mongo() else { return Ok(None) };
    let mut tool = Tool::new("migrate-mongo down", PathBuf::from("node"))?;
    let text = format!("module.exports = {{\nasync up(db) {{ {up} }},\nasync down(db) {{ {down} }},\n}};\n");
    tool.file(&format!("migrations/{version}-measured.js"), &text)?;
    let settings = serde_json::json!({
        "mongodb": { "url": url, "databaseName": database, "options": {} }, "migrationsDir": "migrations",
        "changelogCollectionName": "changelog", "lockCollectionName": "changelog_lock", "lockTtl": 0,
        "migrationFileExtension": ".js", "useFileHash": false, "moduleSystem": "commonjs",
    });
    tool.file("migrate-mongo-config.js", &format!("module.exports = {settings};\n"))?;
    tool.arguments.push(program.display().to_string());
    (tool.up, tool.down) = (&["up"], &["down"]);
    Ok(Some(tool))
}
