//! Flyway's `flyway_schema_history`: append-only rows, of which later ones take earlier ones back.

use domain::ledger::{EntryState, LedgerTool, TargetEntry, TargetLedger};
use sentence::sentence;

use super::read::{Form, rows};
use crate::error::Result;
use crate::name::ObjectRef;
use crate::session::Session;

pub(super) const FORM: Form = Form {
    tool: LedgerTool::Flyway,
    // The second is what Flyway before 5 made.
    tables: &["flyway_schema_history", "schema_version"],
    columns: &["installed_rank", "version", "description", "type", "script", "checksum", "installed_on", "success"],
};

const COLUMNS: &str = "version, description, type, script, CAST(checksum AS CHAR), \
    CAST(UNIX_TIMESTAMP(installed_on) AS CHAR), CAST(success AS CHAR)";

pub(super) async fn read(session: &mut Session, table: ObjectRef<'_>) -> Result<TargetLedger> {
    let mut entries: Vec<TargetEntry> = Vec::new();
    for mut row in rows(session, table, COLUMNS, "installed_rank").await? {
        let version = row.text();
        let name = row.text();
        let kind = row.required(table)?;
        let script = row.required(table)?;
        // A repeatable migration has no version.
        let id = version.clone().unwrap_or_else(|| script.clone());
        let mut entry = TargetEntry {
            version: version.unwrap_or(script),
            id,
            name,
            checksum: row.text(),
            applied_at: row.time(),
            state: if row.truth() { EntryState::Applied } else { EntryState::Unfinished },
            detail: None,
        };
        let succeeded = entry.state == EntryState::Applied;
        let takes_back = kind == "DELETE" || kind.starts_with("UNDO");
        // The row that says that Flyway made the database.
        if kind == "SCHEMA" {
            continue;
        }
        // Whatever was said of it before is superseded.
        entries.retain(|earlier| earlier.id != entry.id);
        if takes_back && succeeded {
            continue;
        }
        if takes_back {
            entry.detail = Some(sentence!("taking it back has failed"));
        } else if kind.ends_with("BASELINE") {
            entry.detail = Some(sentence!("a baseline: everything up to it counts as applied"));
        }
        entries.push(entry);
    }
    Ok(TargetLedger { tool: LedgerTool::Flyway, place: table.name.to_owned(), entries, lock: None })
}
