//! Rehearsals: asked for, claimed by one worker at a time, and what came of them.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use domain::ids::{EnvironmentId, MigrationId, RehearsalId, ReleaseId, WorkerId};
use domain::rehearsal::{RehearsalState, RehearsedMigration, StoreRehearsal};
use domain::view::{Page, RehearsalView, WayBack};
use sentence::Sentence;
use serde_json::json;
use sqlx::mysql::MySqlRow;
use sqlx::{MySqlConnection, Row};
use uuid::Uuid;

use crate::audit::{self, AuditEntry};
use crate::database::Database;
use crate::error::{Error, Result};
use crate::page::Cursor;
use crate::rows::{json as json_column, json_or_none, time, time_or_none, to_json, version, word};

/// A rehearsal that is asked for.
#[derive(Debug, Clone)]
pub struct NewRehearsal<'a> {
    /// Its id, unless one of the same release waits already.
    pub id: RehearsalId,
    /// Beside whose data stores.
    pub environment: EnvironmentId,
    /// The environment as `application/environment`.
    pub subject: String,
    /// Whose migrations.
    pub release: ReleaseId,
    /// Who asks.
    pub actor: &'a str,
}

/// A claimed rehearsal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimedRehearsal {
    /// Which one.
    pub id: RehearsalId,
    /// Beside whose data stores.
    pub environment: EnvironmentId,
    /// Whose migrations.
    pub release: ReleaseId,
    /// Number of the claim.
    pub attempt: u32,
}

/// What came of a rehearsal.
#[derive(Debug, Clone)]
pub struct RehearsalEnd<'a> {
    /// How it ended.
    pub state: RehearsalState,
    /// Why, where that is not said by a data store.
    pub reason: Option<&'a Sentence>,
    /// The data stores.
    pub stores: &'a [StoreRehearsal],
}

const VIEW: &str = "SELECT h.id, r.version, h.state, h.requested_by, h.requested_at, h.attempt, h.started_at, h.ended_at, \
     h.reason, h.stores FROM rehearsals h JOIN releases r ON r.id = h.release_id";

impl Database {
    /// Asks for a rehearsal; where one of that release waits or runs in that environment, that one's id.
    pub async fn request_rehearsal(&self, new: &NewRehearsal<'_>) -> Result<RehearsalId> {
        let mut tx = self.begin().await?;
        lock(&mut tx, new.environment).await?;
        let pending: Option<Uuid> = sqlx::query_scalar(
            "SELECT id FROM rehearsals WHERE release_id = ? AND environment_id = ? AND state IN ('queued', 'running') LIMIT 1",
        )
        .bind(new.release.0)
        .bind(new.environment.0)
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(pending) = pending {
            return Ok(RehearsalId(pending));
        }
        insert(&mut tx, new).await?;
        let entry = AuditEntry {
            actor: new.actor,
            action: "rehearsal.request",
            subject: new.subject.clone(),
            detail: json!({ "rehearsal": new.id, "release": new.release }),
        };
        audit::append(&mut tx, self.keys(), &entry).await?;
        tx.commit().await?;
        Ok(new.id)
    }

