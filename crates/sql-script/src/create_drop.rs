//! `CREATE`, `DROP`, `RENAME` and `TRUNCATE`.

use sentence::sentence;

use crate::cursor::{Cursor, Parsed, Unclear, split_commas};
use crate::effect::{Effect, RoutineKind, TableRename};

pub(crate) fn create(mut cursor: Cursor<'_>) -> Parsed<Effect> {
    let or_replace = cursor.eat(&["OR", "REPLACE"]);
    if cursor.eat(&["ALGORITHM"]) {
        option_value(&mut cursor)?;
    }
    if cursor.eat(&["DEFINER"]) {
        definer(&mut cursor)?;
    }
    if cursor.eat(&["SQL", "SECURITY"]) {
        cursor.advance();
    }
    let aggregate = cursor.eat(&["AGGREGATE"]);
    let temporary = cursor.eat(&["TEMPORARY"]);
    if cursor.eat(&["TABLE"]) {
        let if_not_exists = cursor.if_not_exists();
        return Ok(Effect::CreateTable { table: cursor.table()?, if_not_exists, or_replace, temporary });
    }
    if cursor.eat(&["VIEW"]) {
        cursor.if_not_exists();
        return Ok(Effect::CreateView { view: cursor.table()?, or_replace });
    }
    if cursor.eat(&["TRIGGER"]) {
        cursor.if_not_exists();
        return Ok(Effect::CreateTrigger { trigger: cursor.table()?, or_replace });
    }
    if let Some(routine) = routine_kind(&mut cursor) {
        cursor.if_not_exists();
        let name = cursor.table()?;
        if cursor.remaining().iter().any(|lexeme| lexeme.is_keyword("SONAME")) {
            return Err(Unclear(sentence!("a function from a library is not known")));
        }
        return Ok(Effect::CreateRoutine { routine, name, or_replace });
    }
    if aggregate || temporary {
        return Err(Unclear(sentence!("this kind of object is not known")));
    }
    if cursor.eat_any(&["DATABASE", "SCHEMA"]) {
        cursor.if_not_exists();
        return Ok(Effect::CreateDatabase { database: cursor.identifier()?, or_replace });
    }
    create_index(cursor)
}

fn create_index(mut cursor: Cursor<'_>) -> Parsed<Effect> {
    cursor.eat_any(&["UNIQUE", "FULLTEXT", "SPATIAL"]);
    if !cursor.eat_any(&["INDEX", "KEY"]) {
        return Err(Unclear(sentence!("this kind of object is not known")));
    }
    let if_not_exists = cursor.if_not_exists();
    let index = cursor.identifier()?;
    if cursor.eat(&["USING"]) {
        cursor.advance();
    }
    cursor.expect(&["ON"])?;
    Ok(Effect::CreateIndex { table: cursor.table()?, index, if_not_exists })
}

pub(crate) fn drop(mut cursor: Cursor<'_>) -> Parsed<Effect> {
    let temporary = cursor.eat(&["TEMPORARY"]);
    if cursor.eat_any(&["TABLE", "TABLES"]) {
        let if_exists = cursor.if_exists();
        let tables = cursor.tables()?;
        cursor.skip_wait()?;
        cursor.eat_any(&["RESTRICT", "CASCADE"]);
        cursor.end()?;
        return Ok(Effect::DropTable { tables, if_exists, temporary });
    }
    if temporary {
        return Err(Unclear(sentence!("this kind of object is not known")));
    }
    if cursor.eat_any(&["VIEW", "VIEWS"]) {
        let if_exists = cursor.if_exists();
        let views = cursor.tables()?;
        cursor.eat_any(&["RESTRICT", "CASCADE"]);
        cursor.end()?;
        return Ok(Effect::DropView { views, if_exists });
    }
    if cursor.eat(&["TRIGGER"]) {
        let if_exists = cursor.if_exists();
        let trigger = cursor.table()?;
        cursor.end()?;
        return Ok(Effect::DropTrigger { trigger, if_exists });
    }
    if cursor.eat_any(&["DATABASE", "SCHEMA"]) {
        cursor.if_exists();
        let database = cursor.identifier()?;
        cursor.end()?;
        return Ok(Effect::DropDatabase { database });
    }
    if let Some(routine) = routine_kind(&mut cursor) {
        let if_exists = cursor.if_exists();
        let name = cursor.table()?;
        cursor.end()?;
        return Ok(Effect::DropRoutine { routine, name, if_exists });
    }
    if cursor.eat(&["INDEX"]) {
        let if_exists = cursor.if_exists();
        let index = cursor.identifier()?;
        cursor.expect(&["ON"])?;
        return Ok(Effect::DropIndex { table: cursor.table()?, index, if_exists });
    }
    Err(Unclear(sentence!("this kind of object is not known")))
}

pub(crate) fn rename(mut cursor: Cursor<'_>) -> Parsed<Effect> {
    if !cursor.eat_any(&["TABLE", "TABLES"]) {
        return Err(Unclear(sentence!("only RENAME TABLE is known")));
    }
    cursor.if_exists();
    let mut renames = Vec::new();
    for part in split_commas(cursor.remaining())? {
        let mut part = Cursor::new(part);
        let from = part.table()?;
        part.skip_wait()?;
        part.expect(&["TO"])?;
        let to = part.table()?;
        part.end()?;
        renames.push(TableRename { from, to });
    }
    Ok(Effect::RenameTable { renames })
}

pub(crate) fn truncate(mut cursor: Cursor<'_>) -> Parsed<Effect> {
    cursor.eat(&["TABLE"]);
    let table = cursor.table()?;
    cursor.skip_wait()?;
    cursor.end()?;
    Ok(Effect::Truncate { table })
}

fn routine_kind(cursor: &mut Cursor<'_>) -> Option<RoutineKind> {
    [
        (&["PROCEDURE"][..], RoutineKind::Procedure),
        (&["FUNCTION"], RoutineKind::Function),
        (&["PACKAGE", "BODY"], RoutineKind::PackageBody),
        (&["PACKAGE"], RoutineKind::Package),
        (&["EVENT"], RoutineKind::Event),
    ]
    .into_iter()
    .find(|(words, _)| cursor.eat(words))
    .map(|(_, kind)| kind)
}

fn option_value(cursor: &mut Cursor<'_>) -> Parsed<()> {
    cursor.eat_symbol("=");
    cursor.advance().map(|_| ()).ok_or_else(|| Unclear(sentence!("an option has no value")))
}

/// `= user@host`, `= CURRENT_USER()`, `= role`.
pub(crate) fn definer(cursor: &mut Cursor<'_>) -> Parsed<()> {
    option_value(cursor)?;
    if cursor.eat_symbol("@") {
        cursor.advance();
    } else if cursor.sees_symbol("(") {
        cursor.parenthesised()?;
    }
    Ok(())
}
