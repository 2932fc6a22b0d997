//! Statements about rows, and those of the session.

use sentence::sentence;

use crate::classify::effect;
use crate::cursor::{Cursor, Lexeme, Parsed, Unclear, holds_phrase, split_commas};
use crate::effect::{Effect, TableName};

pub(crate) fn insert(mut cursor: Cursor<'_>) -> Parsed<Effect> {
    while cursor.eat_any(&["LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE"]) {}
    cursor.eat(&["INTO"]);
    let table = cursor.table()?;
    Ok(Effect::Insert {
        table,
        updates_duplicates: holds_phrase(cursor.remaining(), &["ON", "DUPLICATE", "KEY", "UPDATE"]),
    })
}

pub(crate) fn replace(mut cursor: Cursor<'_>) -> Parsed<Effect> {
    cursor.eat_any(&["LOW_PRIORITY", "DELAYED"]);
    cursor.eat(&["INTO"]);
    Ok(Effect::Replace { table: cursor.table()? })
}

pub(crate) fn update(mut cursor: Cursor<'_>) -> Parsed<Effect> {
    while cursor.eat_any(&["LOW_PRIORITY", "IGNORE"]) {}
    let lexemes = cursor.remaining();
    let set = position(lexemes, "SET").ok_or_else(|| Unclear(sentence!("UPDATE has no SET")))?;
    Ok(Effect::Update { tables: joined_tables(&lexemes[..set])?, columns: assigned(&lexemes[set + 1..]) })
}

