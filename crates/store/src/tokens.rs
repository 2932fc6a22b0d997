//! API tokens, by the hash of their secret.

use chrono::{DateTime, Utc};
use domain::ids::TokenId;
use domain::view::{NewToken, Page, TokenView};
use serde_json::json;
use sqlx::Row;
use sqlx::mysql::MySqlRow;

use crate::audit::{self, AuditEntry};
use crate::database::Database;
use crate::error::{Error, Result};
use crate::page::Cursor;
use crate::rows::{json as json_column, time, time_or_none, to_json};

/// A token that may be used now.
#[derive(Debug, Clone)]
pub struct StoredToken {
    /// Its id.
    pub id: TokenId,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub permissions: Vec<String>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

impl Database {
    /// Stores a token.
    pub async fn insert_token(
        &self,
        actor: &str,
        id: TokenId,
        new: &NewToken,
        prefix: &str,
        secret_sha256: &[u8; 32],
    ) -> Result<TokenView> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO tokens (id, name, prefix, secret_sha256, permissions, created_at, expires_at) \
             VALUES (?, ?, ?, ?, ?, UTC_TIMESTAMP(6), ?)",
        )
        .bind(id.0)
        .bind(&new.name)
        .bind(prefix)
        .bind(secret_sha256.as_slice())
        .bind(to_json(&new.permissions)?)
        .bind(new.expires_at)
        .execute(&mut *tx)
        .await?;
        let entry = AuditEntry {
            actor,
            action: "token.create",
            subject: format!("token/{id}"),
            detail: json!({ "name": new.name, "permissions": new.permissions, "expires_at": new.expires_at }),
        };
        audit::append(&mut tx, self.keys(), &entry).await?;
        let row = sqlx::query(
            "SELECT id, name, prefix, permissions, created_at, expires_at, last_used_at FROM tokens WHERE id = ?",
        )
        .bind(id.0)
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        view(&row)
    }

    /// The token with that secret, unless it is revoked or expired.
    pub async fn token_by_secret(&self, secret_sha256: &[u8; 32]) -> Result<Option<StoredToken>> {
        let row = sqlx::query(
            "SELECT id, name, permissions, last_used_at FROM tokens WHERE secret_sha256 = ? AND revoked_at IS NULL \
             AND (expires_at IS NULL OR expires_at > UTC_TIMESTAMP(6))",
        )
        .bind(secret_sha256.as_slice())
        .fetch_optional(self.pool())
        .await?;
        row.map(|row| {
            Ok(StoredToken {
                id: TokenId(row.try_get("id")?),
                name: row.try_get("name")?,
                permissions: json_column(&row, "permissions")?,
                last_used_at: time_or_none(&row, "last_used_at")?,
            })
        })
        .transpose()
    }

    /// Notes that a token was used.
    pub async fn touch_token(&self, id: TokenId) -> Result<()> {
        sqlx::query("UPDATE tokens SET last_used_at = UTC_TIMESTAMP(6) WHERE id = ?")
            .bind(id.0)
            .execute(self.pool())
            .await?;
        Ok(())
    }

    /// Tokens that are not revoked, oldest first.
    pub async fn tokens(&self, cursor: &Cursor) -> Result<Page<TokenView>> {
        let rows = sqlx::query(
            "SELECT id, name, prefix, permissions, created_at, expires_at, last_used_at FROM tokens \
             WHERE revoked_at IS NULL AND id > COALESCE(?, 0x00000000000000000000000000000000) ORDER BY id LIMIT ?",
        )
        .bind(cursor.after_id()?)
        .bind(cursor.fetch())
        .fetch_all(self.pool())
        .await?;
        let items = rows.iter().map(view).collect::<Result<Vec<_>>>()?;
        Ok(cursor.page(items, |item| item.id.to_string()))
    }

    /// Whether any token was ever made.
    pub async fn has_tokens(&self) -> Result<bool> {
        let row: Option<i64> = sqlx::query_scalar("SELECT 1 FROM tokens LIMIT 1").fetch_optional(self.pool()).await?;
        Ok(row.is_some())
    }

    /// Revokes a token; [`Error::Missing`] if there is none that could be.
    pub async fn revoke_token(&self, actor: &str, id: TokenId) -> Result<()> {
        let mut tx = self.begin().await?;
        let revoked =
            sqlx::query("UPDATE tokens SET revoked_at = UTC_TIMESTAMP(6) WHERE id = ? AND revoked_at IS NULL")
                .bind(id.0)
                .execute(&mut *tx)
                .await?;
        if revoked.rows_affected() != 1 {
            return Err(Error::Missing("token"));
        }
        let entry = AuditEntry { actor, action: "token.revoke", subject: format!("token/{id}"), detail: json!({}) };
        audit::append(&mut tx, self.keys(), &entry).await?;
        tx.commit().await?;
        Ok(())
    }
}

fn view(row: &MySqlRow) -> Result<TokenView> {
    Ok(TokenView {
        id: TokenId(row.try_get("id")?),
        name: row.try_get("name")?,
        prefix: row.try_get("prefix")?,
        permissions: json_column(row, "permissions")?,
        created_at: time(row, "created_at")?,
        expires_at: time_or_none(row, "expires_at")?,
        last_used_at: time_or_none(row, "last_used_at")?,
    })
}
