//! The everyday commands where there is little yet: nothing was deployed, nobody works, nobody answers.

use std::net::TcpListener;
use std::process::{Command, Output};

use testkit::eventually;

use crate::home::{Home, STOP, Service, said, text};

const RELEASE: &str = "version = \"v1.0.0\"\n[images]\nweb = \"web:1\"\n";

pub(crate) struct Desk<'a> {
    home: &'a Home,
    url: String,
    token: String,
}

impl<'a> Desk<'a> {
    pub(crate) fn at(home: &'a Home, service: &Service) -> Self {
        Self { home, url: service.url.clone(), token: service.token.clone().unwrap() }
    }

    /// An application with one environment and one release.
    pub(crate) fn furnish(&self) {
        let (environment, release) = (self.home.beside("environment.toml"), self.home.beside("release.toml"));
        std::fs::write(&environment, "").unwrap();
        std::fs::write(&release, RELEASE).unwrap();
        self.says(&["app", "create", "shop"], 0, &[]);
        self.says(&["env", "create", "production", "-f", text(&environment)], 0, &[]);
        self.says(&["release", "register", "-f", text(&release)], 0, &["v1.0.0"]);
    }

    /// Starts a deployment that nobody works at, and gives its command once it waits, with the job's id.
    pub(crate) async fn wait_for_a_worker(&self) -> (Service, String) {
        let deploy = Service::start(self.home, self.command(&["deploy", "v1.0.0", "--yes", "--reason", "first"]));
        told(&deploy, "backout worker").await;
        let listed = self.run(&["jobs", "--json"]);
        let jobs: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
        (deploy, jobs["items"][0]["id"].as_str().unwrap().to_owned())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.home.command(arguments);
        command.env("BACKOUT_URL", &self.url).env("BACKOUT_TOKEN", &self.token);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs it; it ends with that code and says all of these.
    pub(crate) fn says(&self, arguments: &[&str], code: i32, parts: &[&str]) {
        let output = self.run(arguments);
        let told = said(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{told}");
        for part in parts {
            assert!(told.contains(part), "{arguments:?} does not say {part}:\n{told}");
        }
    }
}

#[test]
fn a_service_that_nobody_runs_is_told_with_what_starts_it() {
    let home = Home::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let desk = Desk { home: &home, url: url.clone(), token: "bko_x".to_owned() };
    desk.says(&["doctor"], 5, &[&url, "backout serve"]);
    desk.says(&["doctor", "--lang", "zh-CN"], 5, &["无法连接", "backout serve"]);
    desk.says(&["doctor", "--json"], 5, &["\"verdict\": \"bad\"", &url]);
    desk.says(&["status"], 5, &[&url, "backout serve"]);
    let secured = format!("https://{}", url.trim_start_matches("http://"));
    let missing = home.beside("ca.pem");
    desk.says(&["status", "--url", &secured, "--ca-file", text(&missing)], 64, &[text(&missing)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_first_deployment_the_next_command_is_named_and_a_job_says_what_it_waits_for() {
    let home = Home::new();
    let service = home.serve_with_arguments(&["--no-worker"], &[]).await;
    service.until_ready(200).await;
    let desk = Desk::at(&home, &service);
    // Nobody works there, which needs attention whatever else is well.
    desk.says(&["doctor"], 1, &["no application yet", "backout app create", "no worker beats", "backout worker"]);
    desk.says(&["doctor", "--token", "bko_wrong"], 3, &["BACKOUT_TOKEN"]);
    desk.says(&["doctor", "--app", "shop"], 3, &["shop"]);
    desk.says(&["app", "create", "shop"], 0, &[]);
    desk.says(&["doctor"], 1, &["no environment yet", "backout env create", "no release yet", "release register"]);
    let (environment, release) = (home.beside("environment.toml"), home.beside("release.toml"));
    std::fs::write(&environment, "").unwrap();
    std::fs::write(&release, RELEASE).unwrap();
    desk.says(&["env", "create", "production", "-f", text(&environment)], 0, &[]);
    desk.says(&["release", "register", "-f", text(&release)], 0, &["v1.0.0"]);
    desk.says(&["doctor"], 1, &["nothing was deployed yet", "backout deploy VERSION"]);
    desk.says(&["doctor", "--env", "staging"], 3, &["staging"]);
    for command in ["status", "history", "jobs", "migrations", "releases"] {
        desk.says(&[command], 0, &[]);
    }
    desk.says(&["rollback", "--yes"], 3, &["backout deploy VERSION"]);
    desk.says(&["maintenance", "on", "--yes", "--reason", "r"], 3, &["backout deploy VERSION"]);

    // Nobody works: the job waits, and says so in both languages.
    let (deploy, id) = desk.wait_for_a_worker().await;
    let watch = Service::start(&home, desk.command(&["job", "watch", &id, "--lang", "zh-CN"]));
    told(&watch, "任务正在等待工作进程").await;
    desk.says(&["doctor"], 1, &["backout job watch"]);
    desk.says(&["job", "cancel", &id], 0, &[]);
    for mut waiting in [deploy, watch] {
        assert_eq!(waiting.ended().await, 1, "a job that was called off did not do what it was for");
    }
    service.stop().await;
}

async fn told(command: &Service, part: &str) {
    let found = eventually(STOP, || {
        let said = command.banner();
        async move { said.contains(part) }
    });
    found.await.unwrap_or_else(|error| panic!("{error}\n{}{}", command.banner(), command.log()));
}
