//! Releases with their migrations and configuration.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use domain::Version;
use domain::environment::Engine;
use domain::ids::{ApplicationId, MigrationId, ReleaseId};
use domain::ledger::MigrationRef;
use domain::release::{GitRefs, MigrationSource, SchemaRange, ServiceConfig, script_sha256};
use domain::view::Page;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::mysql::MySqlRow;
use sqlx::{MySqlConnection, Row};

use crate::audit::{self, AuditEntry};
use crate::database::Database;
use crate::error::{Error, Result};
use crate::page::Cursor;
use crate::rows::{json as json_column, time, to_json, version as version_column};

/// A release to be registered: secrets are sealed already.
#[derive(Debug, Clone)]
pub struct NewRelease {
    /// Its id, if it turns out to be new.
    pub id: ReleaseId,
    /// What was registered; `config` holds sealed secrets.
    pub spec: domain::release::ReleaseSpec,
    /// SHA-256 over what was sent, secrets in the clear: tells the same registration from another one.
    pub content_sha256: [u8; 32],
    /// SHA-256 of the configuration by environment and service.
    pub config_sha256: BTreeMap<String, BTreeMap<String, String>>,
}

/// How a registration ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registered {
    /// It is new.
    New,
    /// The same release was there.
    Same,
    /// The version stands for other content.
    Different,
}

/// A release as stored.
#[derive(Debug, Clone)]
pub struct StoredRelease {
    /// Its id.
    pub id: ReleaseId,
    /// Its version.
    pub version: Version,
    /// What changed.
    pub notes: String,
    /// The same in Chinese.
    pub notes_zh: String,
    /// Where its source is.
    pub git: GitRefs,
    /// Image reference by service.
    pub images: BTreeMap<String, String>,
    /// Digest of the image by service, where CI registered one.
    pub image_digests: BTreeMap<String, String>,
    /// Schema by data store.
    pub schema: BTreeMap<String, StoredSchema>,
    /// Configuration by environment and service, secrets sealed.
    pub config: BTreeMap<String, BTreeMap<String, ServiceConfig>>,
    /// Its hash by environment and service.
    pub config_sha256: BTreeMap<String, BTreeMap<String, String>>,
    /// Server versions that it needs.
    pub requires: BTreeMap<String, String>,
    /// When it was released.
    pub released_at: DateTime<Utc>,
    /// When it was registered.
    pub registered_at: DateTime<Utc>,
}

/// The schema of a release in one data store.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StoredSchema {
    /// Kind of the data store.
    pub engine: Engine,
    /// Which heads the image runs on.
    pub runs_on: SchemaRange,
    /// Its migrations, oldest first.
    pub migrations: Vec<MigrationRef>,
}

/// A migration with its scripts.
#[derive(Debug, Clone)]
pub struct StoredMigration {
    /// Which one, with the registered hashes.
    pub reference: MigrationRef,
    /// Data store.
    pub store: String,
    /// Kind of the data store.
    pub engine: Engine,
    /// Up script as stored.
    pub up: String,
    /// Down script as stored.
    pub down: Option<String>,
}

impl StoredMigration {
    /// Whether the stored bytes still have the registered hashes.
    pub fn is_intact(&self) -> bool {
        script_sha256(&self.up) == self.reference.up_sha256
            && self.down.as_deref().map(script_sha256) == self.reference.down_sha256
    }
}

/// Which releases.
#[derive(Debug, Clone, Default)]
pub struct ReleaseQuery {
    /// Only of this series.
    pub series: Option<String>,
    /// Only with this text in version or notes.
    pub search: Option<String>,
}

const COLUMNS: &str = "SELECT id, version, sort_key, notes, notes_zh, git, images, image_digests, schema_refs, config, \
     config_sha256, requires, released_at, registered_at FROM releases";

impl Database {
    /// Registers a release with its migrations, in one transaction.
    pub async fn register_release(
        &self,
        actor: &str,
        application: ApplicationId,
        new: &NewRelease,
    ) -> Result<Registered> {
        match self.try_register(actor, application, new).await {
            // Somebody registered the same version at the same moment; now it can be seen.
            Err(error) if error.is_taken("releases_version") => self.try_register(actor, application, new).await,
            outcome => outcome,
        }
    }

