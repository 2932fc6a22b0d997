//! The main job, shown: production back from v0.8.2 to v0.8.1 and forward again, on real servers, by the
//! commands that a person would type. `ONCE=1` ends it by itself; otherwise everything stays up until Ctrl-C.

mod show;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use testkit::{Backout, Site, World};

use crate::show::Show;

const APP: &str = "cms-backend";
const ENVIRONMENT: &str = "production";

#[tokio::main]
async fn main() -> Result<()> {
    let (show, once) = (Show::in_the_users_language(), show::ends_by_itself());
    show.act("demo.start", []);
    let world = World::start().await?;
    let backout = Backout::serve(&[])?;
    let stage = Stage { show, site: world.site(APP)?, backout };
    stage.show.say("demo.servers", [("mongodb", world.mongo.kind())]);

    stage.register()?;
    stage.deploy().await?;
    let proof = stage.let_users_work().await?;
    stage.break_the_new_version().await?;
    stage.roll_back(&proof).await?;
    stage.go_forward_again(&proof).await?;
    stage.leave_running(once).await
}

struct Stage<'a> {
    show: Show,
    site: Site<'a>,
    backout: Backout,
}

/// Fingerprints of the second-factor secrets of two users, as the application tells them.
struct Proof {
    users: [(i64, String); 2],
}

impl Stage<'_> {
    /// Makes application, environment and three releases known, as CI and an operator would.
    fn register(&self) -> Result<()> {
        self.show.act("demo.register", []);
        let settings = self.backout.directory().join("production.json");
        std::fs::write(&settings, serde_json::to_vec_pretty(&self.site.environment())?)?;
        self.run(&["app", "create", APP])?;
        self.run(&["env", "create", ENVIRONMENT, "-f", text(&settings)?])?;
        let files = testkit::world::VERSIONS.map(release_file);
        let mut command = vec!["release", "register", "-f"];
        for file in &files {
            command.push(text(file)?);
        }
        self.run(&command)?;
        self.run(&["releases"])
    }

    /// v0.8.1 first, as production ran it; then v0.8.2 with its migrations.
    async fn deploy(&self) -> Result<()> {
        self.show.act("demo.deploy", []);
        self.run(&["deploy", "v0.8.1", "--yes", "--reason", "first deployment"])?;
        self.create_articles().await?;
        self.run(&["deploy", "v0.8.2", "--yes", "--reason", "fixes cache invalidation"])?;
        self.run(&["status"])
    }

    async fn create_articles(&self) -> Result<()> {
        for title in ["Backups", "Rollbacks"] {
            let (status, _) =
                self.site.ask("POST", "/api/v1/articles", Some(&json!({ "title": title, "body": title }))).await?;
            ensure!(status < 300, "the article could not be written: {status}");
        }
        Ok(())
    }

    /// Two users turn the second factor on: the data that the down migration would destroy.
    async fn let_users_work(&self) -> Result<Proof> {
        self.show.act("demo.users", []);
        let mut users = Vec::new();
        for id in [1, 2] {
            let (status, answer) = self.site.ask("POST", &format!("/api/v1/users/{id}/2fa"), None).await?;
            ensure!(status < 300, "user {id} could not turn the second factor on: {status} {answer}");
            let fingerprint = self.fingerprint(id).await?.context("the secret has no fingerprint")?;
            let id_text = id.to_string();
            self.show.say("demo.two-factor-on", [("user", id_text.as_str()), ("fingerprint", short(&fingerprint))]);
            users.push((id, fingerprint));
        }
        let users = users.try_into().map_err(|_| anyhow::anyhow!("not two users"))?;
        Ok(Proof { users })
    }

    async fn break_the_new_version(&self) -> Result<()> {
        self.show.act("demo.failure", []);
        self.site.ask("POST", "/_fault", Some(&json!({ "mode": "errors" }))).await?;
        let (status, _) = self.site.ask("GET", "/api/v1/articles", None).await?;
        let status_text = status.to_string();
        self.show.say("demo.answers", [("path", "/api/v1/articles"), ("status", status_text.as_str())]);
        ensure!(status == 500, "v0.8.2 was to fail and answered {status}");
        Ok(())
    }

    async fn roll_back(&self, proof: &Proof) -> Result<()> {
        self.show.act("demo.rollback", []);
        self.run(&["rollback", "v0.8.1", "--yes", "--reason", "v0.8.2 answers 500"])?;
        self.expect_version("v0.8.1").await?;
        let (status, _) = self.site.ask("GET", &format!("/api/v1/users/{}/2fa", proof.users[0].0), None).await?;
        ensure!(status == 404, "v0.8.1 knows no second factor, yet it answered {status}");
        self.show.say("demo.put-aside", []);
        self.run(&["migrations"])
    }

    async fn go_forward_again(&self, proof: &Proof) -> Result<()> {
        self.show.act("demo.forward", []);
        self.run(&["deploy", "v0.8.2", "--yes", "--reason", "the cause was found elsewhere"])?;
        self.expect_version("v0.8.2").await?;
        for (id, before) in &proof.users {
            let now = self.fingerprint(*id).await?;
            ensure!(now.as_deref() == Some(before), "the secret of user {id} is not the one that it was");
            let id_text = id.to_string();
            self.show.say("demo.two-factor-back", [("user", id_text.as_str()), ("fingerprint", short(before))]);
        }
        self.run(&["history"])
    }

    async fn leave_running(&self, once: bool) -> Result<()> {
        let (token, url, application) = (self.backout.token(), self.backout.url(), self.site.url("/health"));
        let addresses = [("url", url.as_str()), ("token", token), ("application", application.as_str())];
        if once {
            self.show.act("demo.end", []);
            return Ok(());
        }
        self.show.act("demo.stays", []);
        self.show.say("demo.addresses", addresses);
        tokio::signal::ctrl_c().await?;
        Ok(())
    }

    async fn expect_version(&self, version: &str) -> Result<()> {
        let (status, answer) = self.site.ask("GET", "/health", None).await?;
        ensure!(status == 200 && answer["data"]["version"] == version, "/health: {status} {answer}");
        self.show.say("demo.health", [("version", version)]);
        Ok(())
    }

    async fn fingerprint(&self, user: i64) -> Result<Option<String>> {
        let (_, answer) = self.site.ask("GET", &format!("/api/v1/users/{user}/2fa"), None).await?;
        Ok(answer["data"]["secret_sha256"].as_str().map(str::to_owned))
    }

    /// Shows a command and runs it with its output on this terminal.
    fn run(&self, arguments: &[&str]) -> Result<()> {
        show::command(arguments);
        let language = self.show.language();
        let status = self
            .backout
            .command(arguments)?
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
            .env("BACKOUT_APP", APP)
            .env("BACKOUT_ENV", ENVIRONMENT)
            .env("LC_ALL", language)
            .status()?;
        ensure!(
            status.success(),
            "`backout {}` ended with {status}\n{}",
            arguments.join(" "),
            self.backout.server().log_tail()
        );
        Ok(())
    }
}

/// As a person in the repository's folder would write it.
fn release_file(version: &str) -> PathBuf {
    Path::new("examples/cms-backend/releases").join(format!("{version}.toml"))
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path is not UTF-8")
}

fn short(fingerprint: &str) -> &str {
    fingerprint.get(..12).unwrap_or(fingerprint)
}
