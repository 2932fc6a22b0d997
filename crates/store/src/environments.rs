//! Environments: settings, reserved places, what runs and who holds them.

use chrono::{DateTime, Utc};
use domain::environment::EnvironmentSpec;
use domain::ids::{ApplicationId, DeploymentId, EnvironmentId, JobId};
use domain::reservation::Colour;
use domain::view::Page;
use sentence::sentence;
use serde_json::json;
use sqlx::mysql::MySqlRow;
use sqlx::{MySqlConnection, Row};

use crate::audit::{self, AuditEntry};
use crate::database::Database;
use crate::error::{Error, Result};
use crate::page::Cursor;
use crate::rows::{json as json_column, time, to_json};

/// An environment as stored: its secrets are sealed.
#[derive(Debug, Clone)]
pub struct StoredEnvironment {
    /// Its id.
    pub id: EnvironmentId,
    /// The application.
    pub application_id: ApplicationId,
    /// The application's name.
    pub application: String,
    /// Its name.
    pub name: String,
    /// Its settings, secrets sealed.
    pub spec: EnvironmentSpec,
    /// Rises with every edit.
    pub revision: u64,
    /// What runs.
    pub current: Option<DeploymentId>,
    /// The job that holds it.
    pub active_job: Option<JobId>,
    /// Why a person switched the maintenance page on.
    pub maintenance: Option<String>,
    /// The job that showed it.
    pub maintenance_job: Option<JobId>,
    /// When it was last edited.
    pub updated_at: DateTime<Utc>,
}

const COLUMNS: &str = "SELECT e.id, e.application_id, a.name AS application, e.name, e.spec, e.revision, \
     e.current_deployment_id, e.active_job_id, e.maintenance_reason, e.maintenance_job_id, e.updated_at \
     FROM environments e JOIN applications a ON a.id = e.application_id";

impl Database {
    /// Makes an environment; [`Error::Taken`] if its name is, [`Error::Reserved`] if one of its places is.
    pub async fn insert_environment(
        &self,
        actor: &str,
        application: ApplicationId,
        id: EnvironmentId,
        name: &str,
        spec: &EnvironmentSpec,
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO environments (id, application_id, name, spec, created_at, updated_at) \
             VALUES (?, ?, ?, ?, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))",
        )
        .bind(id.0)
        .bind(application.0)
        .bind(name)
        .bind(to_json(spec)?)
        .execute(&mut *tx)
        .await?;
        reserve(&mut tx, id, spec).await?;
        let entry = AuditEntry {
            actor,
            action: "environment.create",
            subject: format!("{application}/{name}"),
            detail: json!({ "spec": spec.clone().masked() }),
        };
        audit::append(&mut tx, self.keys(), &entry).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Replaces the settings if the revision is still the expected one; [`Error::Conflict`] otherwise.
    pub async fn update_environment(
        &self,
        actor: &str,
        environment: &StoredEnvironment,
        spec: &EnvironmentSpec,
        revision: u64,
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        let updated = sqlx::query(
            "UPDATE environments SET spec = ?, revision = revision + 1, updated_at = UTC_TIMESTAMP(6) \
             WHERE id = ? AND revision = ? AND active_job_id IS NULL",
        )
        .bind(to_json(spec)?)
        .bind(environment.id.0)
        .bind(revision)
        .execute(&mut *tx)
        .await?;
        if updated.rows_affected() != 1 {
            return Err(Error::Conflict(sentence!(
                "the environment was edited, or a job took hold of it, since it was read"
            )));
        }
        sqlx::query("DELETE FROM reservations WHERE environment_id = ?")
            .bind(environment.id.0)
            .execute(&mut *tx)
            .await?;
        reserve(&mut tx, environment.id, spec).await?;
        let entry = AuditEntry {
            actor,
            action: "environment.edit",
            subject: format!("{}/{}", environment.application, environment.name),
            detail: json!({ "from": environment.spec.clone().masked(), "to": spec.clone().masked() }),
        };
        audit::append(&mut tx, self.keys(), &entry).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The environment of that name.
    pub async fn environment(&self, application: &str, name: &str) -> Result<StoredEnvironment> {
        let row = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE a.name = ? AND e.name = ?")))
            .bind(application)
            .bind(name)
            .fetch_optional(self.pool())
            .await?;
        stored(&row.ok_or(Error::Missing("environment"))?)
    }

    /// The environment with that id.
    pub async fn environment_by_id(&self, id: EnvironmentId) -> Result<StoredEnvironment> {
        let row = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE e.id = ?")))
            .bind(id.0)
            .fetch_optional(self.pool())
            .await?;
        stored(&row.ok_or(Error::Missing("environment"))?)
    }

    /// The environment that a job changes.
    pub async fn environment_of_job(&self, job: JobId) -> Result<StoredEnvironment> {
        let row = sqlx::query(sqlx::AssertSqlSafe(format!(
            "{COLUMNS} JOIN jobs j ON j.environment_id = e.id WHERE j.id = ?"
        )))
        .bind(job.0)
        .fetch_optional(self.pool())
        .await?;
        stored(&row.ok_or(Error::Missing("environment"))?)
    }

    /// Environments of an application by name.
    pub async fn environments(&self, application: ApplicationId, cursor: &Cursor) -> Result<Page<StoredEnvironment>> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "{COLUMNS} WHERE e.application_id = ? AND e.name > ? ORDER BY e.name LIMIT ?"
        )))
        .bind(application.0)
        .bind(cursor.after.as_deref().unwrap_or_default())
        .bind(cursor.fetch())
        .fetch_all(self.pool())
        .await?;
        let items = rows.iter().map(stored).collect::<Result<Vec<_>>>()?;
        Ok(cursor.page(items, |item| item.name.clone()))
    }
}

