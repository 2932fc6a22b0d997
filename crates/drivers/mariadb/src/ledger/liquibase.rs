//! Liquibase's `DATABASECHANGELOG`: a row for each changeset, and a lock that a killed process leaves behind.

use domain::ledger::{EntryState, LedgerLock, LedgerTool, TargetEntry, TargetLedger};
use sentence::sentence;

use super::read::{Form, rows};
use crate::error::Result;
use crate::name::ObjectRef;
use crate::session::Session;

pub(super) const FORM: Form = Form {
    tool: LedgerTool::Liquibase,
    tables: &["databasechangelog"],
    columns: &["id", "author", "filename", "dateexecuted", "orderexecuted", "exectype", "md5sum", "description"],
};

/// In lower case.
pub(super) const LOCK_TABLE: &str = "databasechangeloglock";

// Its times are of the type DATETIME, in the time zone that sessions have unless told otherwise.
const COLUMNS: &str = "ID, AUTHOR, FILENAME, DESCRIPTION, EXECTYPE, MD5SUM, \
    CAST(UNIX_TIMESTAMP(CONVERT_TZ(DATEEXECUTED, @@GLOBAL.time_zone, @@SESSION.time_zone)) AS CHAR)";
const LOCK_COLUMNS: &str = "CAST(LOCKED + 0 AS CHAR), LOCKEDBY, \
    CAST(UNIX_TIMESTAMP(CONVERT_TZ(LOCKGRANTED, @@GLOBAL.time_zone, @@SESSION.time_zone)) AS CHAR)";

pub(super) async fn read(
    session: &mut Session,
    table: ObjectRef<'_>,
    lock: Option<ObjectRef<'_>>,
) -> Result<TargetLedger> {
    let mut entries = Vec::new();
    for mut row in rows(session, table, COLUMNS, "ORDEREXECUTED, DATEEXECUTED, ID").await? {
        let version = row.required(table)?;
        let author = row.required(table)?;
        let file = row.required(table)?;
        let name = row.text();
        let kind = row.required(table)?;
        if kind == "SKIPPED" {
            continue;
        }
        entries.push(TargetEntry {
            id: format!("{file}::{version}::{author}"),
            version,
            name,
            checksum: row.text(),
            applied_at: row.time(),
            state: if kind == "FAILED" { EntryState::Unfinished } else { EntryState::Applied },
            detail: (kind == "MARK_RAN").then(|| sentence!("it was marked as applied and did not run")),
        });
    }
    let lock = match lock {
        None => None,
        Some(table) => read_lock(session, table).await?,
    };
    Ok(TargetLedger { tool: LedgerTool::Liquibase, place: table.name.to_owned(), entries, lock })
}

async fn read_lock(session: &mut Session, table: ObjectRef<'_>) -> Result<Option<LedgerLock>> {
    for mut row in rows(session, table, LOCK_COLUMNS, "ID").await? {
        if row.truth() {
            let by = row.text();
            return Ok(Some(LedgerLock { by, since: row.time() }));
        }
    }
    Ok(None)
}
