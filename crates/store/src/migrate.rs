//! The control plane's own schema, migrated under a real lock.

use sentence::sentence;
use sha2::{Digest, Sha256};
use sqlx::{Connection, Executor, MySqlConnection, Row};

use crate::database::Database;
use crate::error::{Error, Result};

struct Migration {
    version: u32,
    sql: &'static str,
}

const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, sql: include_str!("../../../migrations/0001_control_plane.sql") },
    Migration { version: 2, sql: include_str!("../../../migrations/0002_key_fingerprints.sql") },
    Migration { version: 3, sql: include_str!("../../../migrations/0003_idempotency_jobs.sql") },
    Migration { version: 4, sql: include_str!("../../../migrations/0004_no_worker_index.sql") },
    Migration { version: 5, sql: include_str!("../../../migrations/0005_beaten_at.sql") },
    Migration { version: 6, sql: include_str!("../../../migrations/0006_image_digests.sql") },
    Migration { version: 7, sql: include_str!("../../../migrations/0007_rows_in_place.sql") },
    Migration { version: 8, sql: include_str!("../../../migrations/0008_reservations.sql") },
    Migration { version: 9, sql: include_str!("../../../migrations/0009_ledgers.sql") },
    Migration { version: 10, sql: include_str!("../../../migrations/0010_backups.sql") },
    Migration { version: 11, sql: include_str!("../../../migrations/0011_rehearsals.sql") },
    Migration { version: 12, sql: include_str!("../../../migrations/0012_preserved.sql") },
];

/// Together with the database's name: locks belong to the whole server.
const LOCK: &str = "backout_schema";
/// A second process that starts meanwhile waits this long, seconds. Never negative: MariaDB answers NULL
/// to a negative wait, and then nobody holds the lock.
const LOCK_WAIT_SECONDS: u32 = 60;

pub(crate) async fn run(database: &Database) -> Result<()> {
    let mut connection = database.connect_alone().await?;
    let result = locked(&mut connection).await;
    // Closing the connection frees the lock, also after an error.
    let closed = connection.close().await;
    result?;
    Ok(closed?)
}

async fn locked(connection: &mut MySqlConnection) -> Result<()> {
    let got: Option<i64> = sqlx::query_scalar("SELECT CAST(GET_LOCK(CONCAT(DATABASE(), '/', ?), ?) AS SIGNED)")
        .bind(LOCK)
        .bind(LOCK_WAIT_SECONDS)
        .fetch_one(&mut *connection)
        .await?;
    if got != Some(1) {
        return Err(Error::Conflict(sentence!(
            "another process has been migrating the control database for more than {limit} s",
            limit = LOCK_WAIT_SECONDS
        )));
    }
    // Everything else would queue up behind a change that waits for somebody's open transaction.
    sqlx::query("SET SESSION lock_wait_timeout = ?").bind(LOCK_WAIT_SECONDS).execute(&mut *connection).await?;
    connection
        .execute(sqlx::raw_sql(
            "CREATE TABLE IF NOT EXISTS schema_versions (version INT UNSIGNED NOT NULL PRIMARY KEY, sha256 CHAR(64) NOT NULL, applied_at DATETIME(6) NOT NULL)",
        ))
        .await?;
    let applied = sqlx::query("SELECT version, sha256 FROM schema_versions").fetch_all(&mut *connection).await?;
    for row in &applied {
        let (version, sha256): (u32, String) = (row.try_get(0)?, row.try_get(1)?);
        match MIGRATIONS.iter().find(|migration| migration.version == version) {
            Some(migration) if digest(migration) == sha256 => {}
            Some(_) => {
                return Err(Error::Conflict(sentence!(
                    "control database migration {version} was applied from other bytes than this program has",
                    version
                )));
            }
            None => {
                return Err(Error::Conflict(sentence!(
                    "the control database is at schema {version}, which this program does not know: start a newer one",
                    version
                )));
            }
        }
    }
    for migration in MIGRATIONS {
        let done = applied.iter().any(|row| row.try_get::<u32, _>(0).ok() == Some(migration.version));
        if !done {
            connection.execute(sqlx::raw_sql(migration.sql)).await?;
            sqlx::query("INSERT INTO schema_versions (version, sha256, applied_at) VALUES (?, ?, UTC_TIMESTAMP(6))")
                .bind(migration.version)
                .bind(digest(migration))
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(())
}

fn digest(migration: &Migration) -> String {
    hex::encode(Sha256::digest(migration.sql))
}
