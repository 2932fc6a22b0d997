//! What people say about ledgers: baselines and repairs. Like the ledger, nothing of it is ever changed or deleted.

use domain::ids::{CorrectionId, EnvironmentId, JobId, MigrationId};
use domain::ledger::{Direction, LedgerSource, OurLedger, Standing, TargetLedger};
use domain::view::CorrectionView;
use serde_json::json;
use sqlx::mysql::MySqlRow;
use sqlx::{MySqlConnection, Row};
use uuid::Uuid;

use crate::audit::{self, AuditEntry};
use crate::database::Database;
use crate::error::{Error, Result};
use crate::rows::{json_or_none, time, to_json, word};

/// What a person says about a migration.
#[derive(Debug, Clone)]
pub struct Mark {
    /// The registration that it stands for; none where a migration is marked as not applied that is not registered.
    pub migration: Option<MigrationId>,
    /// Its version.
    pub version: String,
    /// Its name.
    pub name: String,
    /// Applied or not.
    pub direction: Direction,
    /// Hash of the script that counts as run.
    pub script_sha256: Option<String>,
}

/// A baseline or repair to be recorded.
#[derive(Debug, Clone)]
pub struct NewCorrection<'a> {
    /// Its id.
    pub id: CorrectionId,
    /// The environment.
    pub environment: EnvironmentId,
    /// The environment as `application/environment`.
    pub subject: String,
    /// How many jobs the environment had before anything was looked at: a job since then may have changed the schema.
    pub jobs_before: u64,
    /// The data store.
    pub store: &'a str,
    /// Baseline or repair.
    pub kind: LedgerSource,
    /// Who.
    pub actor: &'a str,
    /// Why.
    pub reason: &'a str,
    /// The schema that is accepted, with the target's own ledgers; none where only migrations are marked.
    pub accepted: Option<(&'a str, &'a [TargetLedger])>,
    /// What is said about migrations, in the order in which they are to stand.
    pub marks: Vec<Mark>,
}

/// How recording a correction ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Corrected {
    /// It is recorded.
    Done,
    /// A job holds the environment.
    Locked(JobId),
    /// A job was accepted since the world was looked at.
    JobsSince,
    /// A baseline, where our ledger has rows of the data store already.
    NotEmpty,
}

impl Database {
    /// How many jobs an environment has had.
    pub async fn job_count(&self, environment: EnvironmentId) -> Result<u64> {
        job_count(&mut *self.pool().acquire().await?, environment).await
    }

    /// Records a baseline or repair, its rows of the ledger and the audit row, all or nothing. The environment's row is
    /// locked meanwhile, so that no job is accepted beside it.
    pub async fn correct_ledger(&self, new: &NewCorrection<'_>) -> Result<Corrected> {
        let mut tx = self.begin().await?;
        let active: Option<Uuid> = sqlx::query_scalar("SELECT active_job_id FROM environments WHERE id = ? FOR UPDATE")
            .bind(new.environment.0)
            .fetch_optional(&mut *tx)
            .await?
            .ok_or(Error::Missing("environment"))?;
        if let Some(holder) = active {
            return Ok(Corrected::Locked(JobId(holder)));
        }
        if job_count(&mut tx, new.environment).await? != new.jobs_before {
            return Ok(Corrected::JobsSince);
        }
        let newest_row = newest_row(&mut tx, new).await?;
        if new.kind == LedgerSource::Baseline
            && (newest_row > 0 || has_baseline(&mut tx, new.environment, new.store).await?)
        {
            return Ok(Corrected::NotEmpty);
        }
        sqlx::query(
            "INSERT INTO ledger_corrections (id, environment_id, store, kind, actor, reason, fingerprint, targets, \
             ledger_id, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(6))",
        )
        .bind(new.id.0)
        .bind(new.environment.0)
        .bind(new.store)
        .bind(new.kind.as_str())
        .bind(new.actor)
        .bind(new.reason)
        .bind(new.accepted.map(|(fingerprint, _)| fingerprint))
        .bind(new.accepted.map(|(_, targets)| to_json(&targets)).transpose()?)
        .bind(newest_row)
        .execute(&mut *tx)
        .await?;
        for mark in &new.marks {
            insert_mark(&mut tx, new, mark).await?;
        }
        let of = |direction: Direction| -> Vec<&str> {
            let marks = new.marks.iter().filter(|mark| mark.direction == direction);
            marks.map(|mark| mark.version.as_str()).collect()
        };
        let entry = AuditEntry {
            actor: new.actor,
            action: if new.kind == LedgerSource::Baseline { "ledger.baseline" } else { "ledger.repair" },
            subject: new.subject.clone(),
            detail: json!({
                "correction": new.id, "store": new.store, "reason": new.reason,
                "fingerprint": new.accepted.map(|(fingerprint, _)| fingerprint),
                "applied": of(Direction::Up), "not_applied": of(Direction::Down),
            }),
        };
        audit::append(&mut tx, self.keys(), &entry).await?;
        tx.commit().await?;
        Ok(Corrected::Done)
    }

