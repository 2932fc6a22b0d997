//! Sending calls: limits, headers, repetition.

use std::error::Error as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue, InvalidHeaderValue};
use hyper::{Request, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use secrecy::{ExposeSecret, SecretString};
use sentence::{Sentence, sentence};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::call::Call;
use crate::envelope::Raw;
use crate::error::{Error, Result};
use crate::tls;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Less than any service keeps a connection that is not used.
const IDLE: Duration = Duration::from_secs(4);
const USER_AGENT: &str = concat!("backout/", env!("CARGO_PKG_VERSION"));
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// Waits between the attempts of one call; their number bounds the attempts.
const PAUSES: [Duration; 3] = [Duration::from_millis(200), Duration::from_millis(500), Duration::from_secs(1)];

/// How long to wait for a request that the service is still answering.
const IN_PROGRESS_PAUSE: Duration = Duration::from_secs(1);

/// Where the service is and how to speak to it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Address without `/api/v1`, e.g. `http://127.0.0.1:7420` or `https://backout.example`.
    pub url: String,
    /// PEM file of the authorities that the service's certificate may come from, in place of the public ones.
    pub ca_file: Option<PathBuf>,
    /// `bko_…`; none for what needs no token (health).
    pub token: Option<SecretString>,
    /// Language of the sentences in answers, as a BCP 47 tag.
    pub language: String,
}

/// Speaks to one service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    http: hyper_util::client::legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base: Url,
    authorization: Option<HeaderValue>,
    language: HeaderValue,
}

/// Why an attempt gave no whole answer.
pub(crate) enum Unread {
    /// The answer is longer than can be meant.
    TooLong,
    /// The service is not the one that it has to be, or speaks no TLS.
    Untrusted(String),
    /// The connection was not made or was lost.
    Lost {
        /// Whether the request may have arrived.
        sent: bool,
        reason: Sentence,
    },
}

impl Client {
    /// A client with these settings; it connects with the first call.
    pub fn new(settings: Settings) -> Result<Self> {
        let wrong = |reason| {
            Error::Settings(sentence!("'{url}' is not the address of a service: {reason}", url = settings.url, reason))
        };
        let base = Url::parse(&settings.url).map_err(|error| wrong(Sentence::verbatim(error.to_string())))?;
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err(wrong(sentence!("it has to begin with http:// or https://")));
        }
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        // No proxy for the internet: it must not see tokens of a service inside.
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls::config(settings.ca_file.as_deref())?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        let authorization = settings.token.map(|token| {
            let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))?;
            bearer.set_sensitive(true);
            Ok::<_, InvalidHeaderValue>(bearer)
        });
        Ok(Self {
            http,
            base,
            authorization: authorization
                .transpose()
                .map_err(|_| Error::Settings(sentence!("the token has characters that no header may have")))?,
            language: HeaderValue::from_str(&settings.language)
                .map_err(|_| Error::Settings(sentence!("the language has characters that no header may have")))?,
        })
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
                Ok(raw) => match again_after(&raw) {
                    Some(pause) if begun.elapsed() + pause < call.timeout => tokio::time::sleep(pause).await,
                    _ => return Ok(raw),
                },
                Err(Unread::TooLong) => {
                    let detail = sentence!("its answer is longer than {limit} bytes", limit = MAX_ANSWER_BYTES);
                    return Err(Error::Protocol { url: call.url.to_string(), detail });
                }
                Err(Unread::Untrusted(reason)) => return Err(self.untrusted(reason)),
                Err(Unread::Lost { sent, reason }) => match pauses.next() {
                    Some(pause) if call.repeatable || !sent => tokio::time::sleep(*pause).await,
                    _ => return Err(self.unreachable(reason)),
                },
            }
        }
    }

    pub(crate) fn untrusted(&self, reason: String) -> Error {
        Error::Tls { url: self.url().to_owned(), reason }
    }

    pub(crate) fn unreachable(&self, reason: Sentence) -> Error {
        Error::Unreachable { url: self.url().to_owned(), reason }
    }

    async fn attempt(&self, call: &Call) -> std::result::Result<Raw, Unread> {
        let asking = async { read(call.url.as_str(), self.open(call).await?).await };
        let lost = || Unread::Lost { sent: true, reason: late() };
        tokio::time::timeout(call.timeout, asking).await.map_err(|_| lost())?
    }

    /// Sends a call and gives its answer as soon as that begins, without any time limit of its own.
    pub(crate) async fn open(&self, call: &Call) -> std::result::Result<Response<Incoming>, Unread> {
        let unsendable =
            |error: hyper::http::Error| Unread::Lost { sent: false, reason: Sentence::verbatim(error.to_string()) };
        let request = self.request(call).map_err(unsendable)?;
        self.http.request(request).await.map_err(|error| match tls_problem(&error) {
            Some(problem) => Unread::Untrusted(problem),
            None => Unread::Lost { sent: !error.is_connect(), reason: reason(&error) },
        })
    }

    fn request(&self, call: &Call) -> hyper::http::Result<Request<Full<Bytes>>> {
        let mut request = Request::builder()
            .method(&call.method)
            .uri(call.url.as_str())
            .header(header::USER_AGENT, USER_AGENT)
            .header(header::ACCEPT_LANGUAGE, &self.language);
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        if call.body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        request.body(call.body.clone().unwrap_or_default().into())
    }
}

