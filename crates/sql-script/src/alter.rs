//! `ALTER`: tables with all their actions, and the few other objects whose change is understood.

use sentence::sentence;

use crate::create_drop::definer;
use crate::cursor::{Cursor, Lexeme, Parsed, Unclear, holds_phrase, split_commas, text_of};
use crate::effect::{AlterAction, Effect, PartitionAction};
use crate::token::Kind;

pub(crate) fn alter(mut cursor: Cursor<'_>) -> Parsed<Effect> {
    cursor.eat_any(&["ONLINE", "OFFLINE"]);
    cursor.eat(&["IGNORE"]);
    if cursor.eat(&["TABLE"]) {
        return alter_table(cursor);
    }
    if cursor.eat(&["ALGORITHM"]) {
        cursor.eat_symbol("=");
        cursor.advance();
    }
    if cursor.eat(&["DEFINER"]) {
        definer(&mut cursor)?;
    }
    if cursor.eat(&["SQL", "SECURITY"]) {
        cursor.advance();
    }
    if cursor.eat(&["VIEW"]) {
        return Ok(Effect::CreateView { view: cursor.table()?, or_replace: true });
    }
    Err(Unclear(sentence!("only ALTER TABLE and ALTER VIEW are known")))
}

fn alter_table(mut cursor: Cursor<'_>) -> Parsed<Effect> {
    cursor.if_exists();
    let table = cursor.table()?;
    cursor.skip_wait()?;
    let mut actions = Vec::new();
    if let Some(change) = partition_change(cursor) {
        // Lists of partitions and their definitions run to the end of the statement.
        actions.push(AlterAction::Partition { change });
    } else {
        let repartitions = holds_phrase(cursor.remaining(), &["PARTITION", "BY"])
            || holds_phrase(cursor.remaining(), &["REMOVE", "PARTITIONING"]);
        if repartitions {
            // It may stand behind other actions without a comma, so these are not read apart.
            actions.push(AlterAction::Partition { change: PartitionAction::Reorganize });
        } else {
            for part in split_commas(cursor.remaining())? {
                action(Cursor::new(part), &mut actions)?;
            }
        }
    }
    if actions.is_empty() {
        return Err(Unclear(sentence!("ALTER TABLE has no action")));
    }
    Ok(Effect::AlterTable { table, actions })
}

fn partition_change(cursor: Cursor<'_>) -> Option<PartitionAction> {
    if cursor.sees(&["ADD", "PARTITION"]) {
        return Some(PartitionAction::Add);
    }
    if cursor.sees(&["DROP", "PARTITION"]) || cursor.sees(&["TRUNCATE", "PARTITION"]) {
        return Some(PartitionAction::Remove);
    }
    let others = [
        "REORGANIZE",
        "COALESCE",
        "EXCHANGE",
        "REBUILD",
        "OPTIMIZE",
        "CHECK",
        "REPAIR",
        "ANALYZE",
        "DISCARD",
        "IMPORT",
    ];
    let is_partition = others.iter().any(|word| cursor.sees(&[word, "PARTITION"]))
        || cursor.sees(&["CONVERT", "PARTITION"])
        || cursor.sees(&["CONVERT", "TABLE"]);
    is_partition.then_some(PartitionAction::Reorganize)
}

fn action(mut cursor: Cursor<'_>, actions: &mut Vec<AlterAction>) -> Parsed<()> {
    let found = if cursor.eat(&["ADD"]) {
        return add(cursor, actions);
    } else if cursor.eat(&["DROP"]) {
        drop(&mut cursor)?
    } else if cursor.eat(&["MODIFY"]) {
        cursor.eat(&["COLUMN"]);
        cursor.if_exists();
        let column = cursor.identifier()?;
        AlterAction::ModifyColumn { column, definition: column_definition(&mut cursor)? }
    } else if cursor.eat(&["CHANGE"]) {
        cursor.eat(&["COLUMN"]);
        cursor.if_exists();
        let from = cursor.identifier()?;
        let to = cursor.identifier()?;
        AlterAction::ChangeColumn { from, to, definition: column_definition(&mut cursor)? }
    } else if cursor.eat(&["RENAME"]) {
        rename(&mut cursor)?
    } else if cursor.eat(&["ALTER"]) {
        alter_part(&mut cursor)?
    } else if cursor.eat(&["CONVERT", "TO"]) {
        if !cursor.eat(&["CHARSET"]) {
            cursor.expect(&["CHARACTER", "SET"])?;
        }
        AlterAction::ConvertCharacterSet { character_set: column_definition(&mut cursor)? }
    } else if cursor.eat(&["ORDER", "BY"]) {
        definition(&mut cursor)?;
        AlterAction::Rebuild
    } else if cursor.eat(&["FORCE"]) || cursor.eat(&["ENABLE", "KEYS"]) || cursor.eat(&["DISABLE", "KEYS"]) {
        AlterAction::Rebuild
    } else {
        let names = options(&mut cursor)?;
        if names.iter().all(|name| name == "ALGORITHM" || name == "LOCK") {
            // How to run the other actions, not an action.
            return Ok(());
        }
        AlterAction::Options { names }
    };
    cursor.end()?;
    actions.push(found);
    Ok(())
}

