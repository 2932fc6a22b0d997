//! A person, or a script, at the command line of one application.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use client::{DeploymentFilter, PageRequest};
use domain::view::{DeploymentView, EnvironmentView};
use serde_json::Value;
use testkit::Backout;

use crate::support::{ENVIRONMENT, Scene};

/// What is typed here is about one application of the service.
pub(super) struct Desk<'a> {
    pub(super) backout: &'a Backout,
    pub(super) app: &'a str,
}

/// What a command said and how it ended.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Desk<'_> {
    /// Runs it without a terminal, as a script does.
    pub(super) fn run(&self, arguments: &[&str]) -> Said {
        self.run_with(arguments, &[])
    }

    /// The same with other variables in its environment.
    pub(super) fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Said {
        self.start(&[arguments, &["--app", self.app]].concat(), variables)
    }

    /// Runs it as it stands: the application is named only where the arguments do.
    pub(super) fn run_bare(&self, arguments: &[&str]) -> Said {
        self.start(arguments, &[])
    }

    fn start(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Said {
        let mut command = self.backout.command(arguments).unwrap();
        // The locale of whoever runs the tests is not what is tested.
        command.env("LC_ALL", "C").env_remove("BACKOUT_LANG").stdin(Stdio::null());
        Said::of(command.envs(variables.iter().copied()).output().unwrap())
    }

    /// Runs it; it ends with that code and says all of these in this order, on standard output where it did what was
    /// asked, and on either otherwise.
    pub(super) fn says(&self, arguments: &[&str], code: i32, parts: &[&str]) -> Said {
        let said = self.run(arguments);
        assert_eq!(said.code, Some(code), "{arguments:?}\n{said}");
        let told = if code == 0 { said.stdout.clone() } else { said.to_string() };
        in_order(&told, parts);
        said
    }

    /// Runs it with `--json`; it ends with that code, and what it says is one document and nothing else.
    pub(super) fn json(&self, arguments: &[&str], code: i32) -> Value {
        let said = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(said.code, Some(code), "{arguments:?}\n{said}");
        assert_eq!(said.stderr, "", "{arguments:?}");
        // More than one document, or a word beside it, does not parse.
        serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}\n{said}"))
    }

    /// Types a whole line at a terminal, and then these answers. Standard output is all that the terminal showed.
    pub(super) fn types(&self, line: &str, answers: &str) -> Said {
        let backout = self.backout.command(&[]).unwrap();
        let folder = Path::new(backout.get_program()).parent().unwrap();
        let line = format!("PATH='{}':\"$PATH\" {line}", folder.display());
        let mut script = Command::new("script");
        script.args(["-qec", &line, "/dev/null"]).env("SHELL", "/bin/sh").env("LC_ALL", "C").env_remove("BACKOUT_LANG");
        script.envs(backout.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let mut typing = script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        typing.stdin.take().unwrap().write_all(answers.as_bytes()).unwrap();
        Said::of(typing.wait_with_output().unwrap())
    }
}

impl Said {
    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// The one line of a table that has all of these.
    pub(super) fn row(&self, parts: &[&str]) -> &str {
        let mut rows = self.stdout.lines().filter(|line| parts.iter().all(|part| line.contains(part)));
        let row = rows.next().unwrap_or_else(|| panic!("no line has {parts:?}\n{self}"));
        assert_eq!(rows.next(), None, "more than one line has {parts:?}\n{self}");
        row
    }

    /// What follows on the line that begins with this.
    pub(super) fn after(&self, beginning: &str) -> &str {
        let rest = self.stdout.lines().find_map(|line| line.trim().strip_prefix(beginning));
        rest.unwrap_or_else(|| panic!("no line begins with {beginning}\n{self}"))
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "{}{}", self.stdout, self.stderr)
    }
}

/// All of these are said, one after the other.
pub(super) fn in_order(told: &str, parts: &[&str]) {
    let mut rest = told;
    for part in parts {
        let (_, after) = rest.split_once(part).unwrap_or_else(|| panic!("{part:?} is not said there:\n{told}"));
        rest = after;
    }
}

/// What a command that was refused or declined must leave as it is.
#[derive(Debug, PartialEq)]
pub(super) struct State {
    answering: String,
    environment: EnvironmentView,
    deployments: Vec<DeploymentView>,
    jobs: usize,
    applied: Vec<String>,
    containers: BTreeMap<String, String>,
}

impl State {
    pub(super) async fn of(scene: &Scene) -> Self {
        Self {
            answering: scene.answering().await.unwrap(),
            environment: scene.client.get_environment(&scene.app, ENVIRONMENT).await.unwrap(),
            deployments: deployments(scene).await,
            jobs: scene.jobs().await.unwrap(),
            applied: scene.applied().await.unwrap(),
            containers: scene.containers().await.unwrap(),
        }
    }
}

/// The history as the service has it, newest first.
pub(super) async fn deployments(scene: &Scene) -> Vec<DeploymentView> {
    let (any, all) = (DeploymentFilter::default(), PageRequest::first(200));
    scene.client.list_deployments(&scene.app, ENVIRONMENT, &any, &all).await.unwrap().items
}