    async fn try_register(&self, actor: &str, application: ApplicationId, new: &NewRelease) -> Result<Registered> {
        let mut tx = self.begin().await?;
        let known: Option<Vec<u8>> = sqlx::query_scalar(
            "SELECT content_sha256 FROM releases WHERE application_id = ? AND version = ? FOR UPDATE",
        )
        .bind(application.0)
        .bind(new.spec.version.to_string())
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(known) = known {
            return Ok(if known == new.content_sha256 { Registered::Same } else { Registered::Different });
        }
        let mut schema: BTreeMap<&str, StoredSchema> = BTreeMap::new();
        for (store, spec) in &new.spec.schema {
            let mut migrations = Vec::new();
            for source in &spec.migrations {
                migrations.push(upsert_migration(&mut tx, application, store, spec.engine, source).await?);
            }
            let stored = StoredSchema { engine: spec.engine, runs_on: spec.runs_on.clone(), migrations };
            schema.insert(store, stored);
        }
        insert(&mut tx, actor, application, new, &schema).await?;
        let entry = AuditEntry {
            actor,
            action: "release.register",
            subject: format!("{application}/{}", new.spec.version),
            detail: json!({
                "images": new.spec.images, "image_digests": new.spec.image_digests, "git": new.spec.git,
            }),
        };
        audit::append(&mut tx, self.keys(), &entry).await?;
        tx.commit().await?;
        Ok(Registered::New)
    }

    /// The release of that version.
    pub async fn release(&self, application: ApplicationId, version: &Version) -> Result<StoredRelease> {
        let row = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE application_id = ? AND version = ?")))
            .bind(application.0)
            .bind(version.to_string())
            .fetch_optional(self.pool())
            .await?;
        stored(&row.ok_or(Error::Missing("release"))?)
    }

    /// The release of that id.
    pub async fn release_by_id(&self, id: ReleaseId) -> Result<StoredRelease> {
        let row = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE id = ?")))
            .bind(id.0)
            .fetch_optional(self.pool())
            .await?;
        stored(&row.ok_or(Error::Missing("release"))?)
    }

    /// The newest release that is older than a version.
    pub async fn release_before(&self, application: ApplicationId, version: &Version) -> Result<Option<StoredRelease>> {
        let row = sqlx::query(sqlx::AssertSqlSafe(format!(
            "{COLUMNS} WHERE application_id = ? AND sort_key < ? ORDER BY sort_key DESC LIMIT 1"
        )))
        .bind(application.0)
        .bind(version.sort_key())
        .fetch_optional(self.pool())
        .await?;
        row.as_ref().map(stored).transpose()
    }

    /// Releases, newest version first.
    pub async fn releases(
        &self,
        application: ApplicationId,
        query: &ReleaseQuery,
        cursor: &Cursor,
    ) -> Result<Page<StoredRelease>> {
        let search = query.search.as_deref().map(|text| format!("%{}%", escape_like(text)));
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "{COLUMNS} WHERE application_id = ? AND (? IS NULL OR sort_key < ?) AND (? IS NULL OR series = ?) \
             AND (? IS NULL OR CONCAT_WS('\\n', version, notes, notes_zh) COLLATE utf8mb4_unicode_520_ci LIKE ?) \
             ORDER BY sort_key DESC LIMIT ?"
        )))
        .bind(application.0)
        .bind(cursor.after.as_deref())
        .bind(cursor.after.as_deref())
        .bind(query.series.as_deref())
        .bind(query.series.as_deref())
        .bind(search.as_deref())
        .bind(search.as_deref())
        .bind(cursor.fetch())
        .fetch_all(self.pool())
        .await?;
        let items = rows.iter().map(stored).collect::<Result<Vec<_>>>()?;
        Ok(cursor.page(items, |item| item.version.sort_key()))
    }

    /// The migration of that id, scripts as stored.
    pub async fn migration(&self, id: MigrationId) -> Result<StoredMigration> {
        let row = sqlx::query(
            "SELECT id, store, engine, version, name, up, up_sha256, down, down_sha256 FROM migrations WHERE id = ?",
        )
        .bind(id.0)
        .fetch_optional(self.pool())
        .await?;
        migration(&row.ok_or(Error::Missing("migration"))?)
    }

    /// Hashes of the up scripts that any release registered for a data store, by version.
    pub async fn up_hashes(
        &self,
        application: ApplicationId,
        store: &str,
    ) -> Result<BTreeMap<String, BTreeSet<String>>> {
        let rows = sqlx::query("SELECT version, up_sha256 FROM migrations WHERE application_id = ? AND store = ?")
            .bind(application.0)
            .bind(store)
            .fetch_all(self.pool())
            .await?;
        let mut hashes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for row in &rows {
            hashes.entry(row.try_get("version")?).or_default().insert(row.try_get("up_sha256")?);
        }
        Ok(hashes)
    }

    /// Every migration that any release of the application registered, oldest registration first.
    pub async fn migrations(&self, application: ApplicationId) -> Result<Vec<StoredMigration>> {
        let rows = sqlx::query(
            "SELECT id, store, engine, version, name, up, up_sha256, down, down_sha256 FROM migrations \
             WHERE application_id = ? ORDER BY id",
        )
        .bind(application.0)
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(migration).collect()
    }
}

