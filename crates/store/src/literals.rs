//! Literals for statements that are sent together in one round trip, where values cannot be bound.

use std::fmt::Write as _;

use uuid::Uuid;

/// The column's value by row, and as it is where nothing is said.
pub(crate) fn case(column: &str, values: &[(String, String)]) -> String {
    if values.is_empty() {
        return column.to_owned();
    }
    let mut sql = "CASE id".to_owned();
    for (id, value) in values {
        let _ = write!(sql, " WHEN {id} THEN {value}");
    }
    let _ = write!(sql, " ELSE {column} END");
    sql
}

/// Items with commas between them.
pub(crate) fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

/// A key.
pub(crate) fn id(id: Uuid) -> String {
    format!("0x{}", id.simple())
}

/// A text as a literal that nothing in it can end.
pub(crate) fn text(text: &str) -> String {
    if text.is_empty() { "''".to_owned() } else { format!("CONVERT(0x{} USING utf8mb4)", hex::encode(text)) }
}
