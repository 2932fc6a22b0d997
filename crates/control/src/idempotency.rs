//! Idempotency keys: the same request again gets the first answer again.

use crate::{Caller, Control, Result};

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
}

impl Control {
    /// Reserves the key. Another body answers `idempotency-mismatch`, a request that still runs `idempotency-in-progress`.
    pub async fn reserve_key(&self, _caller: &Caller, _key: &IdempotencyKey) -> Result<Reservation> {
        todo!()
    }

    /// Keeps the answer for 24 hours.
    pub async fn record_answer(&self, _caller: &Caller, _key: &IdempotencyKey, _answer: Recorded) -> Result<()> {
        todo!()
    }

    /// Gives the key back after an answer that is not worth keeping (5xx, 4xx).
    pub async fn release_key(&self, _caller: &Caller, _key: &IdempotencyKey) -> Result<()> {
        todo!()
    }
}
