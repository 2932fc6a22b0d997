//! A database's schema as comparable text, and its hash.

use std::collections::{BTreeMap, HashSet};

use sentence::sentence;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::Result;
use crate::name::{literal, quote_identifier};
use crate::session::Session;

/// Objects of ours, which no application's schema contains.
const OURS: &str = "backout_";

/// A database's schema. Equal hashes mean equal objects with equal definitions; rows and
/// `AUTO_INCREMENT` counters do not count, nor does anything whose name begins with `backout_`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// SHA-256 over all objects, in hexadecimal.
    pub sha256: String,
    /// Each object, such as `column users.two_factor_secret`, with its definition.
    pub objects: BTreeMap<String, String>,
}

/// What became of an object between two fingerprints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// Only the other fingerprint has it.
    Added {
        /// Its definition there.
        definition: String,
    },
    /// Only this fingerprint has it.
    Removed {
        /// Its definition here.
        definition: String,
    },
    /// Both have it, differently.
    Changed {
        /// The definition here.
        before: String,
        /// The definition there.
        after: String,
    },
}

/// One difference between two fingerprints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The object.
    pub object: String,
    /// What became of it.
    #[serde(flatten)]
    pub change: Change,
}

impl Fingerprint {
    /// Makes a fingerprint of objects and their definitions.
    pub fn of(objects: BTreeMap<String, String>) -> Self {
        let mut hash = Sha256::new();
        for text in objects.iter().flat_map(|(object, definition)| [object, definition]) {
            // The length in front keeps neighbours apart.
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        Self { sha256: hex::encode(hash.finalize()), objects }
    }

    /// What has to happen to `self` to become `other`, by object.
    pub fn diff(&self, other: &Self) -> Vec<Difference> {
        let gone = self.objects.iter().filter_map(|(object, before)| {
            let change = match other.objects.get(object) {
                None => Change::Removed { definition: before.clone() },
                Some(after) if after != before => Change::Changed { before: before.clone(), after: after.clone() },
                Some(_) => return None,
            };
            Some((object, change))
        });
        let new = other.objects.iter().filter(|(object, _)| !self.objects.contains_key(*object)).map(
            |(object, definition)| {
                let definition = definition.clone();
                (object, Change::Added { definition })
            },
        );
        let mut all: Vec<_> =
            gone.chain(new).map(|(object, change)| Difference { object: object.clone(), change }).collect();
        all.sort_by(|a, b| a.object.cmp(&b.object));
        all
    }
}

/// Queries over one database, whose name stands for `{database}`. The first three columns are the kind
/// of object, its name and the table it belongs to (empty where it stands alone); the others make up
/// its definition. Lists are joined by the server, hence its limit on `GROUP_CONCAT` is raised.
///
/// Every view of `information_schema` is asked by the database's name itself: one that is only joined
/// makes the server open the tables of all its databases.
const QUERIES: &[&str] = &[
    "SELECT 'database', 'defaults', '', DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME \
     FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {database}",
    "SELECT 'table', TABLE_NAME, '', TABLE_TYPE, ENGINE, TABLE_COLLATION, CREATE_OPTIONS, TABLE_COMMENT \
     FROM information_schema.TABLES WHERE TABLE_SCHEMA = {database} AND TABLE_TYPE <> 'VIEW'",
    "SELECT 'partition', PARTITION_NAME, TABLE_NAME, PARTITION_METHOD, PARTITION_EXPRESSION, \
     PARTITION_DESCRIPTION, CAST(PARTITION_ORDINAL_POSITION AS CHAR), \
     GROUP_CONCAT(CONCAT_WS(' ', SUBPARTITION_NAME, SUBPARTITION_METHOD, \
     SUBPARTITION_EXPRESSION) ORDER BY SUBPARTITION_ORDINAL_POSITION) \
     FROM information_schema.PARTITIONS \
     WHERE TABLE_SCHEMA = {database} AND PARTITION_NAME IS NOT NULL \
     GROUP BY TABLE_NAME, PARTITION_NAME",
    "SELECT 'column', COLUMN_NAME, TABLE_NAME, CAST(ORDINAL_POSITION AS CHAR), COLUMN_TYPE, \
     IS_NULLABLE, COLUMN_DEFAULT, COLLATION_NAME, EXTRA, GENERATION_EXPRESSION, \
     COLUMN_COMMENT FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {database}",
    "SELECT 'index', INDEX_NAME, TABLE_NAME, CAST(NON_UNIQUE AS CHAR), INDEX_TYPE, INDEX_COMMENT, \
     IGNORED, GROUP_CONCAT(CONCAT_WS(' ', COLUMN_NAME, SUB_PART, COLLATION) \
     ORDER BY SEQ_IN_INDEX SEPARATOR ', ') FROM information_schema.STATISTICS \
     WHERE TABLE_SCHEMA = {database} GROUP BY TABLE_NAME, INDEX_NAME",
    "SELECT 'foreign key', r.CONSTRAINT_NAME, r.TABLE_NAME, r.UNIQUE_CONSTRAINT_SCHEMA, \
     r.REFERENCED_TABLE_NAME, r.UPDATE_RULE, r.DELETE_RULE, \
     GROUP_CONCAT(CONCAT(k.COLUMN_NAME, ' -> ', k.REFERENCED_COLUMN_NAME) \
     ORDER BY k.ORDINAL_POSITION SEPARATOR ', ') \
     FROM information_schema.REFERENTIAL_CONSTRAINTS r \
     JOIN information_schema.KEY_COLUMN_USAGE k ON k.CONSTRAINT_SCHEMA = r.CONSTRAINT_SCHEMA \
     AND k.CONSTRAINT_NAME = r.CONSTRAINT_NAME AND k.TABLE_NAME = r.TABLE_NAME \
     WHERE r.CONSTRAINT_SCHEMA = {database} AND k.TABLE_SCHEMA = {database} \
     GROUP BY r.TABLE_NAME, r.CONSTRAINT_NAME",
    "SELECT 'check', CONSTRAINT_NAME, TABLE_NAME, `LEVEL`, CHECK_CLAUSE \
     FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = {database}",
    "SELECT 'view', TABLE_NAME, '', VIEW_DEFINITION, CHECK_OPTION, SECURITY_TYPE, ALGORITHM \
     FROM information_schema.VIEWS WHERE TABLE_SCHEMA = {database}",
    "SELECT 'trigger', TRIGGER_NAME, EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, \
     CAST(ACTION_ORDER AS CHAR), ACTION_STATEMENT, SQL_MODE \
     FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = {database}",
    "SELECT 'routine', CONCAT(LOWER(r.ROUTINE_TYPE), ' ', r.ROUTINE_NAME), '', r.DTD_IDENTIFIER, \
     r.ROUTINE_DEFINITION, r.IS_DETERMINISTIC, r.SQL_DATA_ACCESS, r.SECURITY_TYPE, r.SQL_MODE, \
     r.ROUTINE_COMMENT, (SELECT GROUP_CONCAT(CONCAT_WS(' ', p.PARAMETER_MODE, \
     p.PARAMETER_NAME, p.DTD_IDENTIFIER) ORDER BY p.ORDINAL_POSITION SEPARATOR ', ') \
     FROM information_schema.PARAMETERS p WHERE p.SPECIFIC_SCHEMA = r.ROUTINE_SCHEMA \
     AND p.SPECIFIC_NAME = r.SPECIFIC_NAME AND p.ROUTINE_TYPE = r.ROUTINE_TYPE) \
     FROM information_schema.ROUTINES r WHERE r.ROUTINE_SCHEMA = {database}",
    "SELECT 'event', EVENT_NAME, '', EVENT_DEFINITION, EVENT_TYPE, INTERVAL_VALUE, INTERVAL_FIELD, \
     CAST(EXECUTE_AT AS CHAR), STATUS, ON_COMPLETION, SQL_MODE, EVENT_COMMENT \
     FROM information_schema.EVENTS WHERE EVENT_SCHEMA = {database}",
];

/// Takes the fingerprint of a database. Definitions that name their own database are written
/// without its name, so that a copy under another name has the same fingerprint.
///
/// # Errors
/// Those of asking.
pub async fn fingerprint(session: &mut Session, database: &str) -> Result<Fingerprint> {
    let own = format!("{}.", quote_identifier(database));
    let limit = session.statement_limit();
    let rows = session.batch(&sentence!("taking a fingerprint"), &questions(database), limit).await?;
    let mut objects = BTreeMap::new();
    let mut tables = HashSet::new();
    for row in rows {
        let mut cells = row.into_iter();
        let mut text = || cells.next().flatten().unwrap_or_default();
        let (kind, name, table) = (text(), text(), text());
        if kind == "table" {
            tables.insert(name.clone());
        }
        // The columns of a view are told by its definition.
        let of_view = kind == "column" && !tables.contains(&table);
        let plain = name.rsplit(' ').next().unwrap_or_default();
        if of_view || plain.starts_with(OURS) || table.starts_with(OURS) {
            continue;
        }
        let object = if table.is_empty() { format!("{kind} {name}") } else { format!("{kind} {table}.{name}") };
        let definition: Vec<String> = cells
            .map(|cell| match cell {
                // A bare NULL and the text of that name must differ.
                None => "-".to_owned(),
                Some(text) if text == database => "=".to_owned(),
                Some(text) => format!("={}", text.replace(&own, "")),
            })
            .collect();
        objects.insert(object, definition.join(" | "));
    }
    Ok(Fingerprint::of(objects))
}

/// All questions in one request. A limit is set for each statement alone: a migration's own `GROUP_CONCAT` keeps
/// the server's.
fn questions(database: &str) -> String {
    let literal = literal(database);
    let asked = QUERIES
        .iter()
        .map(|sql| format!("SET STATEMENT group_concat_max_len = 1048576 FOR {}", sql.replace("{database}", &literal)));
    asked.collect::<Vec<_>>().join(";\n")
}
