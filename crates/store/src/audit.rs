//! The audit log: append-only, each row with a MAC, written in the transaction of its change.

use serde_json::Value;
use sqlx::MySqlConnection;

use crate::error::Result;
use crate::keys::Keyring;

/// Who did what to what.
#[derive(Debug, Clone)]
pub struct AuditEntry<'a> {
    /// Who.
    pub actor: &'a str,
    /// What, e.g. `rollback.request`.
    pub action: &'static str,
    /// To what, e.g. `cms-backend/production`.
    pub subject: String,
    /// More, without secrets.
    pub detail: Value,
}

pub(crate) async fn append(connection: &mut MySqlConnection, keys: &Keyring, entry: &AuditEntry<'_>) -> Result<()> {
    let at = chrono::Utc::now();
    let detail = entry.detail.to_string();
    let stamp = at.timestamp_micros().to_be_bytes();
    let mac = keys.mac(&[
        &stamp,
        entry.actor.as_bytes(),
        entry.action.as_bytes(),
        entry.subject.as_bytes(),
        detail.as_bytes(),
    ]);
    sqlx::query("INSERT INTO audit (at, actor, action, subject, detail, mac) VALUES (?, ?, ?, ?, ?, ?)")
        .bind(at)
        .bind(entry.actor)
        .bind(entry.action)
        .bind(&entry.subject)
        .bind(detail)
        .bind(mac.as_slice())
        .execute(connection)
        .await?;
    Ok(())
}
