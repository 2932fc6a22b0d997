//! Containers: finding, making, starting, stopping, renaming, removing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sentence::sentence;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::engine::{Engine, checked};
use crate::error::{Error, Result};
use crate::image::{filters_json, null_as_default};
use crate::request::CALL_DEADLINE;

/// How often a condition is looked at when the engine has no event for it.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// One container, as listed.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ContainerSummary {
    /// 64 hexadecimal digits.
    pub id: String,
    /// Its names, each with a leading slash, as the engine writes them.
    #[serde(default, deserialize_with = "null_as_default")]
    pub names: Vec<String>,
    /// The image as it was named at creation.
    #[serde(default)]
    pub image: String,
    /// The image's own id.
    #[serde(rename = "ImageID", default)]
    pub image_id: String,
    /// `created`, `running`, `paused`, `restarting`, `removing`, `exited` or `dead`.
    #[serde(default)]
    pub state: String,
    /// Its labels.
    #[serde(default, deserialize_with = "null_as_default")]
    pub labels: BTreeMap<String, String>,
    /// When it was created, seconds since 1970.
    #[serde(default)]
    pub created: i64,
    /// The ports that it exposes; none where it has the host's own network.
    #[serde(default, deserialize_with = "null_as_default")]
    pub ports: Vec<Port>,
}

/// A port of a listed container.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Port {
    /// The port of the host that leads to it, if it is published.
    #[serde(default)]
    pub public_port: Option<u16>,
    /// `tcp`, `udp` or `sctp`.
    #[serde(rename = "Type", default)]
    pub protocol: String,
}

impl ContainerSummary {
    /// Whether it publishes that TCP port of the host.
    pub fn publishes(&self, port: u16) -> bool {
        self.ports.iter().any(|one| one.public_port == Some(port) && one.protocol == "tcp")
    }

    /// Its first name, without the slash.
    pub fn name(&self) -> &str {
        self.names.first().map_or("", |name| name.trim_start_matches('/'))
    }
}

/// How a container's first process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// Its exit code; 128 + signal when it was killed.
    pub exit_code: i64,
    /// The engine's own words, often empty.
    pub error: String,
}

/// What the engine does when a container ends by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestartPolicy {
    /// `no`, `always`, `unless-stopped` or `on-failure`.
    pub name: String,
    /// For `on-failure`: how often; 0 is without end.
    pub maximum_retry_count: i64,
}

impl RestartPolicy {
    /// The policy that leaves a container down, for one that is kept aside.
    pub fn none() -> Self {
        Self { name: "no".to_owned(), maximum_retry_count: 0 }
    }

    /// The policy of an inspected container.
    pub fn of(inspect: &Value) -> Self {
        let policy = &inspect["HostConfig"]["RestartPolicy"];
        let name = policy["Name"].as_str().unwrap_or_default();
        Self {
            name: if name.is_empty() { "no" } else { name }.to_owned(),
            maximum_retry_count: policy["MaximumRetryCount"].as_i64().unwrap_or_default(),
        }
    }
}

