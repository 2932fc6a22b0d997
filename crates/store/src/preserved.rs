//! Data that was put aside: what there is of it, and how it is dropped.
//!
//! That something is dropped is decided in one transaction that holds the environment's row, so that no job begins
//! meanwhile, and none that runs loses what it needs. Removing it on the target follows and can be repeated.

use chrono::{DateTime, Utc};
use domain::ids::{EnvironmentId, JobId, PreservationId};
use domain::ledger::Direction;
use domain::plan::DroppedData;
use domain::view::{KeptDrop, KeptState, KeptView, Page};
use saga::Keeper;
use serde_json::json;
use sqlx::Row;
use sqlx::mysql::MySqlRow;
use uuid::Uuid;

use crate::audit::{self, AuditEntry};
use crate::database::Database;
use crate::error::{Error, Result};
use crate::page::Cursor;
use crate::rows::{json as json_column, time, time_or_none, word};

/// Something that was put aside, as stored.
#[derive(Debug, Clone)]
pub struct StoredKept {
    /// What it is.
    pub view: KeptView,
    /// Where it is.
    pub keeper: Keeper,
    /// Checksum of the copy.
    pub checksum: String,
    /// When it came back.
    pub restored_at: Option<DateTime<Utc>>,
    /// That it is dropped, and why.
    pub drop: Option<KeptDrop>,
}

/// Something whose time is up, if the environment is still as it was.
#[derive(Debug, Clone)]
pub struct Expired {
    /// Its environment.
    pub environment: EnvironmentId,
    /// The environment as `application/environment`.
    pub subject: String,
    /// What it is.
    pub kept: StoredKept,
    /// How many days the settings keep it.
    pub keep_days: u32,
}

/// A decision to drop what was put aside.
#[derive(Debug, Clone)]
pub struct NewDrop<'a> {
    /// What.
    pub id: PreservationId,
    /// The environment.
    pub environment: EnvironmentId,
    /// The environment as `application/environment`.
    pub subject: &'a str,
    /// Who.
    pub actor: &'a str,
    /// Why.
    pub reason: &'a str,
    /// The states in which it may be dropped.
    pub from: &'a [KeptState],
}

/// What became of a decision to drop something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropDecided {
    /// It is to be removed.
    Done,
    /// A job holds the environment.
    Locked(JobId),
    /// It is in another state, in which it is not dropped.
    Not(KeptState),
}

/// Something that is to be removed on its target.
#[derive(Debug, Clone)]
pub struct ClaimedDrop {
    /// What.
    pub id: PreservationId,
    /// Its environment.
    pub environment: EnvironmentId,
    /// The data store.
    pub store: String,
    /// Where it is.
    pub keeper: Keeper,
    /// Number of the attempt.
    pub attempt: u32,
}

const COLUMNS: &str = "SELECT p.id, p.store, p.migration, p.object, p.keeper, p.row_count, p.checksum, p.state, p.job_id, \
     p.kept_at, p.restored_at, p.drop_actor, p.drop_reason, p.drop_decided_at, p.dropped_at";

