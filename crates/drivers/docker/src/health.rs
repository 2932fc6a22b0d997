//! Whether a container is up and healthy, and waiting for it.

use std::time::{Duration, Instant};

use sentence::{Sentence, sentence};
use serde_json::Value;

use crate::engine::Engine;
use crate::error::{Error, Result};

const FIRST_POLL: Duration = Duration::from_millis(25);
const SLOWEST_POLL: Duration = Duration::from_millis(250);
/// Log lines that go into an error.
const LOG_TAIL: u32 = 20;

/// The state of a container as far as traffic is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Running; its health check has not decided yet.
    Starting,
    /// Running; its health check passes.
    Healthy,
    /// Running; its health check failed as often as it is allowed to.
    Unhealthy {
        /// The output of the last check.
        log: String,
    },
    /// Running, without a health check.
    None,
    /// Created, ended, or between two attempts of the restart policy.
    NotRunning {
        /// The exit code of the last run; 0 if there was none.
        exit_code: i64,
        /// The engine's own words, often empty.
        error: String,
    },
}

impl Health {
    /// Reads an inspected container.
    pub fn of(inspect: &Value) -> Self {
        let state = &inspect["State"];
        // Between two attempts the engine reports Running and Restarting together.
        if state["Running"] != true || state["Restarting"] == true {
            return Self::NotRunning {
                exit_code: state["ExitCode"].as_i64().unwrap_or_default(),
                error: state["Error"].as_str().unwrap_or_default().to_owned(),
            };
        }
        match state["Health"]["Status"].as_str() {
            None | Some("" | "none") => Self::None,
            Some("healthy") => Self::Healthy,
            Some("unhealthy") => Self::Unhealthy { log: last_check(inspect).unwrap_or_default() },
            Some(_) => Self::Starting,
        }
    }
}

impl Engine {
    /// The health of a container; [`Error::NotFound`] if there is none.
    pub async fn health(&self, container: &str) -> Result<Health> {
        self.inspect_existing(container).await.map(|inspect| Health::of(&inspect))
    }

    /// Waits while a started container's health is undecided, and answers [`Health::Healthy`],
    /// [`Health::Unhealthy`] or, at once, [`Health::None`] where there is no health check. A container
    /// that ends meanwhile, even if its restart policy starts it again, is [`Error::Exited`].
    pub async fn wait_healthy(&self, container: &str, within: Duration) -> Result<Health> {
        let start = Instant::now();
        let mut pause = FIRST_POLL;
        let mut first_restarts = None;
        loop {
            let inspect = self.inspect_existing(container).await?;
            let restarts = inspect["RestartCount"].as_i64().unwrap_or_default();
            let has_restarted = restarts > *first_restarts.get_or_insert(restarts);
            match Health::of(&inspect) {
                Health::NotRunning { exit_code, error } => {
                    let error = (!error.is_empty()).then(|| Sentence::verbatim(error));
                    return Err(self.exited(container, exit_code, error).await);
                }
                _ if has_restarted => {
                    // The new run's state hides how the last one ended.
                    let error = sentence!("restarted {restarts} times", restarts);
                    let exit_code = inspect["State"]["ExitCode"].as_i64().unwrap_or_default();
                    return Err(self.exited(container, exit_code, Some(error)).await);
                }
                Health::Starting => {}
                decided => return Ok(decided),
            }
            let Some(left) = within.checked_sub(start.elapsed()) else {
                return Err(Error::NotHealthyInTime {
                    container: container.to_owned(),
                    waited: start.elapsed(),
                    last_check: last_check(&inspect).map_or_else(|| sentence!("nothing"), Sentence::verbatim),
                });
            };
            tokio::time::sleep(pause.min(left)).await;
            pause = (pause * 2).min(SLOWEST_POLL);
        }
    }

    async fn exited(&self, container: &str, exit_code: i64, error: Option<Sentence>) -> Error {
        let log = match self.logs(container, LOG_TAIL).await {
            Ok(log) => Sentence::verbatim(log.trim_end()),
            Err(error) => sentence!("(not readable: {error})", error = error.sentence()),
        };
        Error::Exited { container: container.to_owned(), exit_code, error: error.map(Box::new), log }
    }
}

fn last_check(inspect: &Value) -> Option<String> {
    inspect["State"]["Health"]["Log"]
        .as_array()
        .and_then(|log| log.last())
        .and_then(|check| check["Output"].as_str())
        .map(|text| text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_container_between_two_restarts_is_not_running() {
        let inspect = json!({ "State": {
            "Running": true, "Restarting": true, "ExitCode": 3, "Error": "",
            "Health": { "Status": "healthy" },
        }});
        let expected = Health::NotRunning { exit_code: 3, error: String::new() };
        assert_eq!(Health::of(&inspect), expected);
    }

    #[test]
    fn a_running_container_without_a_check_has_no_health() {
        assert_eq!(Health::of(&json!({ "State": { "Running": true } })), Health::None);
    }
}
