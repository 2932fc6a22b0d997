//! One request: its path, its deadline, whether it changes anything, and how its answer is read.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{Method, Response, StatusCode};
use sentence::{Sentence, sentence};
use serde_json::Value;

use crate::error::{Error, Request, Result};

/// The largest JSON answer that is read; an inspect is some 10 KiB, a list of 1000 containers 2 MiB.
const JSON_LIMIT: usize = 16 * 1024 * 1024;
/// The largest error answer that is read.
const MESSAGE_LIMIT: usize = 64 * 1024;
/// How long the engine has for a call that does no long work.
pub(crate) const CALL_DEADLINE: Duration = Duration::from_secs(30);

/// A request to be sent, and later its answer's context.
pub(crate) struct Call {
    builder: reqwest::RequestBuilder,
    request: Request,
    deadline: Duration,
    mutates: bool,
}

impl Call {
    /// A call that changes nothing if `method` is GET, and is taken to change something otherwise.
    pub(crate) fn new(client: &reqwest::Client, method: Method, base: &str, path: String) -> Self {
        let mutates = method != Method::GET;
        let name = match method {
            Method::GET => "GET",
            Method::DELETE => "DELETE",
            Method::HEAD => "HEAD",
            _ => "POST",
        };
        let builder = client.request(method, format!("{base}{path}"));
        Self { builder, request: Request { method: name, path }, deadline: CALL_DEADLINE, mutates }
    }

    /// A POST that changes nothing, such as waiting.
    pub(crate) fn read_only(mut self) -> Self {
        self.mutates = false;
        self
    }

    pub(crate) fn query(mut self, pairs: &[(&str, &str)]) -> Self {
        self.builder = self.builder.query(pairs);
        self
    }

    pub(crate) fn json(mut self, body: &Value) -> Self {
        self.builder = self.builder.json(body);
        self
    }

    pub(crate) fn tar(mut self, body: Vec<u8>) -> Self {
        self.builder = self.builder.header("Content-Type", "application/x-tar").body(body);
        self
    }

    /// The time from connecting to the end of the answer.
    pub(crate) fn within(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sends; answers with a status of 400 or above become errors.
    pub(crate) async fn send(self) -> Result<Answer> {
        let Self { builder, request, deadline, mutates } = self;
        let context = Context { request, deadline, mutates };
        match builder.timeout(deadline).send().await {
            Err(error) => Err(context.lost(&error)),
            Ok(response) => {
                let answer = Answer { response, context };
                if answer.response.status().as_u16() < 400 { Ok(answer) } else { Err(answer.into_error().await) }
            }
        }
    }
}

struct Context {
    request: Request,
    deadline: Duration,
    mutates: bool,
}

impl Context {
    fn lost(&self, error: &reqwest::Error) -> Error {
        let request = self.request.clone();
        let reason = root_cause(error);
        if error.is_builder() {
            Error::Malformed { request, reason }
        } else if error.is_connect() {
            Error::Unreachable { request, reason }
        } else if self.mutates {
            Error::OutcomeUnknown { request, reason: Sentence::verbatim(reason) }
        } else if error.is_timeout() {
            Error::TimedOut { request, after: self.deadline }
        } else {
            Error::ConnectionLost { request, reason }
        }
    }
}

/// An answer with a status below 400, its body not read yet.
pub(crate) struct Answer {
    response: Response,
    context: Context,
}

impl Answer {
    pub(crate) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(crate) fn request(&self) -> &Request {
        &self.context.request
    }

    /// The whole body as JSON.
    pub(crate) async fn json<T: serde::de::DeserializeOwned>(mut self) -> Result<T> {
        let body = self.body(JSON_LIMIT).await?;
        serde_json::from_slice(&body)
            .map_err(|error| Error::Malformed { request: self.context.request, reason: error.to_string() })
    }

    /// The whole body, which must not exceed `limit` bytes.
    pub(crate) async fn body(&mut self, limit: usize) -> Result<Bytes> {
        let mut body = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            if body.len() + chunk.len() > limit {
                return Err(Error::AnswerTooLarge { request: self.context.request.clone(), limit_bytes: limit });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    /// The next part of the body as it arrives.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>> {
        self.response.chunk().await.map_err(|error| self.context.lost(&error))
    }

    async fn into_error(mut self) -> Error {
        let status = self.response.status().as_u16();
        // The status already decides; a message that cannot be read must not hide it.
        let message = match self.body(MESSAGE_LIMIT).await {
            Ok(body) => Sentence::verbatim(engine_message(&body)),
            Err(error) => sentence!("(its message could not be read: {error})", error = error.sentence()),
        };
        let Context { request, mutates, .. } = self.context;
        match status {
            // A proxy in between gave up on the engine, which may have done it.
            502 | 504 if mutates => {
                Error::OutcomeUnknown { request, reason: sentence!("status {status}: {message}", status, message) }
            }
            404 => Error::NotFound { request, message },
            409 => Error::Conflict { request, message },
            500.. => Error::EngineFailed { request, status, message },
            _ => Error::Rejected { request, status, message },
        }
    }
}

fn engine_message(body: &[u8]) -> String {
    serde_json::from_slice::<Value>(body)
        .ok()
        .and_then(|value| value.get("message")?.as_str().map(str::to_owned))
        .unwrap_or_else(|| String::from_utf8_lossy(body).trim().to_owned())
}

/// reqwest's own text is "error sending request"; the cause below it says why.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
