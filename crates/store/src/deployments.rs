//! Deployments: history, and the one transaction that accepts a new one.

use domain::deployment::{DeploymentKind, DeploymentResult};
use domain::ids::{DeploymentId, EnvironmentId, JobId, ReleaseId};
use domain::plan::Plan;
use domain::view::{DeploymentView, Page};
use serde_json::json;
use sqlx::mysql::MySqlRow;
use sqlx::{MySqlConnection, Row};

use crate::audit::{self, AuditEntry};
use crate::database::Database;
use crate::error::{Error, Result};
use crate::idempotency::{RequestKey, start_under};
use crate::page::Cursor;
use crate::rows::{time, time_or_none, to_json, version, version_or_none, word};

/// A job to be accepted.
#[derive(Debug, Clone)]
pub struct NewJob<'a> {
    /// Its id.
    pub job: JobId,
    /// The deployment that it carries out.
    pub deployment: DeploymentId,
    /// The environment that it changes.
    pub environment: EnvironmentId,
    /// What it carries out.
    pub plan: &'a Plan,
    /// Who asked.
    pub actor: &'a str,
    /// Why.
    pub reason: &'a str,
}

/// Which deployments.
#[derive(Debug, Clone, Default)]
pub struct DeploymentQuery {
    /// Only of this kind.
    pub kind: Option<DeploymentKind>,
    /// Only with this result.
    pub result: Option<DeploymentResult>,
}

/// How accepting a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enqueue {
    /// It waits for a worker.
    Accepted,
    /// Another job holds the environment.
    Locked(JobId),
    /// The environment runs something else than the plan starts from, or has other settings.
    CurrentChanged,
    /// A person keeps the maintenance page on.
    Closed,
    /// The maintenance page is not on.
    Open,
    /// The request's key is no longer reserved for it.
    KeyLost,
}

impl Database {
    /// Accepts a job: deployment, job, steps, queue row, first event and audit row, all or nothing.
    ///
    /// The environment's row is locked meanwhile, so of two callers one is accepted.
    pub async fn enqueue(&self, new: &NewJob<'_>) -> Result<Enqueue> {
        self.enqueue_under(None, new).await
    }

    /// The same, and the job is written under the reserved key of the request, in the same transaction: whenever the
    /// job is there, the key answers with it.
    pub async fn enqueue_under(&self, key: Option<&RequestKey<'_>>, new: &NewJob<'_>) -> Result<Enqueue> {
        let mut tx = self.begin().await?;
        let environment = sqlx::query(
            "SELECT active_job_id, current_deployment_id, maintenance_reason, revision FROM environments WHERE id = ? FOR UPDATE",
        )
        .bind(new.environment.0)
        .fetch_optional(&mut *tx)
        .await?
        .ok_or(Error::Missing("environment"))?;
        if let Some(holder) = environment.try_get::<Option<uuid::Uuid>, _>("active_job_id")? {
            return Ok(Enqueue::Locked(JobId(holder)));
        }
        let current = environment.try_get::<Option<uuid::Uuid>, _>("current_deployment_id")?.map(DeploymentId);
        let revision: u64 = environment.try_get("revision")?;
        if current != new.plan.from_deployment || revision != new.plan.settings_revision {
            return Ok(Enqueue::CurrentChanged);
        }
        let closed = environment.try_get::<Option<String>, _>("maintenance_reason")?.is_some();
        match new.plan.kind {
            DeploymentKind::MaintenanceOff if !closed => return Ok(Enqueue::Open),
            // A window that a person has opened is a good moment for it.
            DeploymentKind::MaintenanceOff
            | DeploymentKind::Migrate
            | DeploymentKind::Backup
            | DeploymentKind::Restore => {}
            _ if closed => return Ok(Enqueue::Closed),
            _ => {}
        }
        if let Some(key) = key
            && !start_under(&mut tx, key, new.job).await?
        {
            return Ok(Enqueue::KeyLost);
        }
        insert_deployment(&mut tx, new).await?;
        insert_job(&mut tx, new).await?;
        sqlx::query("INSERT INTO job_queue (job_id) VALUES (?)").bind(new.job.0).execute(&mut *tx).await?;
        sqlx::query("UPDATE environments SET active_job_id = ? WHERE id = ?")
            .bind(new.job.0)
            .bind(new.environment.0)
            .execute(&mut *tx)
            .await?;
        let entry = AuditEntry {
            actor: new.actor,
            action: match new.plan.kind {
                DeploymentKind::Deploy => "deployment.start",
                DeploymentKind::Rollback => "rollback.start",
                DeploymentKind::MaintenanceOn => "maintenance.on",
                DeploymentKind::MaintenanceOff => "maintenance.off",
                DeploymentKind::Migrate => "migration.start",
                DeploymentKind::Backup => "backup.start",
                DeploymentKind::Restore => "backup.restore",
            },
            subject: format!("{}/{}", new.plan.application, new.plan.environment),
            detail: json!({
                "job": new.job, "to": new.plan.to.version, "plan_digest": new.plan.digest, "reason": new.reason,
                "accepted": new.plan.accepted,
            }),
        };
        audit::append(&mut tx, self.keys(), &entry).await?;
        tx.commit().await?;
        Ok(Enqueue::Accepted)
    }

