//! Sending calls: limits, headers, repetition.

use std::time::{Duration, Instant};

use reqwest::{Response, Url, header};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::call::Call;
use crate::envelope::Raw;
use crate::error::{Error, Result};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// Waits between the attempts of one call; their number bounds the attempts.
const PAUSES: [Duration; 3] = [Duration::from_millis(200), Duration::from_millis(500), Duration::from_secs(1)];

/// How long to wait for a request that the service is still answering.
const IN_PROGRESS_PAUSE: Duration = Duration::from_secs(1);

/// Where the service is and how to speak to it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Address without `/api/v1`, e.g. `http://127.0.0.1:7420`.
    pub url: String,
    /// `bko_…`; none for what needs no token (health).
    pub token: Option<SecretString>,
    /// Language of the sentences in answers, as a BCP 47 tag.
    pub language: String,
}

/// Speaks to one service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<SecretString>,
    language: String,
}

/// Why an attempt gave no whole answer.
pub(crate) enum Unread {
    /// The answer is longer than can be meant.
    TooLong,
    /// The connection was not made or was lost.
    Lost {
        /// Whether the request may have arrived.
        sent: bool,
        reason: String,
    },
}

impl Client {
    /// A client with these settings; it connects with the first call.
    pub fn new(settings: Settings) -> Result<Self> {
        let wrong =
            |reason: String| Error::Settings(format!("'{}' is not the address of a service: {reason}", settings.url));
        let base = Url::parse(&settings.url).map_err(|error| wrong(error.to_string()))?;
        if base.scheme() != "http" {
            return Err(wrong(format!("it has to begin with http://, not {}://", base.scheme())));
        }
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("backout/", env!("CARGO_PKG_VERSION")))
            // A proxy for the internet must not see tokens of a service inside.
            .no_proxy()
            .build()
            .map_err(|error| Error::Settings(error.to_string()))?;
        Ok(Self { http, base, token: settings.token, language: settings.language })
    }

    /// Address of the service.
    pub fn url(&self) -> &str {
        self.base.as_str()
    }

    /// Address of a resource; each segment is escaped.
    pub(crate) fn api(&self, segments: &[&str]) -> Url {
        self.path(["api", "v1"].iter().chain(segments))
    }

    /// Address of a resource below an environment.
    pub(crate) fn environment(&self, application: &str, environment: &str, rest: &[&str]) -> Url {
        let fixed = ["api", "v1", "applications", application, "environments", environment];
        self.path(fixed.iter().chain(rest))
    }

    pub(crate) fn path<'a>(&self, segments: impl IntoIterator<Item = &'a &'a str>) -> Url {
        let mut url = self.base.clone();
        // Fails for addresses such as mailto: only; `new` has refused them.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    pub(crate) async fn fetch<T: DeserializeOwned>(&self, call: Call) -> Result<T> {
        self.send(&call).await?.data()
    }

    pub(crate) async fn fetch_with<T: DeserializeOwned>(&self, url: Url, query: &impl Serialize) -> Result<T> {
        self.fetch(Call::get(with_query(url, query)?)).await
    }

    /// Sends a call and reads its answer whole, again after a loss where that does no harm.
    pub(crate) async fn send(&self, call: &Call) -> Result<Raw> {
        let mut pauses = PAUSES.iter();
        let begun = Instant::now();
        loop {
            match self.attempt(call).await {
                // The answer of an earlier attempt was lost, and the service still works on it.
                Ok(raw) if is_in_progress(&raw) && begun.elapsed() < call.timeout => {
                    tokio::time::sleep(IN_PROGRESS_PAUSE).await;
                }
                Ok(raw) => return Ok(raw),
                Err(Unread::TooLong) => {
                    let detail = format!("its answer is longer than {MAX_ANSWER_BYTES} bytes");
                    return Err(Error::Protocol { url: call.url.to_string(), detail });
                }
                Err(Unread::Lost { sent, reason }) => match pauses.next() {
                    Some(pause) if call.repeatable || !sent => tokio::time::sleep(*pause).await,
                    _ => return Err(self.unreachable(reason)),
                },
            }
        }
    }

    pub(crate) fn unreachable(&self, reason: String) -> Error {
        Error::Unreachable { url: self.url().to_owned(), reason }
    }

    async fn attempt(&self, call: &Call) -> std::result::Result<Raw, Unread> {
        match self.request(call).timeout(call.timeout).send().await {
            Ok(response) => read(response).await,
            Err(error) => Err(Unread::Lost { sent: !error.is_connect(), reason: reason(&error) }),
        }
    }

    /// The request of a call, without any time limit of its own.
    pub(crate) fn request(&self, call: &Call) -> reqwest::RequestBuilder {
        let mut request =
            self.http.request(call.method.clone(), call.url.clone()).header(header::ACCEPT_LANGUAGE, &self.language);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose_secret());
        }
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        match &call.body {
            Some(body) => request.header(header::CONTENT_TYPE, "application/json").body(body.clone()),
            None => request,
        }
    }
}

/// The address with the query's fields; absent ones are left out.
pub(crate) fn with_query(mut url: Url, query: &impl Serialize) -> Result<Url> {
    let fields = serde_json::to_value(query).map_err(|error| Error::Settings(error.to_string()))?;
    for (name, value) in fields.as_object().into_iter().flatten() {
        match value {
            serde_json::Value::Null => {}
            serde_json::Value::String(text) => {
                url.query_pairs_mut().append_pair(name, text);
            }
            other => {
                url.query_pairs_mut().append_pair(name, &other.to_string());
            }
        }
    }
    Ok(url)
}

/// Reads an answer whole, up to the limit.
pub(crate) async fn read(mut response: Response) -> std::result::Result<Raw, Unread> {
    let request_id = response.headers().get("x-request-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let (url, status) = (response.url().to_string(), response.status().as_u16());
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > MAX_ANSWER_BYTES => return Err(Unread::TooLong),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(Raw { url, status, request_id, body }),
            Err(error) => return Err(Unread::Lost { sent: true, reason: reason(&error) }),
        }
    }
}

fn is_in_progress(raw: &Raw) -> bool {
    raw.status == 409 && raw.failure().problem().is_some_and(|problem| problem.kind == "idempotency-in-progress")
}

/// The innermost cause: "Connection refused" rather than "error sending request".
pub(crate) fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it did not answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
