//! One call, and how often it may be sent.

use std::time::Duration;

use hyper::Method;
use sentence::sentence;
use serde::Serialize;
use url::Url;
use uuid::Uuid;

use crate::error::{Error, Result};

const TIMEOUT: Duration = Duration::from_mins(1);

/// One call of the API.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// For the whole answer.
    pub(crate) timeout: Duration,
    /// Whether sending it again does no harm after an answer was lost.
    pub(crate) repeatable: bool,
}

impl Call {
    pub(crate) fn get(url: Url) -> Self {
        Self { method: Method::GET, url, body: None, headers: Vec::new(), timeout: TIMEOUT, repeatable: true }
    }

    /// A POST with a fresh key: the service answers the same key with the first answer, so it may be repeated.
    pub(crate) fn post(url: Url, body: &impl Serialize) -> Result<Self> {
        let key = ("idempotency-key", format!("\"{}\"", Uuid::new_v4()));
        Ok(Self { method: Method::POST, body: Some(encode(body)?), headers: vec![key], ..Self::get(url) })
    }

    pub(crate) fn put(url: Url, body: &impl Serialize) -> Result<Self> {
        Ok(Self { method: Method::PUT, body: Some(encode(body)?), ..Self::get(url) })
    }

    pub(crate) fn delete(url: Url) -> Self {
        Self { method: Method::DELETE, ..Self::get(url) }
    }

    pub(crate) fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Sent again only where it surely did not arrive.
    pub(crate) fn once(mut self) -> Self {
        self.repeatable = false;
        self
    }

    pub(crate) fn longer_by(mut self, extra: Duration) -> Self {
        self.timeout += extra;
        self
    }
}

fn encode(body: &impl Serialize) -> Result<Vec<u8>> {
    let unwritable = |error: serde_json::Error| {
        Error::Settings(sentence!("the request cannot be written as JSON: {error}", error = error.to_string()))
    };
    serde_json::to_vec(body).map_err(unwritable)
}
