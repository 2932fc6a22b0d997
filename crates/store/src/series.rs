//! Series of releases: what holds for all of one.

use std::collections::BTreeMap;

use domain::ids::ApplicationId;
use domain::series::SeriesRules;
use serde_json::json;
use sqlx::Row;

use crate::audit::{self, AuditEntry};
use crate::database::Database;
use crate::error::Result;
use crate::rows::{json as json_column, to_json};

impl Database {
    /// Says what holds for a series, in place of what held before.
    pub async fn set_series(
        &self,
        actor: &str,
        application: (ApplicationId, &str),
        series: &str,
        rules: &SeriesRules,
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO series (application_id, series, rules) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE rules = VALUES(rules)",
        )
        .bind(application.0.0)
        .bind(series)
        .bind(to_json(rules)?)
        .execute(&mut *tx)
        .await?;
        let entry = AuditEntry {
            actor,
            action: "series.edit",
            subject: format!("{}/{series}", application.1),
            detail: json!(rules),
        };
        audit::append(&mut tx, self.keys(), &entry).await?;
        tx.commit().await?;
        Ok(())
    }

    /// What holds for each series of an application of which anything was said.
    pub async fn series(&self, application: ApplicationId) -> Result<BTreeMap<String, SeriesRules>> {
        let rows = sqlx::query("SELECT series, rules FROM series WHERE application_id = ?")
            .bind(application.0)
            .fetch_all(self.pool())
            .await?;
        rows.iter().map(|row| Ok((row.try_get("series")?, json_column(row, "rules")?))).collect()
    }
}
