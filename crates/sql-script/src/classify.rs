//! Says what one statement does.

use sentence::sentence;

use crate::alter;
use crate::create_drop;
use crate::cursor::{Cursor, Lexeme, Parsed, Unclear, lexemes};
use crate::dml;
use crate::effect::{Classified, Effect};
use crate::token::Kind;

/// Classifies one statement, with or without a `;` behind it. Never fails: what is not understood
/// is [`Effect::Unknown`] with the reason.
pub fn classify(statement: &str) -> Classified {
    let effect = lexemes(statement)
        .and_then(|lexemes| statement_effect(&lexemes))
        .unwrap_or_else(|Unclear(reason)| Effect::Unknown { reason });
    Classified { effect }
}

fn statement_effect(lexemes: &[Lexeme<'_>]) -> Parsed<Effect> {
    let trailing = lexemes.iter().rev().take_while(|lexeme| lexeme.is_symbol(";")).count();
    let lexemes = &lexemes[..lexemes.len() - trailing];
    if lexemes.is_empty() {
        return Err(Unclear(sentence!("there is no statement")));
    }
    if lexemes.iter().any(|lexeme| lexeme.is_symbol(";")) {
        // Only a stored body may hold them; what it does is the server's business when it runs.
        return match effect(lexemes)? {
            stored @ (Effect::CreateRoutine { .. } | Effect::CreateTrigger { .. }) => Ok(stored),
            _ => Err(Unclear(sentence!("it holds more than one statement"))),
        };
    }
    let effect = effect(lexemes)?;
    let stored = matches!(effect, Effect::CreateRoutine { .. } | Effect::CreateTrigger { .. });
    if !stored && calls_lock_function(lexemes) {
        return Ok(Effect::Lock);
    }
    Ok(effect)
}

pub(crate) fn effect(lexemes: &[Lexeme<'_>]) -> Parsed<Effect> {
    let mut cursor = Cursor::new(lexemes);
    if cursor.sees_symbol("(") {
        return dml::parenthesised_select(cursor);
    }
    let Some(first) = cursor.advance().filter(|lexeme| lexeme.kind == Kind::Word) else {
        return Err(Unclear(sentence!("it does not begin with a keyword")));
    };
    match first.text.to_ascii_uppercase().as_str() {
        "ALTER" => alter::alter(cursor),
        "CREATE" => create_drop::create(cursor),
        "DROP" => create_drop::drop(cursor),
        "RENAME" => create_drop::rename(cursor),
        "TRUNCATE" => create_drop::truncate(cursor),
        "INSERT" => dml::insert(cursor),
        "REPLACE" => dml::replace(cursor),
        "UPDATE" => dml::update(cursor),
        "DELETE" => dml::delete(cursor),
        "SELECT" | "VALUES" => dml::select(cursor),
        "WITH" => dml::with(cursor),
        "SHOW" | "DESCRIBE" | "DESC" | "EXPLAIN" | "HELP" => Ok(Effect::Show),
        "SET" => dml::set(cursor),
        "USE" => use_database(cursor),
        "BEGIN" => begin(cursor),
        "START" => {
            cursor.expect(&["TRANSACTION"])?;
            Ok(Effect::TransactionControl)
        }
        "COMMIT" | "ROLLBACK" | "SAVEPOINT" => Ok(Effect::TransactionControl),
        "RELEASE" => {
            cursor.expect(&["SAVEPOINT"])?;
            Ok(Effect::TransactionControl)
        }
        "LOCK" | "UNLOCK" => {
            if cursor.eat_any(&["TABLES", "TABLE"]) {
                Ok(Effect::Lock)
            } else {
                Err(Unclear(sentence!("only LOCK TABLES and UNLOCK TABLES are known")))
            }
        }
        _ => Err(Unclear(sentence!("this kind of statement is not known"))),
    }
}

fn use_database(mut cursor: Cursor<'_>) -> Parsed<Effect> {
    let database = cursor.identifier()?;
    cursor.end()?;
    Ok(Effect::Use { database })
}

fn begin(mut cursor: Cursor<'_>) -> Parsed<Effect> {
    cursor.eat(&["WORK"]);
    if cursor.is_empty() {
        Ok(Effect::TransactionControl)
    } else {
        Err(Unclear(sentence!("a compound statement is not looked into")))
    }
}

/// Whether a user-level lock is taken or released: the migration's own lock is one.
fn calls_lock_function(lexemes: &[Lexeme<'_>]) -> bool {
    lexemes.windows(2).any(|pair| {
        pair[1].is_symbol("(")
            && ["GET_LOCK", "RELEASE_LOCK", "RELEASE_ALL_LOCKS"].iter().any(|name| pair[0].is_keyword(name))
    })
}
