//! The copies of rows that a statement changed or removed: their table, and the triggers that fill it.

use domain::ledger::Direction;
use driver_mariadb::{Column, ObjectRef, quote_identifier};
use saga::Keeper;
use serde::{Deserialize, Serialize};
use sql_script::Effect;

use super::session::quoted;

/// The longest text that is copied under its own type: two copies of all columns have to fit into one row.
const SHORT_TEXT: u64 = 255;

/// The copies of one table's rows that one statement made.
///
/// The copy has the key as `k1`, `k2`, …, the other columns as they were in `o1`, `o2`, … and as they became in `n1`,
/// `n2`, …; `had` and `has` tell whether there was a row before and is one after; `fate` belongs to [`super::merge`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Captured {
    pub(super) table: String,
    /// Names of the primary key's columns.
    pub(super) key: Vec<String>,
    /// Names of the other columns that hold data of their own.
    pub(super) columns: Vec<String>,
    /// Which way the script goes.
    pub(super) direction: Direction,
    pub(super) keep_database: String,
    pub(super) keep_table: String,
    /// What the session says to set its triggers off.
    pub(super) fence: String,
    /// Which of the statement's tables it is.
    pub(super) number: usize,
}

impl Captured {
    pub(super) fn copy(&self) -> ObjectRef<'_> {
        ObjectRef::new(&self.keep_database, &self.keep_table)
    }

    pub(super) fn keeper(&self) -> Keeper {
        Keeper::Rows {
            table: self.table.clone(),
            key: self.key.clone(),
            columns: self.columns.clone(),
            direction: self.direction,
            keep_database: self.keep_database.clone(),
            keep_table: self.keep_table.clone(),
        }
    }

    /// The copy that a keeper describes; it has no triggers any more.
    pub(super) fn of(keeper: &Keeper) -> Option<Self> {
        let Keeper::Rows { table, key, columns, direction, keep_database, keep_table } = keeper.clone() else {
            return None;
        };
        Some(Self { table, key, columns, direction, keep_database, keep_table, fence: String::new(), number: 0 })
    }

    /// The copy of values that a change of types does not leave as they are; it needs no triggers.
    pub(super) fn of_values(
        table: &str,
        key: Vec<String>,
        columns: Vec<String>,
        direction: Direction,
        (keep_database, keep_table): (String, String),
    ) -> Self {
        let table = table.to_owned();
        Self { table, key, columns, direction, keep_database, keep_table, fence: String::new(), number: 0 }
    }

    /// Creates the copy's table. `all` are the table's columns; `old` and `new` are those outside the key as they are
    /// before and after.
    pub(super) fn create(&self, all: &[Column], (old, new): (Vec<&Column>, Vec<&Column>)) -> String {
        let mut definitions: Vec<String> =
            ["had", "has", "fate"].iter().map(|name| format!("{name} TINYINT NOT NULL DEFAULT 0")).collect();
        let key = self.key.iter().filter_map(|name| all.iter().find(|column| column.name == *name));
        definitions.extend(
            numbered("k", self.key.len())
                .zip(key)
                .map(|(name, part)| format!("{name} {} NOT NULL", type_of(part, false))),
        );
        for (letter, columns) in [("o", old), ("n", new)] {
            let copies = numbered(letter, columns.len()).zip(columns);
            definitions.extend(copies.map(|(name, column)| format!("{name} {} NULL", type_of(column, true))));
        }
        let key = numbered("k", self.key.len()).collect::<Vec<_>>().join(", ");
        let copy = self.copy().quoted();
        format!("CREATE TABLE {copy} ({}, PRIMARY KEY ({key})) ENGINE=InnoDB", definitions.join(", "))
    }

    pub(super) fn trigger(&self, event: Event) -> String {
        format!("{}_{}_{}", self.fence, self.number, event.sql().to_ascii_lowercase())
    }

    /// The trigger that notes rows on this event.
    pub(super) fn trigger_sql(&self, database: &str, event: Event) -> String {
        let row = if event == Event::Delete { "OLD" } else { "NEW" };
        let cells = |row: &str, names: &[String]| -> Vec<String> {
            names.iter().map(|name| format!("{row}.{}", quote_identifier(name))).collect()
        };
        let nothing = || vec!["NULL".to_owned(); self.columns.len()];
        let (had, has, old, new, again) = match event {
            Event::Insert => ("0", "1", nothing(), cells("NEW", &self.columns), "has = 1"),
            Event::Update => ("1", "1", cells("OLD", &self.columns), cells("NEW", &self.columns), "has = 1"),
            Event::Delete => ("1", "0", cells("OLD", &self.columns), nothing(), "has = 0"),
        };
        let again: Vec<String> = std::iter::once(again.to_owned())
            .chain(numbered("n", self.columns.len()).map(|name| format!("{name} = VALUES({name})")))
            .collect();
        // The key would lead to another row. `SIGNAL` fails the statement, and its transaction with it.
        let same_key = if event == Event::Update {
            let parts: Vec<String> = self
                .key
                .iter()
                .map(|name| format!("BINARY OLD.{0} <=> BINARY NEW.{0}", quote_identifier(name)))
                .collect();
            let refusal = "backout: the primary key changes, so the row could not come back";
            format!(
                "IF NOT ({}) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{refusal}'; END IF; ",
                parts.join(" AND ")
            )
        } else {
            String::new()
        };
        let values: Vec<String> =
            [had.to_owned(), has.to_owned()].into_iter().chain(cells(row, &self.key)).chain(old).chain(new).collect();
        // The mode under which a trigger was made is the one in which it runs: copies are made of values that the strict
        // mode of today would refuse.
        format!(
            "SET STATEMENT sql_mode = 'NO_AUTO_VALUE_ON_ZERO' FOR CREATE TRIGGER {} AFTER {} ON {} FOR EACH ROW BEGIN \
             IF @backout_capture = '{}' THEN {same_key}SET @backout_seen = @backout_seen + 1; \
             INSERT INTO {} (had, has, {}) VALUES ({}) ON DUPLICATE KEY UPDATE {}; END IF; END",
            quoted(database, &self.trigger(event)),
            event.sql(),
            quoted(database, &self.table),
            self.fence,
            self.copy().quoted(),
            self.names().join(", "),
            values.join(", "),
            again.join(", ")
        )
    }

    /// The names of the copy's columns: key, before, after.
    fn names(&self) -> Vec<String> {
        let (keys, columns) = (self.key.len(), self.columns.len());
        numbered("k", keys).chain(numbered("o", columns)).chain(numbered("n", columns)).collect()
    }
}

