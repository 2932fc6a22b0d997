//! What the planner asks of the store.

use std::collections::BTreeMap;

use domain::ids::{CorrectionId, EnvironmentId, JobId, MigrationId, ReleaseId};
use domain::ledger::{Direction, LedgerSource};
use domain::view::{LedgerRowView, Page};
use sqlx::Row;
use sqlx::mysql::MySqlRow;
use uuid::Uuid;

use crate::database::Database;
use crate::error::Result;
use crate::page::Cursor;
use crate::rows::{time, word};

/// What our ledger and the events of jobs say of a data store's schema.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SchemaRecord {
    /// The registration that the newest `up` of each version names.
    pub applied: BTreeMap<String, MigrationId>,
    /// Fingerprint of the schema behind the last change of ours, or as a person has accepted it since; none where there
    /// was neither.
    pub left_as: Option<String>,
}

impl Database {
    /// The image ids that a release had where it was last deployed with success: (host, reference) to id.
    pub async fn known_images(
        &self,
        environment: EnvironmentId,
        release: ReleaseId,
    ) -> Result<BTreeMap<(String, String), String>> {
        let rows = sqlx::query(
            "SELECT i.host, i.reference, i.image_id FROM deployment_images i \
             JOIN deployments d ON d.id = i.deployment_id WHERE i.release_id = ? AND d.environment_id = ? ORDER BY d.id",
        )
        .bind(release.0)
        .bind(environment.0)
        .fetch_all(self.pool())
        .await?;
        let mut known = BTreeMap::new();
        for row in &rows {
            known.insert((row.try_get("host")?, row.try_get("reference")?), row.try_get("image_id")?);
        }
        Ok(known)
    }

    /// Typical duration of finished steps in this environment by name, milliseconds, over the last 20 of each.
    pub async fn step_durations(&self, environment: EnvironmentId) -> Result<BTreeMap<String, u64>> {
        let rows = sqlx::query(
            "SELECT name, CAST(AVG(ms) AS UNSIGNED) AS ms FROM (\
               SELECT s.name, TIMESTAMPDIFF(MICROSECOND, s.started_at, s.finished_at) DIV 1000 AS ms, \
                 ROW_NUMBER() OVER (PARTITION BY s.name ORDER BY s.job_id DESC, s.step) AS nth \
               FROM job_steps s JOIN jobs j ON j.id = s.job_id \
               WHERE j.environment_id = ? AND j.state = 'succeeded' AND s.state = 'finished') recent \
             WHERE nth <= 20 GROUP BY name",
        )
        .bind(environment.0)
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(|row| Ok((row.try_get("name")?, row.try_get("ms")?))).collect()
    }