/// A definition that only the server can judge: it must be there, and nothing may follow it.
fn definition(cursor: &mut Cursor<'_>) -> Parsed<()> {
    if cursor.is_empty() {
        return Err(Unclear(sentence!("a definition is missing")));
    }
    while cursor.advance().is_some() {}
    Ok(())
}

/// As [`definition`]: its text, without the place that the column gets.
fn column_definition(cursor: &mut Cursor<'_>) -> Parsed<String> {
    let lexemes = match cursor.remaining() {
        [rest @ .., last] if last.is_keyword("FIRST") => rest,
        [rest @ .., after, _] if after.is_keyword("AFTER") => rest,
        all => all,
    };
    let text = text_of(lexemes);
    definition(cursor)?;
    Ok(text)
}

fn add(mut cursor: Cursor<'_>, actions: &mut Vec<AlterAction>) -> Parsed<()> {
    if cursor.eat(&["SYSTEM", "VERSIONING"]) {
        cursor.end()?;
        actions.push(AlterAction::AddSystemVersioning);
        return Ok(());
    }
    if cursor.sees(&["PERIOD", "FOR"]) {
        return Err(Unclear(sentence!("application-time periods are not known")));
    }
    if let Some(found) = add_key(&mut cursor)? {
        actions.push(found);
        return Ok(());
    }
    cursor.eat(&["COLUMN"]);
    let if_not_exists = cursor.if_not_exists();
    if cursor.sees_symbol("(") {
        let inside = cursor.parenthesised()?;
        cursor.end()?;
        for part in split_commas(inside)? {
            let mut part = Cursor::new(part);
            if let Some(found) = add_key(&mut part)? {
                actions.push(found);
            } else {
                actions.push(add_column(&mut part, if_not_exists)?);
            }
        }
        return Ok(());
    }
    actions.push(add_column(&mut cursor, if_not_exists)?);
    Ok(())
}

fn add_column(cursor: &mut Cursor<'_>, if_not_exists: bool) -> Parsed<AlterAction> {
    let column = cursor.identifier()?;
    definition(cursor)?;
    Ok(AlterAction::AddColumn { column, if_not_exists })
}

fn add_key(cursor: &mut Cursor<'_>) -> Parsed<Option<AlterAction>> {
    let is_constraint = cursor.eat(&["CONSTRAINT"]);
    let mut if_not_exists = is_constraint && cursor.if_not_exists();
    let kinds = ["PRIMARY", "UNIQUE", "FOREIGN", "CHECK"];
    let name =
        if is_constraint && !kinds.iter().any(|kind| cursor.sees(&[kind])) { Some(cursor.identifier()?) } else { None };
    let found = if cursor.eat(&["PRIMARY", "KEY"]) {
        AlterAction::AddPrimaryKey
    } else if cursor.eat(&["FOREIGN", "KEY"]) {
        cursor.if_not_exists();
        let own = if cursor.sees_symbol("(") { None } else { Some(cursor.identifier()?) };
        cursor.parenthesised()?;
        cursor.expect(&["REFERENCES"])?;
        AlterAction::AddForeignKey { name: name.or(own), references: cursor.table()? }
    } else if cursor.eat(&["CHECK"]) {
        AlterAction::AddCheck { name }
    } else if cursor.eat_any(&["UNIQUE", "FULLTEXT", "SPATIAL"])
        || (!is_constraint && (cursor.sees(&["INDEX"]) || cursor.sees(&["KEY"])))
    {
        cursor.eat_any(&["INDEX", "KEY"]);
        if_not_exists |= cursor.if_not_exists();
        let unnamed = cursor.sees_symbol("(") || cursor.sees(&["USING"]);
        let own = if unnamed { None } else { Some(cursor.identifier()?) };
        AlterAction::AddIndex { index: own.or(name), if_not_exists }
    } else if is_constraint {
        return Err(Unclear(sentence!("this kind of constraint is not known")));
    } else {
        return Ok(None);
    };
    if !matches!(found, AlterAction::AddForeignKey { .. }) {
        definition(cursor)?;
    }
    Ok(Some(found))
}