async fn reserve(connection: &mut MySqlConnection, id: EnvironmentId, spec: &EnvironmentSpec) -> Result<()> {
    for service in &spec.services {
        for host in service.hosts.iter().filter_map(|name| spec.host(name)) {
            for (colour, place) in service.places() {
                let reserved = sqlx::query(
                    "INSERT INTO reservations (docker, place, environment_id, service, colour) VALUES (?, ?, ?, ?, ?)",
                )
                .bind(&host.docker)
                .bind(place.to_string())
                .bind(id.0)
                .bind(&service.name)
                .bind(colour.map(Colour::as_str))
                .execute(&mut *connection)
                .await;
                match reserved.map_err(Error::from) {
                    Ok(_) => {}
                    Err(Error::Taken(_)) => {
                        let by = holder(connection, &host.docker, &place.to_string()).await?;
                        return Err(Error::Reserved { place: place.clone(), docker: host.docker.clone(), by });
                    }
                    Err(other) => return Err(other),
                }
            }
        }
    }
    Ok(())
}

/// Whose place it is, `application/environment/service`. None where it was given back in between.
async fn holder(connection: &mut MySqlConnection, docker: &str, place: &str) -> Result<Option<String>> {
    let held = sqlx::query_scalar(
        "SELECT CONCAT(applications.name, '/', environments.name, '/', reservations.service) FROM reservations \
         JOIN environments ON environments.id = reservations.environment_id \
         JOIN applications ON applications.id = environments.application_id \
         WHERE reservations.docker = ? AND reservations.place = ?",
    );
    Ok(held.bind(docker).bind(place).fetch_optional(connection).await?)
}

fn stored(row: &MySqlRow) -> Result<StoredEnvironment> {
    Ok(StoredEnvironment {
        id: EnvironmentId(row.try_get("id")?),
        application_id: ApplicationId(row.try_get("application_id")?),
        application: row.try_get("application")?,
        name: row.try_get("name")?,
        spec: json_column(row, "spec")?,
        revision: row.try_get("revision")?,
        current: row.try_get::<Option<_>, _>("current_deployment_id")?.map(DeploymentId),
        active_job: row.try_get::<Option<_>, _>("active_job_id")?.map(JobId),
        maintenance: row.try_get("maintenance_reason")?,
        maintenance_job: row.try_get::<Option<_>, _>("maintenance_job_id")?.map(JobId),
        updated_at: time(row, "updated_at")?,
    })
}