impl Engine {
    /// The container with this name or id, raw; `None` if there is none.
    pub async fn inspect(&self, container: &str) -> Result<Option<Value>> {
        match self.inspect_existing(container).await {
            Ok(inspect) => Ok(Some(inspect)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn inspect_existing(&self, container: &str) -> Result<Value> {
        self.get(&container_path(container, "/json")?).send().await?.json().await
    }

    /// All containers, in any state, that carry the label with this value.
    pub async fn find_by_label(&self, key: &str, value: &str) -> Result<Vec<ContainerSummary>> {
        self.list("true", &[("label", &format!("{key}={value}"))]).await
    }

    /// All containers, in any state, with these characters somewhere in their name.
    pub async fn find_by_name(&self, part: &str) -> Result<Vec<ContainerSummary>> {
        // The engine reads a pattern; of what a name may consist of, only the point means something in it.
        let pattern = checked(sentence!("container name"), part, "")?.replace('.', "\\.");
        self.list("true", &[("name", &pattern)]).await
    }

    /// The containers that run.
    pub async fn running(&self) -> Result<Vec<ContainerSummary>> {
        self.list("false", &[]).await
    }

    async fn list(&self, all: &str, filters: &[(&str, &str)]) -> Result<Vec<ContainerSummary>> {
        let filters = filters_json(filters);
        self.get("/containers/json").query(&[("all", all), ("filters", &filters)]).send().await?.json().await
    }

    /// Creates a container and answers its id. A name in use is [`Error::NameConflict`]; a missing
    /// image is [`Error::NotFound`].
    pub async fn create(&self, name: &str, body: &Value) -> Result<String> {
        let name = checked(sentence!("container name"), name, "")?;
        let answer = self
            .post("/containers/create")
            .query(&[("name", name)])
            .json(body)
            .send()
            .await
            .map_err(|error| name_conflict(error, name))?;
        let request = answer.request().clone();
        let created: Value = answer.json().await?;
        // Without the id nobody can tell what was made.
        created["Id"]
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| Error::OutcomeUnknown { request, reason: sentence!("the answer names no id") })
    }

    /// Starts a container. `false` if it was running already.
    pub async fn start(&self, container: &str) -> Result<bool> {
        self.change(container, "/start", &[], CALL_DEADLINE).await
    }

    /// Sends the stop signal and, after `grace` (whole seconds), kills. `false` if it was not running.
    pub async fn stop(&self, container: &str, grace: Duration) -> Result<bool> {
        let seconds = grace.as_secs().to_string();
        let deadline = grace.saturating_add(CALL_DEADLINE);
        self.change(container, "/stop", &[("t", &seconds)], deadline).await
    }

    /// Kills a container. `false` if it was not running.
    pub async fn kill(&self, container: &str) -> Result<bool> {
        let outcome = self.change(container, "/kill", &[], CALL_DEADLINE).await;
        self.unless_already(container, outcome, |state| state["Running"] == false).await
    }

    /// Freezes its processes. `false` if they were frozen already.
    pub async fn pause(&self, container: &str) -> Result<bool> {
        let outcome = self.change(container, "/pause", &[], CALL_DEADLINE).await;
        self.unless_already(container, outcome, |state| state["Paused"] == true).await
    }

    /// Thaws its processes. `false` if they ran already.
    pub async fn unpause(&self, container: &str) -> Result<bool> {
        let outcome = self.change(container, "/unpause", &[], CALL_DEADLINE).await;
        self.unless_already(container, outcome, |state| state["Running"] == true && state["Paused"] == false).await
    }

    /// Renames a container, running or not. A name in use is [`Error::NameConflict`].
    pub async fn rename(&self, container: &str, name: &str) -> Result<()> {
        let name = checked(sentence!("container name"), name, "")?;
        self.change(container, "/rename", &[("name", name)], CALL_DEADLINE)
            .await
            .map(drop)
            .map_err(|error| name_conflict(error, name))
    }

    /// Removes a container and keeps all its volumes, anonymous ones too. `false` if there was none.
    /// A running one is refused unless `force`, which kills it.
    pub async fn remove(&self, container: &str, force: bool) -> Result<bool> {
        let outcome = self
            .delete(&container_path(container, "")?)
            .query(&[("force", if force { "true" } else { "false" }), ("v", "false")])
            .send()
            .await;
        match outcome {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error @ Error::Conflict { .. }) => self.await_removal(container, error).await,
            Err(error) => Err(error),
        }
    }

    /// Waits until the container is not running and tells how it ended.
    pub async fn wait_exit(&self, container: &str, within: Duration) -> Result<Exit> {
        let answer = self
            .post(&container_path(container, "/wait")?)
            .read_only()
            .query(&[("condition", "not-running")])
            .within(within)
            .send()
            .await?;
        let exit: Value = answer.json().await?;
        Ok(Exit {
            exit_code: exit["StatusCode"].as_i64().unwrap_or(-1),
            error: exit["Error"]["Message"].as_str().unwrap_or_default().to_owned(),
        })
    }

    /// Changes the restart policy in place.
    pub async fn update_restart_policy(&self, container: &str, policy: &RestartPolicy) -> Result<()> {
        self.post(&container_path(container, "/update")?)
            .json(&json!({ "RestartPolicy": {
                "Name": policy.name,
                "MaximumRetryCount": policy.maximum_retry_count,
            }}))
            .send()
            .await
            .map(drop)
    }

    /// A POST without a body; 304 is "already so".
    async fn change(&self, container: &str, verb: &str, query: &[(&str, &str)], deadline: Duration) -> Result<bool> {
        let answer = self.post(&container_path(container, verb)?).query(query).within(deadline).send().await?;
        Ok(answer.status() != reqwest::StatusCode::NOT_MODIFIED)
    }

    /// Engines differ in the status for "already so"; the state itself does not.
    async fn unless_already(
        &self,
        container: &str,
        outcome: Result<bool>,
        is_so: impl Fn(&Value) -> bool,
    ) -> Result<bool> {
        match outcome {
            Err(error @ (Error::Conflict { .. } | Error::EngineFailed { .. })) => {
                let inspect = self.inspect(container).await?.unwrap_or_default();
                if is_so(&inspect["State"]) { Ok(false) } else { Err(error) }
            }
            other => other,
        }
    }

    /// Another call, perhaps one of a worker that died, is removing it: wait for its end.
    async fn await_removal(&self, container: &str, conflict: Error) -> Result<bool> {
        let start = Instant::now();
        loop {
            let Some(inspect) = self.inspect(container).await? else {
                return Ok(false);
            };
            if inspect["State"]["Status"] != "removing" || start.elapsed() > CALL_DEADLINE {
                return Err(conflict);
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}

pub(crate) fn container_path(container: &str, rest: &str) -> Result<String> {
    let container = checked(sentence!("container name or id"), container, "")?;
    Ok(format!("/containers/{container}{rest}"))
}

fn name_conflict(error: Error, name: &str) -> Error {
    match error {
        Error::Conflict { request, message } => Error::NameConflict { request, name: name.to_owned(), message },
        other => other,
    }
}