/// `k1`, `k2`, …
pub(super) fn numbered(letter: &str, count: usize) -> impl Iterator<Item = String> {
    (1..=count).map(move |number| format!("{letter}{number}"))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    Insert,
    Update,
    Delete,
}

impl Event {
    const fn sql(self) -> &'static str {
        match self {
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }
}

/// What a statement does to rows, one by one.
pub(super) fn events(effect: &Effect) -> &'static [Event] {
    match effect {
        Effect::Update { .. } => &[Event::Update],
        Effect::Delete { .. } => &[Event::Delete],
        Effect::Replace { .. } => &[Event::Delete, Event::Insert],
        Effect::Insert { updates_duplicates: true, .. } => &[Event::Insert, Event::Update],
        Effect::Insert { .. } => &[Event::Insert],
        _ => &[],
    }
}

/// The type under which a column's values are copied.
fn type_of(column: &Column, is_outside_key: bool) -> String {
    let collation = column.collation.as_ref().map(|name| format!(" COLLATE {name}")).unwrap_or_default();
    let kind = column.column_type.as_str();
    let length = |prefix: &str| -> Option<u64> { kind.strip_prefix(prefix)?.split(')').next()?.parse().ok() };
    let is_long = |prefix: &str| is_outside_key && length(prefix).is_some_and(|length| length > SHORT_TEXT);
    if is_long("varchar(") {
        return format!("LONGTEXT{collation}");
    }
    if is_long("varbinary(") {
        return "LONGBLOB".to_owned();
    }
    // Without a default of its own the first one of a table would change with its row.
    let default = if !is_outside_key && kind.starts_with("timestamp") { " DEFAULT '2000-01-01 00:00:00'" } else { "" };
    // Texts name their character set by their collation.
    format!("{kind}{collation}{default}")
}
