//! golang-migrate's `schema_migrations`: one row with the newest version, and whether it is dirty.

use domain::ledger::{EntryState, LedgerTool, TargetEntry, TargetLedger};

use super::read::rows;
use crate::error::Result;
use crate::name::ObjectRef;
use crate::session::Session;

pub(super) async fn read(session: &mut Session, table: ObjectRef<'_>) -> Result<TargetLedger> {
    let mut entries = Vec::new();
    for mut row in rows(session, table, "CAST(version AS CHAR), CAST(dirty AS CHAR)", "version").await? {
        let version = row.required(table)?;
        // Up and down leave the same mark, so that nobody knows which of them broke off.
        let state = if row.truth() { EntryState::Unfinished } else { EntryState::Applied };
        entries.push(TargetEntry {
            id: version.clone(),
            version,
            name: None,
            applied_at: None,
            checksum: None,
            state,
            detail: None,
        });
    }
    Ok(TargetLedger { tool: LedgerTool::GolangMigrate, place: table.name.to_owned(), entries, lock: None })
}
