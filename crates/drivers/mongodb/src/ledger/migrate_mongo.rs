//! migrate-mongo's `changelog`: a document for each file.

use chrono::DateTime;
use domain::ledger::{EntryState, LedgerLock, LedgerTool, TargetEntry, TargetLedger};
use mongodb::bson::{Document, doc};
use sentence::sentence;

use crate::error::Result;
use crate::target::Target;

/// Where it is unless the tool was told otherwise.
pub(super) const COLLECTION: &str = "changelog";
/// Where its lock is, by which it is told since when it is taken.
const LOCKS: &str = "changelog_lock";

impl Target {
    /// What migrate-mongo wrote; none where the collection holds something else.
    pub(super) async fn migrate_mongo_ledger(&self) -> Result<Option<TargetLedger>> {
        let what = sentence!("reading ledger {collection}", collection = COLLECTION);
        let filter = doc! { "fileName": { "$type": "string" }, "appliedAt": { "$exists": true } };
        let command = doc! { "find": COLLECTION, "filter": filter, "sort": { "appliedAt": 1, "_id": 1 } };
        let entries: Vec<TargetEntry> = self.list(&what, command).await?.iter().filter_map(entry).collect();
        if entries.is_empty() {
            return Ok(None);
        }
        let lock = self.list(&what, doc! { "find": LOCKS, "limit": 1 }).await?.first().map(|lock| LedgerLock {
            by: None,
            since: lock
                .get_datetime("createdAt")
                .ok()
                .and_then(|at| DateTime::from_timestamp_millis(at.timestamp_millis())),
        });
        Ok(Some(TargetLedger { tool: LedgerTool::MigrateMongo, place: COLLECTION.to_owned(), entries, lock }))
    }
}

fn entry(document: &Document) -> Option<TargetEntry> {
    let file = document.get_str("fileName").ok()?;
    let (version, name) = parts(file);
    let at = document.get_datetime("appliedAt").ok();
    Some(TargetEntry {
        id: file.to_owned(),
        version: version.to_owned(),
        name: Some(name.to_owned()),
        applied_at: at.and_then(|at| DateTime::from_timestamp_millis(at.timestamp_millis())),
        checksum: document.get_str("fileHash").ok().filter(|hash| !hash.is_empty()).map(str::to_owned),
        state: EntryState::Applied,
        detail: None,
    })
}

/// The version in front of a file's name and what follows; the whole where it has none.
fn parts(file: &str) -> (&str, &str) {
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    match stem.split_once(['-', '_']) {
        Some((version, name)) if !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit()) => {
            (version, name)
        }
        _ => (stem, stem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_number_in_front_of_a_files_name() {
        assert_eq!(parts("20160608155948-black_list.js"), ("20160608155948", "black_list"));
        assert_eq!(parts("7_seven.ts"), ("7", "seven"));
        assert_eq!(parts("seven.js"), ("seven", "seven"));
        assert_eq!(parts("a-7.js"), ("a-7", "a-7"));
    }
}