impl Database {
    /// Data put aside in a data store and not yet brought back, oldest first.
    pub async fn kept_data(&self, environment: EnvironmentId, store: &str) -> Result<Vec<KeptView>> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "{COLUMNS} FROM preservations p WHERE p.environment_id = ? AND p.store = ? AND p.state = 'kept' ORDER BY p.id"
        )))
        .bind(environment.0)
        .bind(store)
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(|row| Ok(stored(row)?.view)).collect()
    }

    /// What waits in an environment, or in one of its data stores, and what is being dropped; newest first.
    pub async fn preserved(
        &self,
        environment: EnvironmentId,
        store: Option<&str>,
        cursor: &Cursor,
    ) -> Result<Page<StoredKept>> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "{COLUMNS} FROM preservations p WHERE p.environment_id = ? AND (? IS NULL OR p.store = ?) \
             AND p.state IN ('kept', 'dropping') AND p.id < COALESCE(?, 0xffffffffffffffffffffffffffffffff) \
             ORDER BY p.id DESC LIMIT ?"
        )))
        .bind(environment.0)
        .bind(store)
        .bind(store)
        .bind(cursor.after_id()?)
        .bind(cursor.fetch())
        .fetch_all(self.pool())
        .await?;
        let items = rows.iter().map(stored).collect::<Result<Vec<_>>>()?;
        Ok(cursor.page(items, |item| item.view.id.to_string()))
    }

    /// Something that was put aside in an environment, whatever has become of it.
    pub async fn preserved_one(&self, environment: EnvironmentId, id: PreservationId) -> Result<StoredKept> {
        let row = sqlx::query(sqlx::AssertSqlSafe(format!(
            "{COLUMNS} FROM preservations p WHERE p.environment_id = ? AND p.id = ?"
        )))
        .bind(environment.0)
        .bind(id.0)
        .fetch_optional(self.pool())
        .await?;
        stored(&row.ok_or(Error::Missing("kept data"))?)
    }

    /// Data of a data store that was dropped and that no script has had to do without yet.
    pub async fn dropped_data(&self, environment: EnvironmentId, store: &str) -> Result<Vec<DroppedData>> {
        let rows = sqlx::query(
            "SELECT p.migration, p.object, p.keeper, p.kept_at, \
               (SELECT MAX(l.at) FROM ledger l WHERE l.environment_id = p.environment_id AND l.store = p.store \
                AND l.version = p.migration AND l.direction = 'up') AS up_at, \
               (SELECT MAX(l.at) FROM ledger l WHERE l.environment_id = p.environment_id AND l.store = p.store \
                AND l.version = p.migration AND l.direction = 'down') AS down_at \
             FROM preservations p WHERE p.environment_id = ? AND p.store = ? AND p.state IN ('dropping', 'dropped') \
             AND p.restored_at IS NULL ORDER BY p.id",
        )
        .bind(environment.0)
        .bind(store)
        .fetch_all(self.pool())
        .await?;
        let mut dropped = Vec::new();
        for row in &rows {
            let direction = json_column::<Keeper>(row, "keeper")?.comes_back_with();
            let gone_by = time_or_none(row, if direction == Direction::Up { "up_at" } else { "down_at" })?;
            let kept_at = time(row, "kept_at")?;
            if gone_by.is_some_and(|gone_by| gone_by > kept_at) {
                continue;
            }
            dropped.push(DroppedData {
                migration: row.try_get("migration")?,
                direction,
                object: row.try_get("object")?,
            });
        }
        Ok(dropped)
    }

    /// Decides that something is dropped, with its audit row.
    pub async fn decide_drop(&self, new: &NewDrop<'_>) -> Result<DropDecided> {
        let mut tx = self.begin().await?;
        let active: Option<Uuid> = sqlx::query_scalar("SELECT active_job_id FROM environments WHERE id = ? FOR UPDATE")
            .bind(new.environment.0)
            .fetch_optional(&mut *tx)
            .await?
            .ok_or(Error::Missing("environment"))?;
        if let Some(holder) = active {
            tx.rollback().await?;
            return Ok(DropDecided::Locked(JobId(holder)));
        }
        let row = sqlx::query(sqlx::AssertSqlSafe(format!(
            "{COLUMNS} FROM preservations p WHERE p.environment_id = ? AND p.id = ? FOR UPDATE"
        )))
        .bind(new.environment.0)
        .bind(new.id.0)
        .fetch_optional(&mut *tx)
        .await?;
        let kept = stored(&row.ok_or(Error::Missing("kept data"))?)?;
        if !new.from.contains(&kept.view.state) {
            // Its row would be locked for a moment longer otherwise, and passed over by whoever claims.
            tx.rollback().await?;
            return Ok(DropDecided::Not(kept.view.state));
        }
        sqlx::query(
            "UPDATE preservations SET state = 'dropping', drop_actor = ?, drop_reason = ?, \
             drop_decided_at = UTC_TIMESTAMP(6) WHERE id = ?",
        )
        .bind(new.actor)
        .bind(new.reason)
        .bind(new.id.0)
        .execute(&mut *tx)
        .await?;
        let entry = AuditEntry {
            actor: new.actor,
            action: "preserved.drop",
            subject: new.subject.to_owned(),
            detail: json!({
                "preserved": new.id, "store": kept.view.store, "migration": kept.view.migration,
                "object": kept.view.object, "rows": kept.view.rows, "state": kept.view.state, "reason": new.reason,
            }),
        };
        audit::append(&mut tx, self.keys(), &entry).await?;
        tx.commit().await?;
        Ok(DropDecided::Done)
    }

    /// Notes that data which was put aside is read by somebody.
    pub async fn audit_export(&self, actor: &str, subject: &str, kept: &KeptView, format: &str) -> Result<()> {
        let entry = AuditEntry {
            actor,
            action: "preserved.export",
            subject: subject.to_owned(),
            detail: json!({ "preserved": kept.id, "store": kept.store, "object": kept.object, "format": format }),
        };
        let mut tx = self.begin().await?;
        audit::append(&mut tx, self.keys(), &entry).await?;
        Ok(tx.commit().await?)
    }

    /// Claims something that is to be removed and that nobody else is about to remove: the one that is named, or any.
    /// Every attempt is followed by a longer pause, up to an hour.
    pub async fn claim_drop(&self, id: Option<PreservationId>) -> Result<Option<ClaimedDrop>> {
        let mut tx = self.begin().await?;
        let row = sqlx::query(
            "SELECT id, environment_id, store, keeper, drop_attempt FROM preservations WHERE state = 'dropping' \
             AND (? IS NULL OR id = ?) AND (leased_until IS NULL OR leased_until < UTC_TIMESTAMP(6)) \
             ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED",
        )
        .bind(id.map(|id| id.0))
        .bind(id.map(|id| id.0))
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let claimed = ClaimedDrop {
            id: PreservationId(row.try_get("id")?),
            environment: EnvironmentId(row.try_get("environment_id")?),
            store: row.try_get("store")?,
            keeper: json_column(&row, "keeper")?,
            attempt: row.try_get::<u32, _>("drop_attempt")? + 1,
        };
        sqlx::query(
            "UPDATE preservations SET drop_attempt = ?, \
             leased_until = UTC_TIMESTAMP(6) + INTERVAL LEAST(60 * POW(2, LEAST(?, 10) - 1), 3600) SECOND WHERE id = ?",
        )
        .bind(claimed.attempt)
        .bind(claimed.attempt)
        .bind(claimed.id.0)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Some(claimed))
    }

    /// Notes that something is gone. Doing so twice counts once.
    pub async fn end_drop(&self, id: PreservationId) -> Result<()> {
        sqlx::query(
            "UPDATE preservations SET state = 'dropped', dropped_at = UTC_TIMESTAMP(6), leased_until = NULL \
             WHERE id = ? AND state = 'dropping'",
        )
        .bind(id.0)
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// What the settings of its environment keep no longer, of environments that no job holds; in the order of ids, from
    /// behind `after`, at most 100. A copy that something else still needs is not among them.
    pub async fn expired(&self, after: Option<PreservationId>) -> Result<Vec<Expired>> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "{COLUMNS}, p.environment_id, CONCAT(a.name, '/', e.name) AS subject, \
             CAST(JSON_VALUE(e.spec, '$.preserved.keep_days') AS UNSIGNED) AS keep_days \
             FROM preservations p JOIN environments e ON e.id = p.environment_id \
             JOIN applications a ON a.id = e.application_id \
             WHERE p.state IN ('kept', 'restored') AND p.id > COALESCE(?, 0x00) AND e.active_job_id IS NULL \
             AND COALESCE(p.restored_at, p.kept_at) \
               < UTC_TIMESTAMP(6) - INTERVAL CAST(JSON_VALUE(e.spec, '$.preserved.keep_days') AS UNSIGNED) DAY \
             AND NOT EXISTS (SELECT 1 FROM preservations o WHERE o.environment_id = p.environment_id AND o.store = p.store \
               AND o.state = 'kept' AND o.id <> p.id AND o.keeper = p.keeper) \
             ORDER BY p.id LIMIT 100"
        )))
        .bind(after.map(|id| id.0))
        .fetch_all(self.pool())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Expired {
                    environment: EnvironmentId(row.try_get("environment_id")?),
                    subject: row.try_get("subject")?,
                    kept: stored(row)?,
                    keep_days: u32::try_from(row.try_get::<u64, _>("keep_days")?).unwrap_or(u32::MAX),
                })
            })
            .collect()
    }
}

fn stored(row: &MySqlRow) -> Result<StoredKept> {
    let keeper: Keeper = json_column(row, "keeper")?;
    let decided_at = time_or_none(row, "drop_decided_at")?;
    let drop = match decided_at {
        None => None,
        Some(decided_at) => Some(KeptDrop {
            actor: row.try_get("drop_actor")?,
            reason: row.try_get("drop_reason")?,
            decided_at,
            dropped_at: time_or_none(row, "dropped_at")?,
        }),
    };
    Ok(StoredKept {
        view: KeptView {
            id: PreservationId(row.try_get("id")?),
            store: row.try_get("store")?,
            migration: row.try_get("migration")?,
            object: row.try_get("object")?,
            place: keeper.place(),
            comes_back_with: keeper.comes_back_with(),
            rows: row.try_get("row_count")?,
            kept_at: time(row, "kept_at")?,
            job: JobId(row.try_get("job_id")?),
            state: word(row, "state", KeptState::from_word)?,
            expires_at: None,
            bytes: None,
        },
        checksum: row.try_get("checksum")?,
        restored_at: time_or_none(row, "restored_at")?,
        drop,
        keeper,
    })
}
