//! sqlx' `_sqlx_migrations`: a row for each script, written before it runs and completed behind it.

use domain::ledger::{EntryState, LedgerTool, TargetEntry, TargetLedger};

use super::read::{Form, rows};
use crate::error::Result;
use crate::name::ObjectRef;
use crate::session::Session;

pub(super) const FORM: Form = Form {
    tool: LedgerTool::Sqlx,
    tables: &["_sqlx_migrations"],
    columns: &["version", "description", "installed_on", "success", "checksum", "execution_time"],
};

// A script that is under way, or whose process died, has no time of execution yet.
const COLUMNS: &str = "CAST(version AS CHAR), description, CAST(UNIX_TIMESTAMP(installed_on) AS CHAR), \
    LOWER(HEX(checksum)), CAST(success <> 0 AND execution_time >= 0 AS CHAR)";

pub(super) async fn read(session: &mut Session, table: ObjectRef<'_>) -> Result<TargetLedger> {
    let mut entries = Vec::new();
    for mut row in rows(session, table, COLUMNS, "version").await? {
        let version = row.required(table)?;
        entries.push(TargetEntry {
            id: version.clone(),
            version,
            name: row.text(),
            applied_at: row.time(),
            checksum: row.text(),
            state: if row.truth() { EntryState::Applied } else { EntryState::Unfinished },
            detail: None,
        });
    }
    Ok(TargetLedger { tool: LedgerTool::Sqlx, place: table.name.to_owned(), entries, lock: None })
}
