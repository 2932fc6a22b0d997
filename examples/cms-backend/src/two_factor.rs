//! Two-factor secrets: what a rollback from v0.8.2 would destroy.

use std::{fmt::Write as _, sync::Arc};

use axum::extract::{Path, State};
use serde_json::json;
use sha2::{Digest, Sha256};
use sqlx::Row;

use crate::{
    app::App,
    audit,
    envelope::{Answer, ApiError},
};

/// 160 bits, as RFC 4226 recommends.
const SECRET_BYTES: usize = 20;

/// `POST /api/v1/users/{id}/2fa`: a new secret, shown this once.
pub(crate) async fn enable(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Answer, ApiError> {
    let id = user_id(&id)?;
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes)?;
    let secret = base32(&bytes);

    let mut transaction = app.databases.mariadb.begin().await?;
    let updated = sqlx::query("UPDATE users SET two_factor_enabled = 1, two_factor_secret = ? WHERE id = ?")
        .bind(&secret)
        .bind(id)
        .execute(&mut *transaction)
        .await?;
    if updated.rows_affected() == 0 {
        return Err(ApiError::NotFound);
    }
    audit::write(app.release, &mut transaction, "user.two_factor_enabled", &format!("users/{id}")).await?;
    transaction.commit().await?;
    Ok(Answer::ok(json!({ "id": id, "two_factor_enabled": true, "secret": secret })))
}

/// `GET /api/v1/users/{id}/2fa`: proves that the secret is the same one, without showing it.
pub(crate) async fn show(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Answer, ApiError> {
    let id = user_id(&id)?;
    let row = sqlx::query("SELECT two_factor_enabled, two_factor_secret FROM users WHERE id = ?")
        .bind(id)
        .fetch_optional(&app.databases.mariadb)
        .await?
        .ok_or(ApiError::NotFound)?;
    let enabled: bool = row.try_get(0)?;
    let secret: Option<String> = row.try_get(1)?;
    let fingerprint = secret.map(|secret| sha256_hex(&secret));
    Ok(Answer::ok(json!({ "id": id, "two_factor_enabled": enabled, "secret_sha256": fingerprint })))
}

fn user_id(text: &str) -> Result<u64, ApiError> {
    text.parse().map_err(|_| ApiError::NotFound)
}

fn sha256_hex(text: &str) -> String {
    Sha256::digest(text).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// RFC 4648 without padding; exact for lengths that are multiples of 5.
fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::with_capacity(bytes.len() / 5 * 8);
    for group in bytes.chunks_exact(5) {
        let bits = group.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        text.extend((0..8).rev().map(|place| char::from(ALPHABET[(bits >> (place * 5) & 31) as usize])));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_agrees_with_rfc_4648() {
        assert_eq!(base32(b"fooba"), "MZXW6YTB");
    }

    #[test]
    fn the_fingerprint_is_plain_sha256() {
        assert_eq!(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
