//! Asking a service over HTTP.

use std::time::Duration;

use reqwest::{Client, redirect};
use saga::StepError;
use sentence::{Sentence, sentence};
use tokio::time::Instant;

use crate::host::{Host, Watched};

const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// A service that takes longer is asked again.
const ANSWER_TIME: Duration = Duration::from_secs(5);

/// What it took until a service answered.
pub(crate) struct Answered {
    pub(crate) tries: u32,
    pub(crate) waited: Duration,
}

/// A client that asks exactly what it is told to: no proxy, no redirects, no kept connections that a
/// restarted service would have closed.
pub(crate) fn client() -> Result<Client, StepError> {
    Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .pool_max_idle_per_host(0)
        .build()
        .map_err(|error| StepError::permanent(sentence!("no HTTP client can be made: {error}", error = reason(error))))
}

/// `http://address:port/path`; an IPv6 address gets its brackets.
pub(crate) fn url(address: &str, port: u16, path: &str) -> String {
    if address.contains(':') && !address.starts_with('[') {
        format!("http://[{address}]:{port}{path}")
    } else {
        format!("http://{address}:{port}{path}")
    }
}

/// The innermost cause, which says more than "error sending request"; the URL is known to whoever asked.
pub(crate) fn reason(error: reqwest::Error) -> Sentence {
    if error.is_timeout() {
        return sentence!("no answer in time");
    }
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    Sentence::verbatim(cause.to_string())
}

/// Asks until an answer is good, and gives up at once when the container has ended: whatever answers then
/// is something else. An engine that is away is waited for. Ends as transient when the step is asked to stop.
pub(crate) async fn wait_for_answer(
    host: &Host<'_>,
    watched: Watched<'_>,
    url: &str,
    within: Duration,
    is_good: impl Fn(u16) -> bool,
) -> Result<Answered, StepError> {
    let client = client()?;
    let start = Instant::now();
    let mut pause = FIRST_PAUSE;
    let mut tries = 0;
    let mut last = sentence!("nothing");
    loop {
        let limit = within.saturating_sub(start.elapsed()).clamp(FIRST_PAUSE, ANSWER_TIME);
        tries += 1;
        match client.get(url).timeout(limit).send().await.map(|answer| answer.status().as_u16()) {
            // Looked at after the answer, so that an answer counts only if the container was there for it.
            Ok(status) if is_good(status) => match require_alive(host, watched).await {
                Ok(()) => return Ok(Answered { tries, waited: start.elapsed() }),
                Err(error) => last = transient_message(error)?,
            },
            Ok(status) => {
                check_alive(host, watched).await?;
                last = sentence!("it answered with status {status}", status);
            }
            Err(error) => {
                check_alive(host, watched).await?;
                // A last try that was cut short says less than the one before it.
                if !error.is_timeout() || limit == ANSWER_TIME || tries == 1 {
                    last = reason(error);
                }
            }
        }
        if start.elapsed() + pause >= within {
            return Err(StepError::permanent(sentence!(
                "{url} gave no good answer within {within} s ({tries} tries); at last: {last}; {output}",
                url,
                within = within.as_secs(),
                tries,
                last,
                output = host.last_output(watched).await
            )));
        }
        host.sleep(pause).await?;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn require_alive(host: &Host<'_>, watched: Watched<'_>) -> Result<(), StepError> {
    let Some(found) = host.inspect(watched.container).await? else {
        return Err(StepError::permanent(sentence!("container {container} is gone", container = watched.container)));
    };
    match found.end() {
        None => Ok(()),
        Some(end) => {
            let output = host.last_output(watched).await;
            Err(StepError::permanent(sentence!(
                "container {found} {end}; {output}",
                found = found.describe(),
                end,
                output
            )))
        }
    }
}

/// As [`require_alive`], but an engine that does not answer says nothing about the container.
async fn check_alive(host: &Host<'_>, watched: Watched<'_>) -> Result<(), StepError> {
    match require_alive(host, watched).await {
        Ok(()) => Ok(()),
        Err(error) => transient_message(error).map(drop),
    }
}

fn transient_message(error: StepError) -> Result<Sentence, StepError> {
    if error.kind == saga::ErrorKind::Transient { Ok(error.message) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_address_gets_brackets() {
        assert_eq!(url("::1", 80, "/health"), "http://[::1]:80/health");
        assert_eq!(url("10.0.0.1", 80, "/health"), "http://10.0.0.1:80/health");
    }
}
