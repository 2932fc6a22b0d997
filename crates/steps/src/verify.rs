//! Asks the verification probes of the environment: this is what decides whether the target is good.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::Version;
use domain::environment::VerificationProbe;
use futures::future::{join_all, try_join_all};
use reqwest::{Client, Method};
use saga::{Probe, Step, StepContext, StepError};
use sentence::{Sentence, sentence};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use crate::http;
use crate::masks::{Masks, shortened};
use crate::provider::Provider;

/// How long a probe that was not answered, or answered "not now", is asked again.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(250);
/// Probes run side by side, each within its own limit and [`PATIENCE`].
const DEADLINE: Duration = Duration::from_mins(1);
/// The longest that a probe may be allowed to take, so that it ends within [`DEADLINE`].
const LONGEST_ANSWER: Duration = Duration::from_secs(40);
/// The largest answer in which a version is looked for.
const MAX_BODY_BYTES: usize = 1024 * 1024;
/// Characters of a probe's failure that go into the error; it may quote an answer.
const SHOWN: usize = 500;
/// "Not now": gateway and overload answers of something in front that has yet to notice the new container.
const NOT_NOW: [u16; 4] = [429, 502, 503, 504];

pub(crate) struct Verify {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) version: Version,
}

/// The answers, by probe and host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Verified {
    probes: Vec<Answer>,
}

/// One good answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    probe: String,
    host: String,
    status: u16,
    ms: u64,
}

/// One probe on one host.
struct Question {
    probe: VerificationProbe,
    method: Method,
    host: String,
    url: String,
}

/// Why an answer was not good.
struct Refusal {
    why: Sentence,
    is_transient: bool,
}

impl Refusal {
    fn transient(why: Sentence) -> Self {
        Self { why, is_transient: true }
    }

    fn lasting(why: Sentence) -> Self {
        Self { why, is_transient: false }
    }
}

impl Verify {
    async fn questions(&self, cx: &StepContext, probe: &VerificationProbe) -> Result<Vec<Question>, StepError> {
        let job = cx.held().job;
        let method = Method::from_bytes(probe.method.as_bytes()).map_err(|_| {
            StepError::permanent(sentence!(
                "probe {probe}: \"{method}\" is not an HTTP method",
                probe = probe.name,
                method = probe.method
            ))
        })?;
        let service = self.provider.service(job, &probe.service).await?.service;
        let mut questions = Vec::new();
        for host in service.hosts {
            let address = self.provider.address(job, &host).await?;
            let url = http::url(&address, service.port, &probe.path);
            questions.push(Question { probe: probe.clone(), method: method.clone(), host, url });
        }
        Ok(questions)
    }

    /// What services answered, without the secrets that they know.
    async fn masked(
        &self,
        cx: &StepContext,
        probes: &[VerificationProbe],
        mut failures: Vec<Sentence>,
    ) -> Vec<Sentence> {
        if failures.is_empty() {
            return failures;
        }
        let services: BTreeSet<&str> = probes.iter().map(|probe| probe.service.as_str()).collect();
        for service in services {
            match Masks::of(self.provider.as_ref(), cx, service).await {
                Ok(masks) => {
                    let masked = failures.into_iter().map(|failure| masks.hide_in(failure));
                    failures = masked.collect();
                }
                Err(error) => {
                    let why = sentence!(
                        "the answers are not shown, since the secrets of {service} cannot be told: {error}",
                        service,
                        error = error.message
                    );
                    return vec![why; failures.len()];
                }
            }
        }
        // Cut last: half a secret would not be recognised.
        failures.into_iter().map(|failure| failure.with_texts(&|text| shortened(text, SHOWN))).collect()
    }

    /// Asks until the answer is good, or bad for good, or [`PATIENCE`] is over.
    async fn ask(&self, client: &Client, question: &Question) -> Result<Answer, Sentence> {
        let start = Instant::now();
        loop {
            match self.ask_once(client, question).await {
                Ok(answer) => return Ok(answer),
                Err(refusal) if refusal.is_transient && start.elapsed() + PAUSE < PATIENCE => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(refusal) => {
                    let Question { probe, method, host, url } = question;
                    return Err(sentence!(
                        "{probe} on {host} ({method} {url}): {why}",
                        probe = probe.name,
                        host,
                        method = method.as_str(),
                        url,
                        why = refusal.why
                    ));
                }
            }
        }
    }

