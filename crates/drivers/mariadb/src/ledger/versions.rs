//! `schema_migrations` as dbmate and Backout keep it: one row a version.

use domain::ledger::{EntryState, LedgerTool, TargetEntry, TargetLedger};

use super::APPLIED_AT;
use super::read::rows;
use crate::error::Result;
use crate::name::ObjectRef;
use crate::session::Session;

pub(super) async fn read(session: &mut Session, table: ObjectRef<'_>, has_times: bool) -> Result<TargetLedger> {
    let (time, order) = if has_times {
        (format!("CAST(UNIX_TIMESTAMP({APPLIED_AT}) AS CHAR)"), format!("{APPLIED_AT}, version"))
    } else {
        ("NULL".to_owned(), "version".to_owned())
    };
    let mut entries = Vec::new();
    for mut row in rows(session, table, &format!("version, {time}"), &order).await? {
        let version = row.required(table)?;
        entries.push(TargetEntry {
            id: version.clone(),
            version,
            name: None,
            applied_at: row.time(),
            checksum: None,
            state: EntryState::Applied,
            detail: None,
        });
    }
    Ok(TargetLedger { tool: LedgerTool::Versions, place: table.name.to_owned(), entries, lock: None })
}
