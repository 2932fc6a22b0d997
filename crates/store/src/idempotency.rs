//! Idempotency keys with the answers that they got.

use domain::ids::{JobId, TokenId};
use sqlx::{MySqlConnection, Row};

use crate::database::Database;
use crate::error::{Error, Result};

/// A key that a request reserved.
#[derive(Debug, Clone, Copy)]
pub struct RequestKey<'a> {
    /// Whose key it is.
    pub token: TokenId,
    /// Method and path.
    pub route: &'a str,
    /// As the caller sent it.
    pub key: &'a str,
    /// SHA-256 of the body.
    pub body_sha256: &'a [u8; 32],
}

/// An answer kept for a key.
#[derive(Debug, Clone)]
pub struct StoredAnswer {
    /// HTTP status.
    pub status: u16,
    /// `Location` header.
    pub location: Option<String>,
    /// Body.
    pub body: Vec<u8>,
}

/// What stands under a key.
#[derive(Debug)]
pub enum KeyState {
    /// Nothing stood there; it is reserved now.
    Reserved,
    /// The same request still runs.
    InProgress,
    /// It started this job, and the answer that says so was not kept.
    Accepted(JobId),
    /// Another body came under the key.
    OtherBody,
    /// It was answered.
    Answered(StoredAnswer),
}

/// How long an answer is kept, hours.
const KEPT_HOURS: u32 = 24;
/// How long a reservation holds whose process died, seconds; longer than any request may take.
const RESERVED_SECONDS: u32 = 120;

impl Database {
    /// Reserves a key, or says what stands under it.
    pub async fn reserve_key(
        &self,
        token: TokenId,
        route: &str,
        key: &str,
        body_sha256: &[u8; 32],
    ) -> Result<KeyState> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "DELETE FROM idempotency_keys WHERE token_id = ? AND route = ? AND idem_key = ? AND \
             (created_at < UTC_TIMESTAMP(6) - INTERVAL ? HOUR \
             OR (status IS NULL AND job_id IS NULL AND reserved_until < UTC_TIMESTAMP(6)))",
        )
        .bind(token.0)
        .bind(route)
        .bind(key)
        .bind(KEPT_HOURS)
        .execute(&mut *tx)
        .await?;
        let inserted = sqlx::query(
            "INSERT INTO idempotency_keys (token_id, route, idem_key, body_sha256, reserved_until, created_at) \
             VALUES (?, ?, ?, ?, UTC_TIMESTAMP(6) + INTERVAL ? SECOND, UTC_TIMESTAMP(6))",
        )
        .bind(token.0)
        .bind(route)
        .bind(key)
        .bind(body_sha256.as_slice())
        .bind(RESERVED_SECONDS)
        .execute(&mut *tx)
        .await
        .map_err(Error::from);
        match inserted {
            Ok(_) => {
                tx.commit().await?;
                return Ok(KeyState::Reserved);
            }
            Err(Error::Taken(_)) => {}
            Err(error) => return Err(error),
        }
        let row = sqlx::query(
            "SELECT body_sha256, job_id, status, location, body FROM idempotency_keys \
             WHERE token_id = ? AND route = ? AND idem_key = ?",
        )
        .bind(token.0)
        .bind(route)
        .bind(key)
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        if row.try_get::<Vec<u8>, _>("body_sha256")? != body_sha256 {
            return Ok(KeyState::OtherBody);
        }
        Ok(match row.try_get::<Option<u16>, _>("status")? {
            None => match row.try_get::<Option<uuid::Uuid>, _>("job_id")? {
                Some(job) => KeyState::Accepted(JobId(job)),
                None => KeyState::InProgress,
            },
            Some(status) => KeyState::Answered(StoredAnswer {
                status,
                location: row.try_get("location")?,
                body: row.try_get::<Option<Vec<u8>>, _>("body")?.unwrap_or_default(),
            }),
        })
    }

    /// Keeps the answer of a reserved key.
    pub async fn answer_key(&self, token: TokenId, route: &str, key: &str, answer: &StoredAnswer) -> Result<()> {
        let kept = sqlx::query(
            "UPDATE idempotency_keys SET status = ?, location = ?, body = ? \
             WHERE token_id = ? AND route = ? AND idem_key = ? AND status IS NULL",
        )
        .bind(answer.status)
        .bind(answer.location.as_deref())
        .bind(answer.body.as_slice())
        .bind(token.0)
        .bind(route)
        .bind(key)
        .execute(self.pool())
        .await?;
        if kept.rows_affected() == 1 { Ok(()) } else { Err(Error::Missing("reserved idempotency key")) }
    }

    /// Gives a reserved key back, unless a job was started under it.
    pub async fn free_key(&self, token: TokenId, route: &str, key: &str) -> Result<()> {
        sqlx::query(
            "DELETE FROM idempotency_keys WHERE token_id = ? AND route = ? AND idem_key = ? AND status IS NULL \
             AND job_id IS NULL",
        )
        .bind(token.0)
        .bind(route)
        .bind(key)
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// Deletes answers that are older than they are kept, at most 1,000 at a time.
    pub async fn expire_keys(&self) -> Result<u64> {
        let gone = sqlx::query(
            "DELETE FROM idempotency_keys WHERE created_at < UTC_TIMESTAMP(6) - INTERVAL ? HOUR LIMIT 1000",
        )
        .bind(KEPT_HOURS)
        .execute(self.pool())
        .await?;
        Ok(gone.rows_affected())
    }
}

/// Writes the job under its key, in the job's own transaction. False where the reservation has run out meanwhile, or
/// another request has started a job under the same key.
pub(crate) async fn start_under(connection: &mut MySqlConnection, key: &RequestKey<'_>, job: JobId) -> Result<bool> {
    let written = sqlx::query(
        "UPDATE idempotency_keys SET job_id = ? WHERE token_id = ? AND route = ? AND idem_key = ? \
         AND body_sha256 = ? AND status IS NULL AND job_id IS NULL",
    )
    .bind(job.0)
    .bind(key.token.0)
    .bind(key.route)
    .bind(key.key)
    .bind(key.body_sha256.as_slice())
    .execute(connection)
    .await?;
    Ok(written.rows_affected() == 1)
}
