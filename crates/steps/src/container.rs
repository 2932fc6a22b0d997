//! A container as the engine reports it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::ids::JobId;
use driver_docker::RestartPolicy;
use sentence::{Sentence, sentence};
use serde_json::Value;

use crate::labels;

/// What the engine itself grants where the container names no time.
const DEFAULT_GRACE: Duration = Duration::from_secs(10);
/// The longest that a stop waits; it has to fit into the steps' deadlines.
const MAX_GRACE: Duration = Duration::from_mins(2);

/// An inspected container; the raw report stays whole.
pub(crate) struct Container(pub(crate) Value);

impl Container {
    /// 64 hexadecimal digits; what changes are addressed to, since a name may pass on.
    pub(crate) fn id(&self) -> &str {
        self.0["Id"].as_str().unwrap_or_default()
    }

    /// Without the engine's leading slash.
    pub(crate) fn name(&self) -> &str {
        self.0["Name"].as_str().unwrap_or_default().trim_start_matches('/')
    }

    /// Id of the image it was made from.
    pub(crate) fn image_id(&self) -> &str {
        self.0["Image"].as_str().unwrap_or_default()
    }

    pub(crate) fn label(&self, key: &str) -> Option<&str> {
        self.0["Config"]["Labels"][key].as_str()
    }

    /// Whether the job made it.
    pub(crate) fn is_of(&self, job: JobId) -> bool {
        self.label(labels::JOB) == Some(job.to_string().as_str())
    }

    /// Whether it has processes, or will have again without anybody's doing.
    pub(crate) fn is_up(&self) -> bool {
        self.0["State"]["Running"] == true || self.0["State"]["Restarting"] == true
    }

    pub(crate) fn restart_policy(&self) -> RestartPolicy {
        RestartPolicy::of(&self.0)
    }

    /// How long it has between the stop signal and the kill.
    pub(crate) fn grace(&self) -> Duration {
        self.0["Config"]["StopTimeout"].as_u64().map_or(DEFAULT_GRACE, Duration::from_secs).min(MAX_GRACE)
    }

    pub(crate) fn started_at(&self) -> Option<DateTime<Utc>> {
        self.time("StartedAt")
    }

    pub(crate) fn finished_at(&self) -> Option<DateTime<Utc>> {
        self.time("FinishedAt")
    }

    /// How it ended, if it ended since it was started last. The engine counts restarts from the start that
    /// somebody asked for, so one that is up again ended too.
    pub(crate) fn end(&self) -> Option<Sentence> {
        let state = &self.0["State"];
        let restarts = self.0["RestartCount"].as_i64().unwrap_or_default();
        let is_steady = state["Running"] == true && state["Restarting"] != true;
        if is_steady {
            return (restarts > 0).then(|| sentence!("ended and was started again {restarts} times", restarts));
        }
        let code = state["ExitCode"].as_i64().unwrap_or_default();
        let words = state["Error"].as_str().filter(|words| !words.is_empty());
        Some(match words {
            Some(words) => sentence!("ended with exit code {code} ({words})", code, words),
            None => sentence!("ended with exit code {code}", code),
        })
    }

    /// For messages: what it is, so that a person finds it.
    pub(crate) fn describe(&self) -> Sentence {
        let image = self.0["Config"]["Image"].as_str();
        let image = image.map_or_else(|| sentence!("an unknown image"), Sentence::verbatim);
        let id = self.id();
        sentence!("{name} ({id}, {image})", name = self.name(), id = id.get(..12).unwrap_or(id), image)
    }

    /// The engine writes the year 1 where something has not happened.
    fn time(&self, field: &str) -> Option<DateTime<Utc>> {
        let text = self.0["State"][field].as_str().filter(|text| !text.starts_with("0001-"))?;
        text.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_container_that_runs_again_after_a_crash_has_ended() {
        let container = Container(json!({ "RestartCount": 2, "State": { "Running": true, "ExitCode": 0 } }));
        assert_eq!(container.end().unwrap(), "ended and was started again 2 times");
    }

    #[test]
    fn a_time_that_has_not_come_is_none() {
        let container = Container(json!({ "State": { "FinishedAt": "0001-01-01T00:00:00Z" } }));
        assert_eq!(container.finished_at(), None);
    }
}