/// The columns of `a = 1, t.b = 2 WHERE …`; none where one of them is not understood.
fn assigned(lexemes: &[Lexeme<'_>]) -> Vec<String> {
    let end = ["WHERE", "ORDER", "LIMIT"].iter().filter_map(|word| position(lexemes, word)).min();
    let parts = split_commas(&lexemes[..end.unwrap_or(lexemes.len())]).unwrap_or_default();
    parts.into_iter().map(|part| column_before_equals(Cursor::new(part))).collect::<Option<_>>().unwrap_or_default()
}

fn column_before_equals(mut cursor: Cursor<'_>) -> Option<String> {
    let mut column = cursor.identifier().ok()?;
    while cursor.eat_symbol(".") {
        column = cursor.identifier().ok()?;
    }
    cursor.eat_symbol("=").then_some(column)
}

pub(crate) fn delete(mut cursor: Cursor<'_>) -> Parsed<Effect> {
    while cursor.eat_any(&["LOW_PRIORITY", "QUICK", "IGNORE", "HISTORY"]) {}
    if cursor.eat(&["FROM"]) {
        let tables = targets(&mut cursor)?;
        // `DELETE FROM t1, t2 USING …`, or else one table with its conditions.
        if tables.len() > 1 && !cursor.sees(&["USING"]) {
            return Err(Unclear(sentence!("DELETE FROM several tables needs USING")));
        }
        return Ok(Effect::Delete { tables });
    }
    let tables = targets(&mut cursor)?;
    cursor.expect(&["FROM"])?;
    Ok(Effect::Delete { tables })
}

/// Tables to delete from, each with an optional `.*`.
fn targets(cursor: &mut Cursor<'_>) -> Parsed<Vec<TableName>> {
    let mut tables = Vec::new();
    loop {
        let first = cursor.identifier()?;
        let mut table = TableName::local(first);
        if cursor.eat_symbol(".") && !cursor.eat_symbol("*") {
            table.database = Some(table.name);
            table.name = cursor.identifier()?;
            if cursor.eat_symbol(".") && !cursor.eat_symbol("*") {
                return Err(Unclear(sentence!("a table has too many parts")));
            }
        }
        tables.push(table);
        if !cursor.eat_symbol(",") {
            return Ok(tables);
        }
    }
}

/// The tables of `a, b AS x JOIN c ON …`.
fn joined_tables(lexemes: &[Lexeme<'_>]) -> Parsed<Vec<TableName>> {
    let mut tables = Vec::new();
    for part in split_commas(lexemes)? {
        let mut cursor = Cursor::new(part);
        loop {
            if cursor.sees_symbol("(") {
                // The result of a query is joined, and never changed.
                let inside = Cursor::new(cursor.parenthesised()?);
                if !["SELECT", "WITH", "VALUES"].iter().any(|word| inside.sees(&[word])) {
                    return Err(Unclear(sentence!("joins in parentheses are not looked into")));
                }
            } else {
                tables.push(cursor.table()?);
            }
            let Some(join) = position(cursor.remaining(), "JOIN") else {
                break;
            };
            cursor = Cursor::new(&cursor.remaining()[join + 1..]);
        }
    }
    if tables.is_empty() {
        return Err(Unclear(sentence!("UPDATE names no table")));
    }
    Ok(tables)
}

/// Where a keyword stands outside parentheses, and not as a part of a name.
fn position(lexemes: &[Lexeme<'_>], word: &str) -> Option<usize> {
    let mut depth = 0_i64;
    (0..lexemes.len()).find(|&at| {
        let lexeme = lexemes[at];
        depth += i64::from(lexeme.is_symbol("(")) - i64::from(lexeme.is_symbol(")"));
        let is_part = at > 0 && lexemes[at - 1].is_symbol(".");
        depth == 0 && !is_part && lexeme.is_keyword(word)
    })
}

pub(crate) fn select(cursor: Cursor<'_>) -> Parsed<Effect> {
    let lexemes = cursor.remaining();
    let writes_file = lexemes
        .windows(2)
        .any(|pair| pair[0].is_keyword("INTO") && (pair[1].is_keyword("OUTFILE") || pair[1].is_keyword("DUMPFILE")));
    if writes_file {
        return Err(Unclear(sentence!("SELECT writes a file")));
    }
    Ok(Effect::Select)
}

/// `(SELECT …) UNION (SELECT …)`.
pub(crate) fn parenthesised_select(cursor: Cursor<'_>) -> Parsed<Effect> {
    let mut inner = cursor;
    while inner.eat_symbol("(") {}
    if inner.sees(&["SELECT"]) || inner.sees(&["VALUES"]) || inner.sees(&["WITH"]) {
        select(cursor)
    } else {
        Err(Unclear(sentence!("it does not begin with a keyword")))
    }
}

/// Common table expressions, and the statement that uses them.
pub(crate) fn with(mut cursor: Cursor<'_>) -> Parsed<Effect> {
    cursor.eat(&["RECURSIVE"]);
    loop {
        cursor.identifier()?;
        if cursor.sees_symbol("(") {
            cursor.parenthesised()?;
        }
        cursor.expect(&["AS"])?;
        cursor.parenthesised()?;
        if cursor.sees(&["CYCLE"]) {
            return Err(Unclear(sentence!("WITH … CYCLE is not looked into")));
        }
        if !cursor.eat_symbol(",") {
            return effect(cursor.remaining());
        }
    }
}

pub(crate) fn set(mut cursor: Cursor<'_>) -> Parsed<Effect> {
    if cursor.eat(&["STATEMENT"]) {
        // Settings for one statement: what it does is what that statement does.
        let lexemes = cursor.remaining();
        let at = position(lexemes, "FOR").ok_or_else(|| Unclear(sentence!("SET STATEMENT has no FOR")))?;
        return effect(&lexemes[at + 1..]);
    }
    if cursor.eat(&["TRANSACTION"]) || cursor.eat(&["SESSION", "TRANSACTION"]) {
        return Ok(Effect::Set);
    }
    if cursor.eat(&["NAMES"]) || cursor.eat(&["CHARACTER", "SET"]) || cursor.eat(&["CHARSET"]) {
        return Ok(Effect::Set);
    }
    let mut transaction = false;
    for part in split_commas(cursor.remaining())? {
        transaction |= assignment(Cursor::new(part))?;
    }
    Ok(if transaction { Effect::TransactionControl } else { Effect::Set })
}

/// One `variable = value`; true where it is `autocommit`.
fn assignment(mut cursor: Cursor<'_>) -> Parsed<bool> {
    let mut scoped = cursor.eat_any(&["SESSION", "LOCAL"]);
    if cursor.eat_symbol("@") {
        if !cursor.eat_symbol("@") {
            // A variable of the user's own.
            return Ok(false);
        }
        for scope in ["SESSION", "LOCAL"] {
            scoped |= cursor.eat(&[scope]) && cursor.eat_symbol(".");
        }
    }
    if !scoped && (cursor.sees(&["GLOBAL"]) || cursor.sees(&["PASSWORD"])) {
        return Err(Unclear(sentence!("SET changes more than the session")));
    }
    let name = cursor.identifier()?;
    if !(cursor.eat_symbol("=") || (cursor.eat_symbol(":") && cursor.eat_symbol("="))) {
        return Err(Unclear(sentence!("this form of SET is not known")));
    }
    if cursor.is_empty() {
        return Err(Unclear(sentence!("SET has no value")));
    }
    Ok(name.eq_ignore_ascii_case("autocommit"))
}
