//! Which ledgers a database has, the application's own and that of migrate-mongo.

use chrono::DateTime;
use domain::ledger::{EntryState, LedgerTool, TargetEntry, TargetLedger};

use super::migrate_mongo;
use crate::error::Result;
use crate::target::Target;

impl Target {
    /// Every ledger that the database has, read and never written; the list of versions in `own` comes first.
    pub async fn ledgers(&self, own: &str) -> Result<Vec<TargetLedger>> {
        let collections = self.collections().await?;
        let mut found = Vec::new();
        if collections.iter().any(|name| name == own) {
            let entries = self.ledger_entries(own).await?.into_iter().map(|entry| TargetEntry {
                id: entry.version.clone(),
                version: entry.version,
                name: entry.name,
                applied_at: entry.applied_at_ms.and_then(DateTime::from_timestamp_millis),
                checksum: None,
                state: EntryState::Applied,
                detail: None,
            });
            let entries = entries.collect();
            found.push(TargetLedger { tool: LedgerTool::Versions, place: own.to_owned(), entries, lock: None });
        }
        if collections.iter().any(|name| name == migrate_mongo::COLLECTION) {
            found.extend(self.migrate_mongo_ledger().await?);
        }
        Ok(found)
    }
}
