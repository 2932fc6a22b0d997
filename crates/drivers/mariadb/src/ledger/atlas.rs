//! Atlas' `atlas_schema_revisions`: a row for each file, with the number of its statements that were applied.

use domain::ledger::{EntryState, LedgerTool, TargetEntry, TargetLedger};
use sentence::{Sentence, sentence};

use super::read::{Form, rows};
use crate::error::Result;
use crate::name::ObjectRef;
use crate::session::Session;

pub(super) const FORM: Form = Form {
    tool: LedgerTool::Atlas,
    tables: &["atlas_schema_revisions"],
    columns: &["version", "description", "type", "applied", "total", "executed_at", "error", "hash"],
};

const COLUMNS: &str = "version, description, CAST(type & 1 AS CHAR), CAST(applied AS CHAR), CAST(total AS CHAR), \
    CAST(applied < total AS CHAR), CAST(UNIX_TIMESTAMP(executed_at) AS CHAR), NULLIF(error, ''), NULLIF(hash, '')";

pub(super) async fn read(session: &mut Session, table: ObjectRef<'_>) -> Result<TargetLedger> {
    let mut entries = Vec::new();
    for mut row in rows(session, table, COLUMNS, "version").await? {
        let version = row.required(table)?;
        // Rows whose version begins with a dot hold what Atlas remembers about itself.
        if version.starts_with('.') {
            continue;
        }
        let name = row.text();
        let is_baseline = row.truth();
        let (applied, total) = (row.required(table)?, row.required(table)?);
        let is_partial = row.truth();
        let applied_at = row.time();
        let error = row.text();
        let checksum = row.text();
        let unfinished = is_partial || error.is_some();
        let detail = if unfinished {
            Some(match error {
                Some(error) => sentence!(
                    "{applied} of {total} statements are applied: {error}",
                    applied,
                    total,
                    error = Sentence::verbatim(error)
                ),
                None => sentence!("{applied} of {total} statements are applied", applied, total),
            })
        } else {
            is_baseline.then(|| sentence!("a baseline: everything up to it counts as applied"))
        };
        entries.push(TargetEntry {
            id: version.clone(),
            version,
            name,
            applied_at,
            checksum,
            state: if unfinished { EntryState::Unfinished } else { EntryState::Applied },
            detail,
        });
    }
    Ok(TargetLedger { tool: LedgerTool::Atlas, place: table.name.to_owned(), entries, lock: None })
}
