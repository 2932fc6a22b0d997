//! Idempotency keys: the same request again gets the first answer again.

use domain::problem::ProblemType;
use domain::view::JobView;
use sentence::sentence;
use store::{KeyState, RequestKey, StoredAnswer};

use crate::{Caller, Control, Error, Result};

/// A key with what it is scoped to.
#[derive(Debug, Clone)]
pub struct IdempotencyKey {
    /// As the caller sent it.
    pub key: String,
    /// Method and path.
    pub route: String,
    /// SHA-256 of the body.
    pub body_sha256: [u8; 32],
}

/// An answer kept for a key.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// HTTP status.
    pub status: u16,
    /// `Location` header.
    pub location: Option<String>,
    /// The body; never one that carries a secret.
    pub body: Vec<u8>,
}

/// What to do with a request that carries a key.
#[derive(Debug)]
pub enum Reservation {
    /// The first of its kind: answer it, then call [`Control::record_answer`] or [`Control::release_key`].
    Fresh,
    /// Answered before.
    Replay(Recorded),
    /// It started this job, and its answer was lost.
    Accepted(Box<JobView>),
}

impl IdempotencyKey {
    pub(crate) fn of(&self, caller: &Caller) -> RequestKey<'_> {
        RequestKey { token: caller.token, route: &self.route, key: &self.key, body_sha256: &self.body_sha256 }
    }
}

pub(crate) fn in_progress() -> Error {
    let detail = sentence!("a request with this Idempotency-Key is still being answered");
    Error { retry_after: Some(1), ..Error::new(ProblemType::IdempotencyInProgress, detail) }
}

impl Control {
    /// Reserves the key. Another body answers `idempotency-mismatch`, a request that still runs `idempotency-in-progress`.
    pub async fn reserve_key(&self, caller: &Caller, key: &IdempotencyKey) -> Result<Reservation> {
        match self.database().reserve_key(caller.token, &key.route, &key.key, &key.body_sha256).await? {
            KeyState::Reserved => Ok(Reservation::Fresh),
            KeyState::Answered(answer) => Ok(Reservation::Replay(Recorded {
                status: answer.status,
                location: answer.location,
                body: answer.body,
            })),
            KeyState::InProgress => Err(in_progress()),
            KeyState::Accepted(job) => Ok(Reservation::Accepted(Box::new(self.database().job_view(job).await?))),
            KeyState::OtherBody => Err(Error::new(
                ProblemType::IdempotencyMismatch,
                sentence!("this Idempotency-Key came with another body before"),
            )
            .with_hint(sentence!("send another key, or the same body"))),
        }
    }

    /// Keeps the answer for 24 hours.
    pub async fn record_answer(&self, caller: &Caller, key: &IdempotencyKey, answer: Recorded) -> Result<()> {
        let answer = StoredAnswer { status: answer.status, location: answer.location, body: answer.body };
        Ok(self.database().answer_key(caller.token, &key.route, &key.key, &answer).await?)
    }

    /// Gives the key back after an answer that is not worth keeping (5xx, 4xx), unless a job was started under it.
    pub async fn release_key(&self, caller: &Caller, key: &IdempotencyKey) -> Result<()> {
        Ok(self.database().free_key(caller.token, &key.route, &key.key).await?)
    }
}
