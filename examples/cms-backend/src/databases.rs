//! Connections to MariaDB and MongoDB, and the ledgers both hold.

use std::time::Duration;

use mongodb::{
    Database,
    bson::{Document, doc},
    options::ClientOptions,
};
use sqlx::{MySqlPool, mysql::MySqlPoolOptions};

use crate::{config::Config, version::Ledger};

/// "Table does not exist": before the first migration nobody has made the ledger.
const NO_SUCH_TABLE: &str = "42S02";
const CONNECT_TIME: Duration = Duration::from_secs(2);

pub(crate) struct Databases {
    pub mariadb: MySqlPool,
    pub mongodb: Database,
}

impl Databases {
    /// Does not connect yet, so that the caller decides how long to wait.
    pub(crate) async fn open(config: &Config) -> Result<Self, mongodb::error::Error> {
        let mariadb = MySqlPoolOptions::new()
            .max_connections(5)
            .acquire_timeout(CONNECT_TIME)
            .connect_lazy_with(config.mariadb.clone());
        let mut options = ClientOptions::parse(config.mongodb.clone()).await?;
        options.app_name = Some(format!("cms-backend {}", config.release));
        options.connect_timeout = Some(CONNECT_TIME);
        options.server_selection_timeout = Some(CONNECT_TIME);
        options.max_pool_size = Some(5);
        let mongodb = mongodb::Client::with_options(options)?.database(&config.mongodb_database);
        Ok(Self { mariadb, mongodb })
    }

    pub(crate) async fn ping_mariadb(&self) -> Result<(), sqlx::Error> {
        sqlx::query("SELECT 1").execute(&self.mariadb).await.map(drop)
    }

    pub(crate) async fn ping_mongodb(&self) -> Result<(), mongodb::error::Error> {
        self.mongodb.run_command(doc! { "ping": 1 }).await.map(drop)
    }

    /// The highest migration in MariaDB's ledger.
    pub(crate) async fn mariadb_head(&self) -> Result<Option<String>, sqlx::Error> {
        let head = sqlx::query_scalar("SELECT MAX(version) FROM schema_migrations").fetch_one(&self.mariadb).await;
        match head {
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(NO_SUCH_TABLE) => Ok(None),
            head => head,
        }
    }

    /// The highest migration in MongoDB's ledger.
    pub(crate) async fn mongodb_head(&self) -> Result<Option<String>, mongodb::error::Error> {
        let ledger = self.mongodb.collection::<Document>("migrations");
        let newest = ledger.find_one(doc! {}).sort(doc! { "version": -1 }).await?;
        Ok(newest.and_then(|row| row.get_str("version").ok().map(str::to_owned)))
    }

    /// MariaDB's ledger as far as a release that needs `migration` has to know it.
    pub(crate) async fn ledger(&self, migration: &str) -> Result<Ledger, sqlx::Error> {
        let Some(head) = self.mariadb_head().await? else {
            return Ok(Ledger::default());
        };
        let needed: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM schema_migrations WHERE version = ?")
            .bind(migration)
            .fetch_one(&self.mariadb)
            .await?;
        Ok(Ledger { head: Some(head), needed_is_applied: needed > 0 })
    }
}