fn drop(cursor: &mut Cursor<'_>) -> Parsed<AlterAction> {
    if cursor.eat(&["PRIMARY", "KEY"]) {
        return Ok(AlterAction::DropPrimaryKey);
    }
    if cursor.eat(&["SYSTEM", "VERSIONING"]) {
        return Ok(AlterAction::DropSystemVersioning);
    }
    if cursor.sees(&["PERIOD", "FOR"]) {
        return Err(Unclear(sentence!("application-time periods are not known")));
    }
    if cursor.eat_any(&["INDEX", "KEY"]) {
        let if_exists = cursor.if_exists();
        return Ok(AlterAction::DropIndex { index: cursor.identifier()?, if_exists });
    }
    if cursor.eat(&["FOREIGN", "KEY"]) {
        let if_exists = cursor.if_exists();
        return Ok(AlterAction::DropForeignKey { name: cursor.identifier()?, if_exists });
    }
    if cursor.eat(&["CONSTRAINT"]) {
        let if_exists = cursor.if_exists();
        return Ok(AlterAction::DropConstraint { name: cursor.identifier()?, if_exists });
    }
    cursor.eat(&["COLUMN"]);
    let if_exists = cursor.if_exists();
    let column = cursor.identifier()?;
    cursor.eat_any(&["RESTRICT", "CASCADE"]);
    Ok(AlterAction::DropColumn { column, if_exists })
}

fn rename(cursor: &mut Cursor<'_>) -> Parsed<AlterAction> {
    let column = cursor.eat(&["COLUMN"]);
    if column || cursor.eat_any(&["INDEX", "KEY"]) {
        cursor.if_exists();
        let from = cursor.identifier()?;
        cursor.expect(&["TO"])?;
        let to = cursor.identifier()?;
        return Ok(if column { AlterAction::RenameColumn { from, to } } else { AlterAction::RenameIndex { from, to } });
    }
    if !cursor.eat_any(&["TO", "AS"]) {
        cursor.eat_symbol("=");
    }
    Ok(AlterAction::RenameTo { table: cursor.table()? })
}

fn alter_part(cursor: &mut Cursor<'_>) -> Parsed<AlterAction> {
    if cursor.eat_any(&["INDEX", "KEY"]) {
        cursor.if_exists();
        let index = cursor.identifier()?;
        cursor.eat(&["NOT"]);
        cursor.expect(&["IGNORED"])?;
        return Ok(AlterAction::AlterIndex { index });
    }
    cursor.eat(&["COLUMN"]);
    cursor.if_exists();
    let column = cursor.identifier()?;
    if !cursor.eat(&["DROP", "DEFAULT"]) {
        cursor.expect(&["SET", "DEFAULT"])?;
        definition(cursor)?;
    }
    Ok(AlterAction::AlterDefault { column })
}

/// Options that change how a table is stored, not what is in it.
const OPTIONS: &[&str] = &[
    "ALGORITHM",
    "LOCK",
    "ENGINE",
    "AUTO_INCREMENT",
    "AVG_ROW_LENGTH",
    "CHARSET",
    "CHECKSUM",
    "COLLATE",
    "COMMENT",
    "ENCRYPTED",
    "ENCRYPTION_KEY_ID",
    "KEY_BLOCK_SIZE",
    "MAX_ROWS",
    "MIN_ROWS",
    "PACK_KEYS",
    "PAGE_CHECKSUM",
    "PAGE_COMPRESSED",
    "PAGE_COMPRESSION_LEVEL",
    "ROW_FORMAT",
    "STATS_AUTO_RECALC",
    "STATS_PERSISTENT",
    "STATS_SAMPLE_PAGES",
];

fn options(cursor: &mut Cursor<'_>) -> Parsed<Vec<String>> {
    let mut names = Vec::new();
    while !cursor.is_empty() {
        cursor.eat(&["DEFAULT"]);
        let name =
            if cursor.eat(&["CHARACTER", "SET"]) { "CHARSET".to_owned() } else { known_option(cursor.advance())? };
        cursor.eat_symbol("=");
        cursor.advance().ok_or_else(|| Unclear(sentence!("an option has no value")))?;
        names.push(name);
    }
    if names.is_empty() {
        return Err(Unclear(sentence!("an action is empty")));
    }
    Ok(names)
}

fn known_option(lexeme: Option<Lexeme<'_>>) -> Parsed<String> {
    lexeme
        .filter(|lexeme| lexeme.kind == Kind::Word)
        .map(|lexeme| lexeme.text.to_ascii_uppercase())
        .filter(|name| OPTIONS.contains(&name.as_str()))
        .ok_or_else(|| Unclear(sentence!("this action of ALTER TABLE is not known")))
}