    /// Deployments of an environment, newest first.
    pub async fn deployments(
        &self,
        environment: EnvironmentId,
        query: &DeploymentQuery,
        cursor: &Cursor,
    ) -> Result<Page<DeploymentView>> {
        let rows = sqlx::query(
            "SELECT d.id, d.from_deployment_id, d.kind, d.result, d.actor, d.reason, d.job_id, d.started_at, d.ended_at, \
             j.from_version, j.to_version FROM deployments d JOIN jobs j ON j.id = d.job_id \
             WHERE d.environment_id = ? AND (? IS NULL OR d.kind = ?) AND (? IS NULL OR d.result = ?) \
             AND d.id < COALESCE(?, 0xffffffffffffffffffffffffffffffff) \
             ORDER BY d.id DESC LIMIT ?",
        )
        .bind(environment.0)
        .bind(query.kind.map(DeploymentKind::as_str))
        .bind(query.kind.map(DeploymentKind::as_str))
        .bind(query.result.map(DeploymentResult::as_str))
        .bind(query.result.map(DeploymentResult::as_str))
        .bind(cursor.after_id()?)
        .bind(cursor.fetch())
        .fetch_all(self.pool())
        .await?;
        let items = rows.iter().map(view).collect::<Result<Vec<_>>>()?;
        Ok(cursor.page(items, |item| item.id.to_string()))
    }

    /// The release of a deployment, how it came there, and since when it runs.
    pub async fn deployment_release(
        &self,
        id: DeploymentId,
    ) -> Result<(ReleaseId, DeploymentKind, chrono::DateTime<chrono::Utc>)> {
        let row = sqlx::query(
            "SELECT release_id, kind, COALESCE(ended_at, started_at) AS since FROM deployments WHERE id = ?",
        )
        .bind(id.0)
        .fetch_optional(self.pool())
        .await?
        .ok_or(Error::Missing("deployment"))?;
        Ok((
            ReleaseId(row.try_get("release_id")?),
            word(&row, "kind", DeploymentKind::from_word)?,
            time(&row, "since")?,
        ))
    }

    /// The release that ran successfully before the current one and was not left by a rollback: the last
    /// known good one.
    pub async fn last_known_good(&self, environment: EnvironmentId, current: ReleaseId) -> Result<Option<ReleaseId>> {
        // A release that a rollback left is suspect: it is skipped until it has been deployed again and stayed.
        let id: Option<uuid::Uuid> = sqlx::query_scalar(
            "SELECT d.release_id FROM deployments d \
             JOIN releases target ON target.id = d.release_id JOIN releases now ON now.id = ? \
             WHERE d.environment_id = ? AND d.result = 'succeeded' AND d.kind IN ('deploy', 'rollback') AND target.sort_key < now.sort_key \
             AND NOT EXISTS (SELECT 1 FROM deployments b JOIN deployments f ON f.id = b.from_deployment_id \
               WHERE b.environment_id = d.environment_id AND b.kind = 'rollback' AND b.result = 'succeeded' \
               AND f.release_id = d.release_id AND b.id > d.id) \
             ORDER BY d.id DESC LIMIT 1",
        )
        .bind(current.0)
        .bind(environment.0)
        .fetch_optional(self.pool())
        .await?;
        Ok(id.map(ReleaseId))
    }
}

async fn insert_deployment(connection: &mut MySqlConnection, new: &NewJob<'_>) -> Result<()> {
    sqlx::query(
        "INSERT INTO deployments (id, environment_id, release_id, from_deployment_id, kind, result, actor, reason, job_id, started_at) \
         VALUES (?, ?, ?, ?, ?, 'running', ?, ?, ?, UTC_TIMESTAMP(6))",
    )
    .bind(new.deployment.0)
    .bind(new.environment.0)
    .bind(new.plan.to.id.0)
    .bind(new.plan.from_deployment.map(|id| id.0))
    .bind(new.plan.kind.as_str())
    .bind(new.actor)
    .bind(new.reason)
    .bind(new.job.0)
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_job(connection: &mut MySqlConnection, new: &NewJob<'_>) -> Result<()> {
    sqlx::query(
        "INSERT INTO jobs (id, environment_id, deployment_id, kind, state, plan, plan_digest, from_version, to_version, \
         actor, reason, event_seq, created_at) VALUES (?, ?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?, 1, UTC_TIMESTAMP(6))",
    )
    .bind(new.job.0)
    .bind(new.environment.0)
    .bind(new.deployment.0)
    .bind(new.plan.kind.as_str())
    .bind(to_json(new.plan)?)
    .bind(&new.plan.digest)
    .bind(new.plan.from.as_ref().map(|from| from.version.to_string()))
    .bind(new.plan.to.version.to_string())
    .bind(new.actor)
    .bind(new.reason)
    .execute(&mut *connection)
    .await?;
    sqlx::query("INSERT INTO job_events (job_id, seq, at, kind, data) VALUES (?, 1, UTC_TIMESTAMP(6), 'job', ?)")
        .bind(new.job.0)
        .bind(json!({ "state": "queued" }).to_string())
        .execute(&mut *connection)
        .await?;
    for step in &new.plan.steps {
        sqlx::query("INSERT INTO job_steps (job_id, step, name, subject, state) VALUES (?, ?, ?, ?, 'pending')")
            .bind(new.job.0)
            .bind(step.id)
            .bind(step.spec.name())
            .bind(step.spec.subject())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

fn view(row: &MySqlRow) -> Result<DeploymentView> {
    Ok(DeploymentView {
        id: DeploymentId(row.try_get("id")?),
        kind: word(row, "kind", DeploymentKind::from_word)?,
        from: version_or_none(row, "from_version")?,
        from_deployment: row.try_get::<Option<_>, _>("from_deployment_id")?.map(DeploymentId),
        to: version(row, "to_version")?,
        actor: row.try_get("actor")?,
        reason: row.try_get("reason")?,
        result: word(row, "result", DeploymentResult::from_word)?,
        job: JobId(row.try_get("job_id")?),
        started_at: time(row, "started_at")?,
        ended_at: time_or_none(row, "ended_at")?,
    })
}