    /// What Backout last did to a data store's schema.
    pub async fn schema_record(&self, environment: EnvironmentId, store: &str) -> Result<SchemaRecord> {
        let rows = sqlx::query(
            "SELECT version, migration_id FROM ledger WHERE environment_id = ? AND store = ? AND direction = 'up' \
             ORDER BY id",
        )
        .bind(environment.0)
        .bind(store)
        .fetch_all(self.pool())
        .await?;
        let mut applied = BTreeMap::new();
        for row in &rows {
            applied.insert(row.try_get("version")?, MigrationId(row.try_get("migration_id")?));
        }
        let ran = sqlx::query(
            "SELECT id, job_id, at, fingerprint_after AS fingerprint FROM ledger \
             WHERE environment_id = ? AND store = ? AND source = 'job' ORDER BY id DESC LIMIT 1",
        )
        .bind(environment.0)
        .bind(store)
        .fetch_optional(self.pool())
        .await?;
        let accepted = sqlx::query(
            "SELECT ledger_id, at, fingerprint FROM ledger_corrections WHERE environment_id = ? AND store = ? \
             AND fingerprint IS NOT NULL ORDER BY at DESC, id DESC LIMIT 1",
        )
        .bind(environment.0)
        .bind(store)
        .fetch_optional(self.pool())
        .await?;
        let Some(newest) = newer(ran.as_ref(), accepted.as_ref())? else {
            return Ok(SchemaRecord { applied, left_as: None });
        };
        // A migration that was broken off and taken back has no ledger row; what it left is in its job's events.
        let taken_back: Option<String> = sqlx::query_scalar(
            "SELECT CAST(JSON_VALUE(e.data, '$.taken_back.fingerprint') AS CHAR) FROM job_events e \
             JOIN jobs j ON j.id = e.job_id \
             WHERE j.environment_id = ? AND j.id >= ? AND j.state IN ('undone', 'unwinding', 'stuck') \
               AND e.kind = 'progress' AND e.at >= ? AND JSON_VALUE(e.data, '$.taken_back.store') = ? \
             ORDER BY j.id DESC, e.seq DESC LIMIT 1",
        )
        .bind(environment.0)
        .bind(ran.as_ref().map(|ran| ran.try_get::<Uuid, _>("job_id")).transpose()?.unwrap_or_default())
        .bind(time(newest, "at")?)
        .bind(store)
        .fetch_optional(self.pool())
        .await?;
        let left_as = match taken_back {
            Some(fingerprint) => fingerprint,
            None => newest.try_get("fingerprint")?,
        };
        Ok(SchemaRecord { applied, left_as: Some(left_as) })
    }

    /// Our ledger of a data store, newest first.
    pub async fn ledger(
        &self,
        environment: EnvironmentId,
        store: &str,
        cursor: &Cursor,
    ) -> Result<Page<LedgerRowView>> {
        let rows = sqlx::query(
            "SELECT l.id, l.version, l.name, l.direction, l.source, l.script_sha256, l.job_id, l.correction_id, \
             COALESCE(j.actor, c.actor) AS actor, COALESCE(j.reason, c.reason) AS reason, l.at FROM ledger l \
             LEFT JOIN jobs j ON j.id = l.job_id LEFT JOIN ledger_corrections c ON c.id = l.correction_id WHERE l.environment_id = ? AND l.store = ? \
             AND l.id < COALESCE(?, 18446744073709551615) ORDER BY l.id DESC LIMIT ?",
        )
        .bind(environment.0)
        .bind(store)
        .bind(cursor.after_number()?)
        .bind(cursor.fetch())
        .fetch_all(self.pool())
        .await?;
        let numbered = rows.iter().map(|row| Ok((row.try_get("id")?, ledger_row(row)?)));
        let page = cursor.page(numbered.collect::<Result<Vec<(u64, _)>>>()?, |(id, _)| id.to_string());
        let items = page.items.into_iter().map(|(_, row)| row).collect();
        Ok(Page { items, next_cursor: page.next_cursor })
    }
}

/// What holds of the schema: the last that a job ran, or what a person has accepted since.
fn newer<'a>(ran: Option<&'a MySqlRow>, accepted: Option<&'a MySqlRow>) -> Result<Option<&'a MySqlRow>> {
    let (Some(row), Some(correction)) = (ran, accepted) else { return Ok(ran.or(accepted)) };
    let (id, behind): (u64, u64) = (row.try_get("id")?, correction.try_get("ledger_id")?);
    Ok(if behind >= id { accepted } else { ran })
}

fn ledger_row(row: &MySqlRow) -> Result<LedgerRowView> {
    Ok(LedgerRowView {
        version: row.try_get("version")?,
        name: row.try_get("name")?,
        direction: word(row, "direction", Direction::from_word)?,
        script_sha256: row.try_get("script_sha256")?,
        source: word(row, "source", LedgerSource::from_word)?,
        job: row.try_get::<Option<_>, _>("job_id")?.map(JobId),
        correction: row.try_get::<Option<_>, _>("correction_id")?.map(CorrectionId),
        actor: row.try_get("actor")?,
        reason: row.try_get("reason")?,
        at: time(row, "at")?,
    })
}