    /// What our ledger says of a data store.
    pub async fn our_ledger(&self, environment: EnvironmentId, store: &str) -> Result<OurLedger> {
        let rows = sqlx::query(
            "SELECT version, direction, source, script_sha256 FROM ledger WHERE id IN \
             (SELECT MAX(id) FROM ledger WHERE environment_id = ? AND store = ? GROUP BY version) ORDER BY id",
        )
        .bind(environment.0)
        .bind(store)
        .fetch_all(self.pool())
        .await?;
        let is_adopted = has_baseline(&mut *self.pool().acquire().await?, environment, store).await?;
        Ok(OurLedger { is_adopted, standings: rows.iter().map(standing).collect::<Result<_>>()? })
    }

    /// The target's own ledgers as a person last accepted them, if ever.
    pub async fn accepted_ledgers(&self, environment: EnvironmentId, store: &str) -> Result<Option<Vec<TargetLedger>>> {
        let row = sqlx::query(
            "SELECT targets FROM ledger_corrections WHERE environment_id = ? AND store = ? AND targets IS NOT NULL \
             ORDER BY at DESC, id DESC LIMIT 1",
        )
        .bind(environment.0)
        .bind(store)
        .fetch_optional(self.pool())
        .await?;
        Ok(row.as_ref().map(|row| json_or_none(row, "targets")).transpose()?.flatten())
    }

    /// The last baseline or repair of a data store.
    pub async fn last_correction(&self, environment: EnvironmentId, store: &str) -> Result<Option<CorrectionView>> {
        let row = sqlx::query(
            "SELECT id, store, kind, actor, reason, fingerprint, at FROM ledger_corrections \
             WHERE environment_id = ? AND store = ? ORDER BY at DESC, id DESC LIMIT 1",
        )
        .bind(environment.0)
        .bind(store)
        .fetch_optional(self.pool())
        .await?;
        row.as_ref().map(correction).transpose()
    }
}

async fn job_count(connection: &mut MySqlConnection, environment: EnvironmentId) -> Result<u64> {
    let count = sqlx::query_scalar("SELECT CAST(COUNT(*) AS UNSIGNED) FROM jobs WHERE environment_id = ?")
        .bind(environment.0)
        .fetch_one(connection)
        .await?;
    Ok(count)
}

/// The newest row of our ledger of the data store; 0 where there is none.
async fn newest_row(connection: &mut MySqlConnection, new: &NewCorrection<'_>) -> Result<u64> {
    let newest: Option<u64> = sqlx::query_scalar("SELECT MAX(id) FROM ledger WHERE environment_id = ? AND store = ?")
        .bind(new.environment.0)
        .bind(new.store)
        .fetch_one(connection)
        .await?;
    Ok(newest.unwrap_or_default())
}

async fn has_baseline(connection: &mut MySqlConnection, environment: EnvironmentId, store: &str) -> Result<bool> {
    let found: i64 = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM ledger_corrections WHERE environment_id = ? AND store = ? AND kind = 'baseline')",
    )
    .bind(environment.0)
    .bind(store)
    .fetch_one(connection)
    .await?;
    Ok(found != 0)
}

async fn insert_mark(connection: &mut MySqlConnection, new: &NewCorrection<'_>, mark: &Mark) -> Result<()> {
    sqlx::query(
        "INSERT INTO ledger (environment_id, store, migration_id, version, name, direction, script_sha256, source, \
         correction_id, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(6))",
    )
    .bind(new.environment.0)
    .bind(new.store)
    .bind(mark.migration.map(|id| id.0))
    .bind(&mark.version)
    .bind(&mark.name)
    .bind(mark.direction.as_str())
    .bind(&mark.script_sha256)
    .bind(new.kind.as_str())
    .bind(new.id.0)
    .execute(connection)
    .await?;
    Ok(())
}

fn standing(row: &MySqlRow) -> Result<Standing> {
    Ok(Standing {
        version: row.try_get("version")?,
        direction: word(row, "direction", Direction::from_word)?,
        source: word(row, "source", LedgerSource::from_word)?,
        script_sha256: row.try_get("script_sha256")?,
    })
}

fn correction(row: &MySqlRow) -> Result<CorrectionView> {
    Ok(CorrectionView {
        id: CorrectionId(row.try_get("id")?),
        store: row.try_get("store")?,
        kind: word(row, "kind", LedgerSource::from_word)?,
        actor: row.try_get("actor")?,
        reason: row.try_get("reason")?,
        fingerprint: row.try_get("fingerprint")?,
        at: time(row, "at")?,
    })
}