    async fn ask_once(&self, client: &Client, question: &Question) -> Result<Answer, Refusal> {
        let probe = &question.probe;
        let limit = Duration::from_millis(probe.deadline_ms.into()).min(LONGEST_ANSWER);
        let start = Instant::now();
        let unanswered = |error: reqwest::Error| {
            if error.is_timeout() {
                Refusal::transient(sentence!("no answer within {limit} ms", limit = limit.as_millis()))
            } else {
                Refusal::transient(http::reason(error))
            }
        };
        let mut answer =
            client.request(question.method.clone(), &question.url).timeout(limit).send().await.map_err(unanswered)?;
        let status = answer.status().as_u16();
        if status >= probe.status_below {
            let why = sentence!("status {status} is not below {limit}", status, limit = probe.status_below);
            return Err(if NOT_NOW.contains(&status) { Refusal::transient(why) } else { Refusal::lasting(why) });
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(unanswered)? {
            if body.len() + chunk.len() > MAX_BODY_BYTES {
                break;
            }
            body.extend_from_slice(&chunk);
        }
        if let Some(pointer) = &probe.version_pointer {
            require_version(&body, pointer, &self.version).map_err(Refusal::lasting)?;
        }
        let ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(Answer { probe: probe.name.clone(), host: question.host.clone(), status, ms })
    }
}

/// The answer has to name the version, with or without a leading `v`.
fn require_version(body: &[u8], pointer: &str, version: &Version) -> Result<(), Sentence> {
    let answer: Value = serde_json::from_slice(body)
        .map_err(|error| sentence!("the answer is not JSON of at most 1 MiB: {error}", error = error.to_string()))?;
    let found = answer.pointer(pointer).ok_or_else(|| sentence!("the answer has nothing at {pointer}", pointer))?;
    let shown = found.to_string();
    let Some(text) = found.as_str() else {
        return Err(sentence!("{pointer} is {found} and not a version", pointer, found = shown));
    };
    if text.parse::<Version>().is_ok_and(|found| found == *version) {
        return Ok(());
    }
    Err(sentence!("{pointer} is {found} and not {version}", pointer, found = shown, version = version.to_string()))
}

#[async_trait]
impl Step for Verify {
    type Output = Verified;

    async fn run(&self, cx: &StepContext) -> Result<Verified, StepError> {
        let client = http::client()?;
        let probes = self.provider.probes(cx.held().job).await?;
        let questions = try_join_all(probes.iter().map(|probe| self.questions(cx, probe))).await?;
        let asked = join_all(questions.iter().flatten().map(|question| self.ask(&client, question)));
        let outcomes = tokio::select! {
            outcomes = asked => outcomes,
            () = cx.stop().cancelled() => return Err(StepError::transient(sentence!("was asked to stop while it verified"))),
        };
        let (mut answers, mut failures) = (Vec::new(), Vec::new());
        for outcome in outcomes {
            match outcome {
                Ok(answer) => answers.push(answer),
                Err(failure) => failures.push(failure),
            }
        }
        let failures = self.masked(cx, &probes, failures).await;
        if failures.is_empty() {
            return Ok(Verified { probes: answers });
        }
        let asked = answers.len() + failures.len();
        Err(StepError::permanent(sentence!(
            "{failed} of {asked} probes failed: {failures}",
            failed = failures.len(),
            asked,
            failures
        )))
    }

    async fn probe(&self, _cx: &StepContext) -> Result<Probe<Verified>, StepError> {
        Ok(Probe::NotDone)
    }

    async fn undo(&self, _cx: &StepContext, _output: Option<Verified>) -> Result<(), StepError> {
        Ok(())
    }

    fn deadline(&self) -> Duration {
        DEADLINE
    }

    fn has_effect(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_recognised_with_and_without_its_v() {
        let version: Version = "v0.8.1".parse().unwrap();
        let check = |body: &str| require_version(body.as_bytes(), "/data/version", &version);
        assert_eq!(check(r#"{"data":{"version":"v0.8.1"}}"#), Ok(()));
        assert_eq!(check(r#"{"data":{"version":"0.8.1"}}"#), Ok(()));
        assert_eq!(
            check(r#"{"data":{"version":"v0.8.2"}}"#).unwrap_err(),
            "/data/version is \"v0.8.2\" and not v0.8.1"
        );
        assert_eq!(check(r#"{"data":{}}"#).unwrap_err(), "the answer has nothing at /data/version");
    }
}
