//! Applications.

use domain::ids::ApplicationId;
use domain::view::{ApplicationView, NewApplication, Page};
use serde_json::json;
use sqlx::Row;
use sqlx::mysql::MySqlRow;

use crate::audit::{self, AuditEntry};
use crate::database::Database;
use crate::error::{Error, Result};
use crate::page::Cursor;
use crate::rows::time;

const COLUMNS: &str = "SELECT id, name, description, created_at FROM applications";

impl Database {
    /// Makes an application known; [`Error::Taken`] if the name is.
    pub async fn insert_application(&self, actor: &str, new: &NewApplication) -> Result<ApplicationView> {
        let mut tx = self.begin().await?;
        sqlx::query("INSERT INTO applications (id, name, description, created_at) VALUES (?, ?, ?, UTC_TIMESTAMP(6))")
            .bind(ApplicationId::generate().0)
            .bind(&new.name)
            .bind(&new.description)
            .execute(&mut *tx)
            .await?;
        let entry = AuditEntry {
            actor,
            action: "application.create",
            subject: new.name.clone(),
            detail: json!({ "description": new.description }),
        };
        audit::append(&mut tx, self.keys(), &entry).await?;
        tx.commit().await?;
        self.application(&new.name).await
    }

    /// The application of that name.
    pub async fn application(&self, name: &str) -> Result<ApplicationView> {
        let row = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE name = ?")))
            .bind(name)
            .fetch_optional(self.pool())
            .await?;
        view(&row.ok_or(Error::Missing("application"))?)
    }

    /// Applications by name.
    pub async fn applications(&self, cursor: &Cursor) -> Result<Page<ApplicationView>> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE name > ? ORDER BY name LIMIT ?")))
            .bind(cursor.after.as_deref().unwrap_or_default())
            .bind(cursor.fetch())
            .fetch_all(self.pool())
            .await?;
        let items = rows.iter().map(view).collect::<Result<Vec<_>>>()?;
        Ok(cursor.page(items, |item| item.name.clone()))
    }
}

fn view(row: &MySqlRow) -> Result<ApplicationView> {
    Ok(ApplicationView {
        id: ApplicationId(row.try_get("id")?),
        name: row.try_get("name")?,
        description: row.try_get("description")?,
        created_at: time(row, "created_at")?,
    })
}