async fn upsert_migration(
    connection: &mut MySqlConnection,
    application: ApplicationId,
    store: &str,
    engine: Engine,
    source: &MigrationSource,
) -> Result<MigrationRef> {
    let up_sha256 = script_sha256(&source.up);
    let down_sha256 = source.down.as_deref().map(script_sha256);
    sqlx::query(
        "INSERT INTO migrations (id, application_id, store, engine, version, name, up, up_sha256, down, down_sha256) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE id = migrations.id",
    )
    .bind(MigrationId::generate().0)
    .bind(application.0)
    .bind(store)
    .bind(engine.as_str())
    .bind(&source.version)
    .bind(&source.name)
    .bind(source.up.as_bytes())
    .bind(&up_sha256)
    .bind(source.down.as_deref().map(str::as_bytes))
    .bind(down_sha256.as_deref().unwrap_or_default())
    .execute(&mut *connection)
    .await?;
    let id: uuid::Uuid = sqlx::query_scalar(
        "SELECT id FROM migrations WHERE application_id = ? AND store = ? AND version = ? AND up_sha256 = ? AND down_sha256 = ?",
    )
    .bind(application.0)
    .bind(store)
    .bind(&source.version)
    .bind(&up_sha256)
    .bind(down_sha256.as_deref().unwrap_or_default())
    .fetch_one(connection)
    .await?;
    Ok(MigrationRef {
        id: MigrationId(id),
        version: source.version.clone(),
        name: source.name.clone(),
        up_sha256,
        down_sha256,
    })
}

async fn insert(
    connection: &mut MySqlConnection,
    actor: &str,
    application: ApplicationId,
    new: &NewRelease,
    schema: &BTreeMap<&str, StoredSchema>,
) -> Result<()> {
    let spec = &new.spec;
    sqlx::query(
        "INSERT INTO releases (id, application_id, version, sort_key, series, kind, notes, notes_zh, git, images, \
         image_digests, schema_refs, config, config_sha256, requires, content_sha256, released_at, registered_at, registered_by) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, COALESCE(?, UTC_TIMESTAMP(6)), UTC_TIMESTAMP(6), ?)",
    )
    .bind(new.id.0)
    .bind(application.0)
    .bind(spec.version.to_string())
    .bind(spec.version.sort_key())
    .bind(spec.version.series())
    .bind(spec.version.kind().as_str())
    .bind(&spec.notes)
    .bind(&spec.notes_zh)
    .bind(to_json(&spec.git)?)
    .bind(to_json(&spec.images)?)
    .bind(to_json(&spec.image_digests)?)
    .bind(to_json(schema)?)
    .bind(to_json(&spec.config)?)
    .bind(to_json(&new.config_sha256)?)
    .bind(to_json(&spec.requires)?)
    .bind(new.content_sha256.as_slice())
    .bind(spec.released_at)
    .bind(actor)
    .execute(connection)
    .await?;
    Ok(())
}

fn escape_like(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

fn stored(row: &MySqlRow) -> Result<StoredRelease> {
    Ok(StoredRelease {
        id: ReleaseId(row.try_get("id")?),
        version: version_column(row, "version")?,
        notes: row.try_get("notes")?,
        notes_zh: row.try_get("notes_zh")?,
        git: json_column(row, "git")?,
        images: json_column(row, "images")?,
        image_digests: json_column(row, "image_digests")?,
        schema: json_column(row, "schema_refs")?,
        config: json_column(row, "config")?,
        config_sha256: json_column(row, "config_sha256")?,
        requires: json_column(row, "requires")?,
        released_at: time(row, "released_at")?,
        registered_at: time(row, "registered_at")?,
    })
}

fn migration(row: &MySqlRow) -> Result<StoredMigration> {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let engine: String = row.try_get("engine")?;
    let down_sha256: String = row.try_get("down_sha256")?;
    Ok(StoredMigration {
        reference: MigrationRef {
            id: MigrationId(row.try_get("id")?),
            version: row.try_get("version")?,
            name: row.try_get("name")?,
            up_sha256: row.try_get("up_sha256")?,
            down_sha256: Some(down_sha256).filter(|hash| !hash.is_empty()),
        },
        store: row.try_get("store")?,
        engine: serde_json::from_value(json!(engine))?,
        up: text(row.try_get("up")?),
        down: row.try_get::<Option<Vec<u8>>, _>("down")?.map(text),
    })
}
