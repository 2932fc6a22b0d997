//! What the engine remembers having done.

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::engine::Engine;
use crate::error::Result;

/// The engine remembers its last 256 events, each of less than 2 KiB.
const EVENTS_LIMIT: usize = 1024 * 1024;

impl Engine {
    /// Whether the container was sent a signal after `since`, by the engine's clock: that is how a stop begins. The
    /// engine remembers its last 256 events, and none from before its own start, which ended what was under way too.
    pub async fn was_signalled_since(&self, container: &str, since: DateTime<Utc>) -> Result<bool> {
        // Up to what is the past on the engine's own clock: otherwise it waits for more.
        let until = self.info().await?.system_time;
        let filters = json!({ "type": ["container"], "container": [container], "event": ["kill"] }).to_string();
        let mut answer = self
            .get("/events")
            .query(&[("since", &unix(since)), ("until", &unix(until)), ("filters", &filters)])
            .send()
            .await?;
        Ok(!answer.body(EVENTS_LIMIT).await?.is_empty())
    }
}

/// Seconds with nine digits behind the point, the one form of a time that this call reads.
fn unix(time: DateTime<Utc>) -> String {
    format!("{}.{:09}", time.timestamp(), time.timestamp_subsec_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_keeps_its_nanoseconds() {
        assert_eq!(unix("2026-01-02T03:04:05.000000678Z".parse().unwrap()), "1767323045.000000678");
    }
}
