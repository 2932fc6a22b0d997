//! Literals for statements that are sent together in one round trip, where values cannot be bound.

use std::fmt::Write as _;

use uuid::Uuid;

/// The column's value by row, of so many rows, and as it is where nothing is said.
pub(crate) fn case(column: &str, values: &[(String, String)], rows: usize) -> String {
    let Some((_, first)) = values.first() else { return column.to_owned() };
    // The server reads and compares each branch for each row.
    if values.len() == rows && values.iter().all(|(_, value)| value == first) {
        return first.clone();
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

/// A text as a literal that nothing in it can end, whatever the session's `sql_mode`.
pub(crate) fn text(text: &str) -> String {
    let is_plain = |byte: u8| (byte.is_ascii_graphic() || byte == b' ') && !b"'\\".contains(&byte);
    if text.bytes().all(is_plain) {
        format!("'{text}'")
    } else {
        format!("CONVERT(0x{} USING utf8mb4)", hex::encode(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_texts_are_written_as_they_are() {
        assert_eq!(text(r#"{"state":"succeeded"}"#), r#"'{"state":"succeeded"}'"#);
        assert_eq!(text(""), "''");
        for other in ["it's", r"a\b", "ä", "a\nb"] {
            assert!(text(other).starts_with("CONVERT(0x"), "{other}");
        }
    }

    #[test]
    fn a_value_that_all_rows_have_needs_no_branches() {
        let value = |id: &str, value: &str| (id.to_owned(), value.to_owned());
        assert_eq!(case("state", &[value("1", "'a'"), value("2", "'a'")], 2), "'a'");
        assert_eq!(case("state", &[value("1", "'a'")], 2), "CASE id WHEN 1 THEN 'a' ELSE state END");
        assert_eq!(case("state", &[], 2), "state");
    }
}
