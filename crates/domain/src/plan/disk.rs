//! Space that a plan needs: estimated, since nobody knows beforehand how far a dump can be compressed.

use std::collections::BTreeMap;

use sentence::{Sentence, sentence};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::facts::Facts;
use super::schema::SchemaDecision;
use crate::finding::{Code, Finding, Severity};
use crate::ledger::Direction;

const MIB: u64 = 1024 * 1024;
/// What is to stay free wherever something is written.
const RESERVE: u64 = 64 * MIB;
/// What a new container may write in its first minutes: its layer and its log.
const CONTAINER: u64 = 192 * MIB;
/// A dump, compressed, takes less than this part of the data.
const DUMP_PART: u64 = 2;

/// A place that the plan writes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "on", rename_all = "snake_case")]
pub enum DiskAt {
    /// Where a host's container engine keeps its data.
    Host {
        /// Host.
        host: String,
    },
    /// Where a data store's server keeps its data.
    Server {
        /// Data store.
        store: String,
        /// Tables or collections of which a part is copied before it is destroyed.
        copied: Vec<String>,
    },
    /// Where backups are written.
    Backups {
        /// Data stores that are backed up.
        stores: Vec<String>,
    },
}

/// Too little space, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shortage {
    /// What the plan needs, estimated.
    pub needed: u64,
    /// What there is.
    pub available: u64,
}

impl DiskAt {
    /// What is needed there, bytes, with the sizes of each data store's tables.
    pub fn needed(&self, sizes: &BTreeMap<String, BTreeMap<String, u64>>) -> u64 {
        let of = |store: &String| sizes.get(store);
        match self {
            Self::Host { .. } => RESERVE + CONTAINER,
            Self::Server { store, copied } => {
                let bytes = |table: &String| of(store).and_then(|sizes| sizes.get(table)).copied().unwrap_or_default();
                RESERVE + copied.iter().map(bytes).sum::<u64>()
            }
            Self::Backups { stores } => {
                let data: u64 = stores.iter().filter_map(of).flat_map(BTreeMap::values).sum();
                RESERVE + data / DUMP_PART
            }
        }
    }

    /// Whether what there is does not suffice.
    pub fn shortage(&self, sizes: &BTreeMap<String, BTreeMap<String, u64>>, available: u64) -> Option<Shortage> {
        let needed = self.needed(sizes);
        (needed > available).then_some(Shortage { needed, available })
    }
}

impl DiskAt {
    /// Where that is, for people.
    pub fn sentence(&self) -> Sentence {
        match self {
            Self::Host { host } => sentence!("host {host}", host),
            Self::Server { store, .. } => sentence!("the server of {store}", store),
            Self::Backups { .. } => sentence!("the directory of backups"),
        }
    }
}

impl std::fmt::Display for DiskAt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.sentence().fmt(f)
    }
}

/// Bytes for people, e.g. `1.5 GiB`.
fn shown(bytes: u64) -> String {
    let (mut whole, mut tenths, mut unit) = (bytes, 0, "B");
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if whole < 1024 {
            break;
        }
        (tenths, whole, unit) = (whole % 1024 * 10 / 1024, whole / 1024, larger);
    }
    format!("{whole}.{tenths} {unit}")
}

impl Shortage {
    /// Both numbers, for people.
    pub fn sentence(&self) -> Sentence {
        sentence!("{needed} are needed and {free} are free", needed = shown(self.needed), free = shown(self.available))
    }
}

/// What the migrations of a plan write to.
pub(super) fn of_migrations(schema: &SchemaDecision) -> Vec<DiskAt> {
    let stores = schema.stores();
    let mut disks: Vec<DiskAt> = stores
        .iter()
        .map(|name| {
            let mut copied: Vec<String> = schema
                .moves
                .iter()
                .filter(|change| change.store == *name)
                .flat_map(|change| {
                    change.migrations.iter().map(|migration| match change.direction {
                        Direction::Down => &migration.down,
                        Direction::Up => &migration.up,
                    })
                })
                .flat_map(|script| script.preserves.iter().filter_map(|object| copied_of(object)))
                .collect();
            copied.sort_unstable();
            copied.dedup();
            DiskAt::Server { store: (*name).to_owned(), copied }
        })
        .collect();
    if !stores.is_empty() {
        disks.push(DiskAt::Backups { stores: stores.into_iter().map(str::to_owned).collect() });
    }
    disks
}

/// The table or collection of `column users.age` or `field articles.tags`; a whole one is renamed, not copied.
fn copied_of(object: &str) -> Option<String> {
    let name = object.strip_prefix("column ").or_else(|| object.strip_prefix("field "))?;
    Some(name.split_once('.').map_or(name, |(table, _)| table).to_owned())
}

/// What a plan writes to that changes a release.
pub(super) fn of_change(facts: &Facts, schema: &SchemaDecision) -> Vec<DiskAt> {
    let hosts = facts.disks.hosts.keys().map(|host| DiskAt::Host { host: host.clone() });
    hosts.chain(of_migrations(schema)).collect()
}

/// Places where too little is free.
pub(super) fn of_disks(facts: &Facts, disks: impl IntoIterator<Item = DiskAt>, findings: &mut Vec<Finding>) {
    let sizes: BTreeMap<String, BTreeMap<String, u64>> =
        facts.stores.iter().map(|(name, store)| (name.clone(), store.sizes.clone())).collect();
    for disk in disks {
        let (available, severity) = match &disk {
            DiskAt::Host { host } => (facts.disks.hosts.get(host).copied(), Severity::Blocker),
            DiskAt::Server { store, .. } => (facts.disks.servers.get(store).copied(), Severity::Blocker),
            // The worker may be on another machine than the one that plans.
            DiskAt::Backups { .. } => (facts.disks.backups, Severity::Warning),
        };
        if let Some(lack) = available.and_then(|available| disk.shortage(&sizes, available)) {
            let (needed, available) = (shown(lack.needed), shown(lack.available));
            let params = [("needed", needed.as_str()), ("available", &available)];
            findings.push(Finding::new(Code::DiskLow, params).about("place", disk.sentence()).weighing(severity));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_with_one_decimal() {
        let told = [(999, "999.0 B"), (1536, "1.5 KiB"), (64 * MIB, "64.0 MiB"), (5 * 1024 * MIB / 2, "2.5 GiB")];
        for (bytes, text) in told {
            assert_eq!(shown(bytes), text);
        }
    }

    #[test]
    fn what_is_copied_needs_its_tables_space_and_what_is_renamed_none() {
        let objects = ["column users.age", "table roles", "field articles.meta.tags", "collection media"];
        let copied: Vec<String> = objects.iter().filter_map(|object| copied_of(object)).collect();
        assert_eq!(copied, ["users", "articles"]);
        let sizes = BTreeMap::from([("main".to_owned(), BTreeMap::from([("users".to_owned(), 5 * MIB)]))]);
        let disk = DiskAt::Server { store: "main".to_owned(), copied: vec!["users".to_owned()] };
        assert_eq!(disk.needed(&sizes), 69 * MIB);
        assert_eq!(disk.shortage(&sizes, 69 * MIB), None);
        let lack = disk.shortage(&sizes, MIB).unwrap().sentence();
        assert_eq!(lack, "69.0 MiB are needed and 1.0 MiB are free");
    }
}
