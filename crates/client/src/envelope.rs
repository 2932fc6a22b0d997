//! The shape that every answer has.

use domain::environment::FieldError;
use domain::finding::Finding;
use domain::ids::JobId;
use sentence::{Sentence, sentence};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Problem, Result};

#[derive(Deserialize)]
struct Success<T> {
    data: T,
}

#[derive(Deserialize)]
struct Failure {
    message: String,
    error: Told,
}

#[derive(Deserialize)]
struct Told {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    detail: Option<String>,
    #[serde(default)]
    hint: Option<String>,
    #[serde(default)]
    findings: Option<Vec<Finding>>,
    #[serde(default)]
    fields: Option<Vec<FieldError>>,
    #[serde(default)]
    lock_holder: Option<JobId>,
    #[serde(default)]
    retry_after: Option<u32>,
}

/// An answer as it came.
pub(crate) struct Raw {
    pub(crate) url: String,
    pub(crate) status: u16,
    pub(crate) request_id: Option<String>,
    pub(crate) body: Vec<u8>,
}

const EXCERPT: usize = 120;

/// What is wrong with an answer that is not of the expected shape.
pub(crate) fn unreadable(error: &serde_json::Error) -> Sentence {
    sentence!("its answer cannot be read: {error}", error = error.to_string())
}

impl Raw {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The data of a success, or the problem that was told.
    pub(crate) fn data<T: DeserializeOwned>(self) -> Result<T> {
        if !self.is_success() {
            return Err(self.failure());
        }
        match serde_json::from_slice::<Success<T>>(&self.body) {
            Ok(success) => Ok(success.data),
            Err(error) => Err(Error::Protocol { url: self.url, detail: unreadable(&error) }),
        }
    }

    /// What a failed call says about itself.
    pub(crate) fn failure(&self) -> Error {
        let Ok(failure) = serde_json::from_slice::<Failure>(&self.body) else {
            let body = String::from_utf8_lossy(&self.body);
            let excerpt: String = body.trim().chars().take(EXCERPT).collect();
            let detail = sentence!("status {status}: {excerpt}", status = self.status, excerpt);
            return Error::Protocol { url: self.url.clone(), detail };
        };
        Error::Problem(Box::new(Problem {
            status: self.status,
            kind: failure.error.kind,
            message: failure.message,
            detail: failure.error.detail,
            hint: failure.error.hint,
            findings: failure.error.findings.unwrap_or_default(),
            fields: failure.error.fields.unwrap_or_default(),
            lock_holder: failure.error.lock_holder,
            retry_after: failure.error.retry_after,
            request_id: self.request_id.clone(),
        }))
    }
}
