//! Takes an `ALTER TABLE` of several actions apart, so that those still missing can run without the others.

use sql_script::{AlterAction, Effect, TableName, classify};

/// The statement with only those actions that `wanted` marks, or `None` where the text cannot be taken apart
/// with certainty: the result has to be understood as exactly these actions.
pub(crate) fn reduced(
    text: &str,
    table: &TableName,
    actions: &[AlterAction],
    wanted: &[bool],
) -> Option<(String, Vec<AlterAction>)> {
    let parts = split_commas(text)?;
    if parts.len() != actions.len() || wanted.len() != actions.len() {
        return None;
    }
    let chosen = |at: &usize| wanted[*at];
    let texts: Vec<&str> = (0..parts.len()).filter(chosen).map(|at| parts[at]).collect();
    let left: Vec<AlterAction> = (0..parts.len()).filter(chosen).map(|at| actions[at].clone()).collect();
    // The first part has the beginning of the statement in it.
    let head = if wanted.first() == Some(&true) { String::new() } else { format!("ALTER TABLE {} ", table.quoted()) };
    let sql = format!("{head}{}", texts.join(", "));
    match classify(&sql).effect {
        Effect::AlterTable { table: of, actions } if of == *table && actions == left => Some((sql, left)),
        _ => None,
    }
}

/// Cuts at the commas outside quotes and parentheses. Comments are not looked into: then there is no answer.
fn split_commas(text: &str) -> Option<Vec<&str>> {
    let bytes = text.as_bytes();
    let (mut parts, mut start, mut depth, mut at) = (Vec::new(), 0, 0_i32, 0);
    while at < bytes.len() {
        match bytes[at] {
            quote @ (b'\'' | b'"' | b'`') => at = end_of_quote(bytes, at, quote)?,
            b'(' => depth += 1,
            b')' => depth -= 1,
            b'#' => return None,
            b'/' if bytes.get(at + 1) == Some(&b'*') => return None,
            b'-' if bytes.get(at + 1) == Some(&b'-') => return None,
            b',' if depth == 0 => {
                parts.push(text.get(start..at)?.trim());
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    parts.push(text.get(start..)?.trim());
    Some(parts)
}

/// The last byte of a quoted text. A doubled quote is taken as two texts, which comes to the same.
fn end_of_quote(bytes: &[u8], start: usize, quote: u8) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match *bytes.get(at)? {
            b'\\' if quote != b'`' => at += 2,
            byte if byte == quote => return Some(at),
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use sql_script::{Effect, classify};

    use super::reduced;

    fn without(text: &str, wanted: &[bool]) -> Option<String> {
        match classify(text).effect {
            Effect::AlterTable { table, actions } => reduced(text, &table, &actions, wanted).map(|(sql, _)| sql),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_the_wanted_actions_remain() {
        let text = "ALTER TABLE t ADD COLUMN a ENUM('x,y', 'it''s') NULL, ADD INDEX i (b, c), DROP COLUMN `d,e`";
        assert_eq!(
            without(text, &[true, false, true]).unwrap(),
            "ALTER TABLE t ADD COLUMN a ENUM('x,y', 'it''s') NULL, DROP COLUMN `d,e`"
        );
        assert_eq!(without(text, &[false, true, false]).unwrap(), "ALTER TABLE `t` ADD INDEX i (b, c)");
    }

    #[test]
    fn what_is_not_understood_with_certainty_is_not_taken_apart() {
        assert_eq!(without("ALTER TABLE t ADD COLUMN a INT /* , */, DROP COLUMN b", &[true, false]), None);
    }
}