    /// Asks for a rehearsal unless there has ever been one of that release in that environment. Registering a release says
    /// so in the audit already.
    pub async fn request_first_rehearsal(&self, new: &NewRehearsal<'_>) -> Result<bool> {
        let mut tx = self.begin().await?;
        lock(&mut tx, new.environment).await?;
        let known: Option<Uuid> =
            sqlx::query_scalar("SELECT id FROM rehearsals WHERE release_id = ? AND environment_id = ? LIMIT 1")
                .bind(new.release.0)
                .bind(new.environment.0)
                .fetch_optional(&mut *tx)
                .await?;
        if known.is_some() {
            return Ok(false);
        }
        insert(&mut tx, new).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Claims the oldest rehearsal that waits, or that a worker has not gone on with for the length of its lease.
    pub async fn claim_rehearsal(&self, worker: WorkerId, lease: Duration) -> Result<Option<ClaimedRehearsal>> {
        let mut tx = self.begin().await?;
        let row = sqlx::query(
            "SELECT id, environment_id, release_id, attempt FROM rehearsals WHERE state = 'queued' \
             OR (state = 'running' AND leased_until < UTC_TIMESTAMP(6)) ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED",
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let claimed = ClaimedRehearsal {
            id: RehearsalId(row.try_get("id")?),
            environment: EnvironmentId(row.try_get("environment_id")?),
            release: ReleaseId(row.try_get("release_id")?),
            attempt: row.try_get::<u32, _>("attempt")? + 1,
        };
        sqlx::query(
            "UPDATE rehearsals SET state = 'running', attempt = ?, worker_id = ?, started_at = UTC_TIMESTAMP(6), \
             leased_until = UTC_TIMESTAMP(6) + INTERVAL ? SECOND WHERE id = ?",
        )
        .bind(claimed.attempt)
        .bind(worker.0)
        .bind(lease.as_secs())
        .bind(claimed.id.0)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Some(claimed))
    }

    /// Holds a rehearsal for longer; `false` where another worker has claimed it.
    pub async fn extend_rehearsal(&self, claimed: &ClaimedRehearsal, lease: Duration) -> Result<bool> {
        let extended = sqlx::query(
            "UPDATE rehearsals SET leased_until = UTC_TIMESTAMP(6) + INTERVAL ? SECOND \
             WHERE id = ? AND attempt = ? AND state = 'running'",
        )
        .bind(lease.as_secs())
        .bind(claimed.id.0)
        .bind(claimed.attempt)
        .execute(self.pool())
        .await?;
        Ok(extended.rows_affected() == 1)
    }

    /// Puts a rehearsal off: whoever claims it after that time begins it anew. It does not count as an attempt.
    pub async fn postpone_rehearsal(&self, claimed: &ClaimedRehearsal, by: Duration) -> Result<()> {
        sqlx::query(
            "UPDATE rehearsals SET attempt = attempt - 1, leased_until = UTC_TIMESTAMP(6) + INTERVAL ? SECOND \
             WHERE id = ? AND attempt = ? AND state = 'running'",
        )
        .bind(by.as_secs())
        .bind(claimed.id.0)
        .bind(claimed.attempt)
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// Gives a rehearsal back, so that another worker begins it anew.
    pub async fn give_back_rehearsal(&self, claimed: &ClaimedRehearsal) -> Result<()> {
        sqlx::query(
            "UPDATE rehearsals SET state = 'queued', worker_id = NULL, leased_until = NULL \
             WHERE id = ? AND attempt = ? AND state = 'running'",
        )
        .bind(claimed.id.0)
        .bind(claimed.attempt)
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// Ends a rehearsal with what came of it; `false` where another worker has claimed it, or it has ended.
    pub async fn end_rehearsal(&self, claimed: &ClaimedRehearsal, end: &RehearsalEnd<'_>) -> Result<bool> {
        let mut tx = self.begin().await?;
        let ended = sqlx::query(
            "UPDATE rehearsals SET state = ?, reason = ?, stores = ?, ended_at = UTC_TIMESTAMP(6), leased_until = NULL \
             WHERE id = ? AND attempt = ? AND state = 'running'",
        )
        .bind(end.state.as_str())
        .bind(end.reason.map(to_json).transpose()?)
        .bind(to_json(&end.stores)?)
        .bind(claimed.id.0)
        .bind(claimed.attempt)
        .execute(&mut *tx)
        .await?;
        if ended.rows_affected() != 1 {
            return Ok(false);
        }
        for migration in end.stores.iter().flat_map(|store| &store.migrations) {
            sqlx::query(
                "INSERT INTO rehearsed_migrations (environment_id, migration_id, rehearsal_id, rehearsed) VALUES (?, ?, ?, ?) \
                 ON DUPLICATE KEY UPDATE rehearsal_id = VALUES(rehearsal_id), rehearsed = VALUES(rehearsed)",
            )
            .bind(claimed.environment.0)
            .bind(migration.id.0)
            .bind(claimed.id.0)
            .bind(to_json(migration)?)
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// The newest verdict on each migration that was rehearsed in an environment.
    pub async fn rehearsed_migrations(
        &self,
        environment: EnvironmentId,
    ) -> Result<HashMap<MigrationId, RehearsedMigration>> {
        let rows = sqlx::query("SELECT migration_id, rehearsed FROM rehearsed_migrations WHERE environment_id = ?")
            .bind(environment.0)
            .fetch_all(self.pool())
            .await?;
        rows.iter().map(|row| Ok((MigrationId(row.try_get("migration_id")?), json_column(row, "rehearsed")?))).collect()
    }

    /// Rehearsals of an environment, newest first.
    pub async fn rehearsals(
        &self,
        environment: EnvironmentId,
        release: Option<ReleaseId>,
        cursor: &Cursor,
    ) -> Result<Page<RehearsalView>> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "{VIEW} WHERE h.environment_id = ? AND (? IS NULL OR h.release_id = ?) \
             AND h.id < COALESCE(?, 0xffffffffffffffffffffffffffffffff) ORDER BY h.id DESC LIMIT ?"
        )))
        .bind(environment.0)
        .bind(release.map(|id| id.0))
        .bind(release.map(|id| id.0))
        .bind(cursor.after_id()?)
        .bind(cursor.fetch())
        .fetch_all(self.pool())
        .await?;
        let items = rows.iter().map(view).collect::<Result<Vec<_>>>()?;
        Ok(cursor.page(items, |item| item.id.to_string()))
    }

    /// A rehearsal of an environment.
    pub async fn rehearsal(&self, environment: EnvironmentId, id: RehearsalId) -> Result<RehearsalView> {
        let row = sqlx::query(sqlx::AssertSqlSafe(format!("{VIEW} WHERE h.environment_id = ? AND h.id = ?")))
            .bind(environment.0)
            .bind(id.0)
            .fetch_optional(self.pool())
            .await?
            .ok_or(Error::Missing("rehearsal"))?;
        view(&row)
    }

    /// What the newest rehearsal of each of these releases came to, by environment.
    pub async fn ways_back(&self, releases: &[ReleaseId]) -> Result<BTreeMap<ReleaseId, Vec<WayBack>>> {
        if releases.is_empty() {
            return Ok(BTreeMap::new());
        }
        let places = vec!["?"; releases.len()].join(", ");
        let sql = format!(
            "SELECT h.release_id, e.name, h.id, h.state, h.reason, h.stores FROM rehearsals h \
             JOIN environments e ON e.id = h.environment_id WHERE h.id IN \
             (SELECT MAX(id) FROM rehearsals WHERE release_id IN ({places}) GROUP BY release_id, environment_id) ORDER BY e.name"
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
        for release in releases {
            query = query.bind(release.0);
        }
        let mut ways: BTreeMap<ReleaseId, Vec<WayBack>> = BTreeMap::new();
        for row in &query.fetch_all(self.pool()).await? {
            let stores: Vec<StoreRehearsal> = json_or_none(row, "stores")?.unwrap_or_default();
            let state = word(row, "state", RehearsalState::from_word)?;
            let mut of_store = stores.iter().filter(|store| store.verdict.state() == state);
            let told = of_store.find_map(|store| store.verdict.reason()).cloned();
            ways.entry(ReleaseId(row.try_get("release_id")?)).or_default().push(WayBack {
                environment: row.try_get("name")?,
                rehearsal: RehearsalId(row.try_get("id")?),
                state,
                reason: json_or_none(row, "reason")?.or(told),
            });
        }
        Ok(ways)
    }
}

/// Two who ask at once come one after the other.
async fn lock(connection: &mut MySqlConnection, environment: EnvironmentId) -> Result<()> {
    let found: Option<Uuid> = sqlx::query_scalar("SELECT id FROM environments WHERE id = ? FOR UPDATE")
        .bind(environment.0)
        .fetch_optional(connection)
        .await?;
    found.map(drop).ok_or(Error::Missing("environment"))
}

async fn insert(connection: &mut MySqlConnection, new: &NewRehearsal<'_>) -> Result<()> {
    sqlx::query(
        "INSERT INTO rehearsals (id, environment_id, release_id, state, requested_by, requested_at) \
         VALUES (?, ?, ?, 'queued', ?, UTC_TIMESTAMP(6))",
    )
    .bind(new.id.0)
    .bind(new.environment.0)
    .bind(new.release.0)
    .bind(new.actor)
    .execute(connection)
    .await?;
    Ok(())
}

fn view(row: &MySqlRow) -> Result<RehearsalView> {
    Ok(RehearsalView {
        id: RehearsalId(row.try_get("id")?),
        release: version(row, "version")?,
        state: word(row, "state", RehearsalState::from_word)?,
        requested_by: row.try_get("requested_by")?,
        requested_at: time(row, "requested_at")?,
        attempt: row.try_get("attempt")?,
        started_at: time_or_none(row, "started_at")?,
        ended_at: time_or_none(row, "ended_at")?,
        reason: json_or_none(row, "reason")?,
        stores: json_or_none(row, "stores")?.unwrap_or_default(),
    })
}
