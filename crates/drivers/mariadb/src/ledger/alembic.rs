//! Alembic's `alembic_version`: the newest revisions, more than one where branches were not merged.

use domain::ledger::{EntryState, LedgerTool, TargetEntry, TargetLedger};

use super::read::{Form, rows};
use crate::error::Result;
use crate::name::ObjectRef;
use crate::session::Session;

pub(super) const FORM: Form =
    Form { tool: LedgerTool::Alembic, tables: &["alembic_version"], columns: &["version_num"] };

pub(super) async fn read(session: &mut Session, table: ObjectRef<'_>) -> Result<TargetLedger> {
    let mut entries = Vec::new();
    for mut row in rows(session, table, "version_num", "version_num").await? {
        let version = row.required(table)?;
        entries.push(TargetEntry {
            id: version.clone(),
            version,
            name: None,
            applied_at: None,
            checksum: None,
            state: EntryState::Applied,
            detail: None,
        });
    }
    Ok(TargetLedger { tool: LedgerTool::Alembic, place: table.name.to_owned(), entries, lock: None })
}