/// The address with the query's fields; absent ones are left out.
pub(crate) fn with_query(mut url: Url, query: &impl Serialize) -> Result<Url> {
    let fields = serde_json::to_value(query).map_err(|error| Error::Settings(Sentence::verbatim(error.to_string())))?;
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
pub(crate) async fn read(url: &str, response: Response<Incoming>) -> std::result::Result<Raw, Unread> {
    let request_id = response.headers().get("x-request-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let (url, status) = (url.to_owned(), response.status().as_u16());
    let mut incoming = response.into_body();
    let mut body = Vec::new();
    loop {
        match next_piece(&mut incoming).await {
            Ok(Some(piece)) if body.len() + piece.len() > MAX_ANSWER_BYTES => return Err(Unread::TooLong),
            Ok(Some(piece)) => body.extend_from_slice(&piece),
            Ok(None) => return Ok(Raw { url, status, request_id, body }),
            Err(error) => return Err(Unread::Lost { sent: true, reason: reason(&error) }),
        }
    }
}

/// The next piece of a body; none at its end.
pub(crate) async fn next_piece(body: &mut Incoming) -> hyper::Result<Option<Bytes>> {
    while let Some(frame) = body.frame().await {
        if let Ok(piece) = frame?.into_data() {
            return Ok(Some(piece));
        }
    }
    Ok(None)
}

/// When the same call gets another answer: nothing was done yet, or it is being done.
fn again_after(raw: &Raw) -> Option<Duration> {
    if !matches!(raw.status, 409 | 429) {
        return None;
    }
    let failure = raw.failure();
    let problem = failure.problem()?;
    match problem.kind.as_str() {
        // The answer of an earlier attempt was lost, and the service still works on it.
        "idempotency-in-progress" => Some(IN_PROGRESS_PAUSE),
        "too-many-requests" => problem.retry_after.map(|seconds| Duration::from_secs(seconds.into())),
        _ => None,
    }
}

/// What is said of an answer that did not come.
pub(crate) fn late() -> Sentence {
    sentence!("it did not answer in time")
}

/// The innermost cause: "Connection refused" rather than "error sending request".
pub(crate) fn reason(error: &(dyn std::error::Error + 'static)) -> Sentence {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    Sentence::verbatim(cause.to_string())
}

/// Why no secure connection came about, if that is what failed.
fn tls_problem(error: &hyper_util::client::legacy::Error) -> Option<String> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found.to_string());
        }
        // An error of the operating system's kind hides what it carries from `source`.
        cause = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(carried) => Some(carried),
            None => error.source(),
        };
    }
    None
}
