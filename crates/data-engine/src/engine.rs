//! The engine's public face: which target, which way, and the questions to it.

use sentence::Sentence;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use domain::ledger::{Direction, MigrationRef, OurLedger, TargetLedger};
use futures::FutureExt;
use saga::{Probe, StatementJournal, StepContext, StepError};
use serde::{Deserialize, Serialize};

use crate::backup::{self, BackupReport};
use crate::error::Result;
use crate::space::{self, Space};
use crate::{mariadb, mongodb};

/// The data store that is worked on.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "there is one for a step, and it is not moved about")]
pub enum DataTarget {
    /// MariaDB 10.6 or newer.
    MariaDb(driver_mariadb::Target),
    /// MongoDB, or a server that speaks its protocol.
    MongoDb(driver_mongodb::Target),
}

/// The scripts of a migration as they were registered.
#[derive(Debug, Clone)]
pub struct Scripts {
    /// Which migration.
    pub reference: MigrationRef,
    /// Applies it.
    pub up: String,
    /// Takes it back, where there is such a script.
    pub down: Option<String>,
}

/// What running migrations did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migrated {
    /// Their versions, in the order in which they ran.
    pub migrations: Vec<String>,
    /// How many statements they have.
    pub statements: u32,
    /// Rows or documents put aside before they were destroyed.
    pub rows_preserved: u64,
    /// Rows or documents put aside earlier that came back.
    pub rows_restored: u64,
    /// Fingerprint of the schema afterwards.
    pub fingerprint: String,
    /// What was put aside earlier and did not come back, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Sentence>,
}

/// Runs, probes and undoes the migrations of one data store.
pub struct DataEngine {
    pub(crate) store: String,
    pub(crate) journal: Arc<dyn StatementJournal>,
    pub(crate) pace: Option<u32>,
    target: DataTarget,
    ours: OurLedger,
}

impl DataEngine {
    /// An engine for the data store named `store`.
    pub fn new(store: String, target: DataTarget, journal: Arc<dyn StatementJournal>) -> Self {
        Self { store, journal, pace: None, target, ours: OurLedger::default() }
    }

    /// The same engine, which knows what our ledger says of the data store.
    #[must_use]
    pub fn with_ledger(self, ours: OurLedger) -> Self {
        Self { ours, ..self }
    }

    /// The same engine, which copies at most so many rows a second while the application goes on writing.
    #[must_use]
    pub fn with_pace(self, rows_per_second: Option<u32>) -> Self {
        Self { pace: rows_per_second, ..self }
    }

    /// Runs the migrations in the order given. Called again after an interruption it goes on where it
    /// stopped: what is journalled as done is left alone, what was begun is probed.
    ///
    /// # Errors
    /// `Unknown` where an interrupted statement is found neither done nor undone; `Permanent` where a
    /// script cannot be run safely, the server refuses a statement or the schema afterwards is not the
    /// one recorded before the migration was applied.
    pub async fn migrate(
        &self,
        cx: &StepContext,
        direction: Direction,
        migrations: &[Scripts],
    ) -> Result<Migrated, StepError> {
        match &self.target {
            DataTarget::MariaDb(target) => mariadb::migrate(self, target, cx, direction, migrations).boxed().await,
            DataTarget::MongoDb(target) => mongodb::migrate(self, target, cx, direction, migrations).boxed().await,
        }
    }

    /// Whether all of it is done, without changing the schema or the data. `NotDone` means that
    /// [`DataEngine::migrate`] may go on.
    ///
    /// # Errors
    /// Those of the journal and of the target.
    pub async fn probe(
        &self,
        cx: &StepContext,
        direction: Direction,
        migrations: &[Scripts],
    ) -> Result<Probe<Migrated>, StepError> {
        match &self.target {
            DataTarget::MariaDb(target) => mariadb::probe(self, target, cx, direction, migrations).await,
            DataTarget::MongoDb(target) => mongodb::probe(self, target, cx, direction, migrations).await,
        }
    }

    /// Whether the step has not begun any statement: then there is nothing to take back.
    ///
    /// # Errors
    /// Those of the journal.
    pub async fn is_untouched(&self, cx: &StepContext) -> Result<bool, StepError> {
        Ok(self.journal.entries(cx.held(), cx.step()).await?.is_empty())
    }

    /// Takes back what [`DataEngine::migrate`] did, whole or partial, and brings back the data that it
    /// put aside. Does nothing where nothing was begun; can be repeated.
    ///
    /// # Errors
    /// As [`DataEngine::migrate`].
    pub async fn undo(&self, cx: &StepContext, direction: Direction, migrations: &[Scripts]) -> Result<(), StepError> {
        match &self.target {
            DataTarget::MariaDb(target) => mariadb::undo(self, target, cx, direction, migrations).boxed().await,
            DataTarget::MongoDb(target) => mongodb::undo(self, target, cx, direction, migrations).boxed().await,
        }
    }

    pub(crate) fn target(&self) -> &DataTarget {
        &self.target
    }

    pub(crate) fn ours(&self) -> &OurLedger {
        &self.ours
    }

    /// The versions that count as applied, in applied order where that is known; see [`OurLedger::applied`].
    ///
    /// # Errors
    /// [`crate::Error::Unadopted`] where only another tool's ledger could tell; those of asking.
    pub async fn applied(&self) -> Result<Vec<String>> {
        Ok(self.ours.applied(&self.ledgers().await?)?)
    }

    /// The target's own ledgers, whichever tool wrote them.
    pub async fn ledgers(&self) -> Result<Vec<TargetLedger>> {
        match &self.target {
            DataTarget::MariaDb(target) => mariadb::ledgers(target).await,
            DataTarget::MongoDb(target) => Ok(target.ledgers(mongodb::LEDGER).await?),
        }
    }

    /// The fingerprint of the schema, without the ledger and what is ours.
    pub async fn fingerprint(&self) -> Result<String> {
        match &self.target {
            DataTarget::MariaDb(target) => mariadb::fingerprint(target).await,
            DataTarget::MongoDb(target) => Ok(target.fingerprint(&[mongodb::LEDGER]).await?.sha256),
        }
    }

    /// The server's version, as it reports it.
    pub async fn server_version(&self) -> Result<String> {
        match &self.target {
            DataTarget::MariaDb(target) => Ok(target.server_version().await?),
            DataTarget::MongoDb(target) => Ok(target.server_version().await?),
        }
    }

    /// Writes a backup of the whole database into `directory` and reads it back. No DDL may run
    /// meanwhile. `read` counts the bytes that have come from the database so far.
    pub async fn backup(&self, directory: &Path, read: &Arc<AtomicU64>) -> Result<BackupReport> {
        backup::backup(&self.target, &self.store, directory, read).await
    }

    /// Reads a backup again: an error where the file is gone or not the one that was written.
    pub async fn verify_backup(&self, report: &BackupReport) -> Result<()> {
        backup::verify(&self.target, report).await
    }

    /// How large the data store is, and how much may still be written beside it.
    pub async fn space(&self) -> Result<Space> {
        space::space(&self.target).await
    }
}
