//! Looks in the target whether a statement has taken effect.

use sentence::{Sentence, sentence};
use std::collections::HashMap;

use driver_mariadb::{ObjectRef, RoutineKind, Session};
use sql_script::{AlterAction, Effect, TableName, TableRename};

use crate::error::Result;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// It has not taken effect.
    Before,
    /// It has.
    After,
    /// The objects are the same either way; a comparison with what was noted before it ran decides.
    Alike,
    /// Running it again changes nothing that the first run did not.
    Repeatable,
    /// The target is as it should be neither before nor after, and how.
    Neither(Sentence),
}

/// What is seen of one part of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    before: bool,
    after: bool,
}

impl Seen {
    const EITHER: Self = Self { before: true, after: true };

    /// Something that the statement makes; `guarded` by `IF NOT EXISTS`.
    fn made(exists: bool, guarded: bool) -> Self {
        Self { before: !exists || guarded, after: exists }
    }

    /// Something that the statement removes; `guarded` by `IF EXISTS`.
    fn removed(exists: bool, guarded: bool) -> Self {
        Self { before: exists || guarded, after: !exists }
    }

    fn and(self, other: Self) -> Self {
        Self { before: self.before && other.before, after: self.after && other.after }
    }
}

/// Looks for a statement's effect in `database`, where its names do not say another one.
pub(crate) async fn look(session: &mut Session, database: &str, effect: &Effect) -> Result<Found> {
    let object = |name: &TableName| (name.database.clone().unwrap_or_else(|| database.to_owned()), name.name.clone());
    match effect {
        Effect::AlterTable { table, actions } => look_at_table(session, database, table, actions).await,
        Effect::CreateTable { table, if_not_exists, .. } => {
            let (database, name) = object(table);
            let exists = session.table_exists(ObjectRef::new(&database, &name)).await?;
            Ok(made(exists, *if_not_exists))
        }
        Effect::DropTable { tables, if_exists, .. } => {
            let mut seen = Seen::EITHER;
            for table in tables {
                let (database, name) = object(table);
                let exists = session.table_exists(ObjectRef::new(&database, &name)).await?;
                seen = seen.and(Seen::removed(exists, *if_exists));
            }
            Ok(verdict(seen, *if_exists, sentence!("some of the tables are there and others are not")))
        }
        Effect::RenameTable { renames } => look_at_renames(session, database, renames).await,
        Effect::CreateIndex { table, index, if_not_exists } => {
            let (database, name) = object(table);
            let exists = session.index_exists(ObjectRef::new(&database, &name), index).await?;
            Ok(made(exists, *if_not_exists))
        }
        Effect::DropIndex { table, index, if_exists } => {
            let (database, name) = object(table);
            let exists = session.index_exists(ObjectRef::new(&database, &name), index).await?;
            Ok(removed(exists, *if_exists))
        }
        Effect::CreateView { or_replace: true, .. }
        | Effect::CreateTrigger { or_replace: true, .. }
        | Effect::CreateRoutine { or_replace: true, .. }
        | Effect::Truncate { .. }
        | Effect::Select
        | Effect::Show
        | Effect::Set => Ok(Found::Repeatable),
        Effect::CreateView { view, .. } => {
            let (database, name) = object(view);
            let exists = session.view_exists(ObjectRef::new(&database, &name)).await?;
            Ok(made(exists, false))
        }
        Effect::DropView { views, if_exists } => {
            let mut seen = Seen::EITHER;
            for view in views {
                let (database, name) = object(view);
                let exists = session.view_exists(ObjectRef::new(&database, &name)).await?;
                seen = seen.and(Seen::removed(exists, *if_exists));
            }
            Ok(verdict(seen, *if_exists, sentence!("some of the views are there and others are not")))
        }
        Effect::CreateTrigger { trigger, .. } => {
            let (database, name) = object(trigger);
            let exists = session.trigger_exists(ObjectRef::new(&database, &name)).await?;
            Ok(made(exists, false))
        }
        Effect::DropTrigger { trigger, if_exists } => {
            let (database, name) = object(trigger);
            Ok(removed(session.trigger_exists(ObjectRef::new(&database, &name)).await?, *if_exists))
        }
        Effect::CreateRoutine { routine, name, .. } => {
            let (database, plain) = object(name);
            let exists = routine_exists(session, *routine, ObjectRef::new(&database, &plain)).await?;
            Ok(made(exists, false))
        }
        Effect::DropRoutine { routine, name, if_exists } => {
            let (database, plain) = object(name);
            Ok(removed(routine_exists(session, *routine, ObjectRef::new(&database, &plain)).await?, *if_exists))
        }
        Effect::CreateDatabase { database, .. } => Ok(made(session.database_exists(database).await?, false)),
        _ => Ok(Found::Neither(sentence!("nothing in the schema tells whether it has run"))),
    }
}

fn made(exists: bool, guarded: bool) -> Found {
    alone(Seen::made(exists, guarded), guarded)
}

fn removed(exists: bool, guarded: bool) -> Found {
    alone(Seen::removed(exists, guarded), guarded)
}

/// One object, which is there or is not. `guarded`: what is alike because of `IF [NOT] EXISTS` can be run again.
fn alone(seen: Seen, guarded: bool) -> Found {
    match (seen.before, seen.after) {
        (true, false) => Found::Before,
        (false, true) => Found::After,
        _ if guarded => Found::Repeatable,
        _ => Found::Alike,
    }
}

/// Several objects, of which some can be as before the statement and others as after it.
fn verdict(seen: Seen, guarded: bool, neither: Sentence) -> Found {
    if seen.before || seen.after { alone(seen, guarded) } else { Found::Neither(neither) }
}

async fn routine_exists(session: &mut Session, kind: sql_script::RoutineKind, name: ObjectRef<'_>) -> Result<bool> {
    let kind = match kind {
        sql_script::RoutineKind::Procedure => RoutineKind::Procedure,
        sql_script::RoutineKind::Function => RoutineKind::Function,
        sql_script::RoutineKind::Package => RoutineKind::Package,
        sql_script::RoutineKind::PackageBody => RoutineKind::PackageBody,
        sql_script::RoutineKind::Event => return Ok(session.event_exists(name).await?),
    };
    Ok(session.routine_exists(kind, name).await?)
}

async fn look_at_renames(session: &mut Session, database: &str, renames: &[TableRename]) -> Result<Found> {
    // Which names are taken before the first rename and after the last one; a name can be given on in between.
    let (mut before, mut after) = (HashMap::new(), HashMap::new());
    for TableRename { from, to } in renames {
        for (name, goes) in [(from, true), (to, false)] {
            before.entry(name).or_insert(goes);
            after.insert(name, !goes);
        }
    }
    before.retain(|name, was| after.get(name) != Some(was));
    if before.is_empty() {
        return Ok(Found::Neither(sentence!("the names are exchanged, so nothing tells whether it has run")));
    }
    let mut seen = Seen::EITHER;
    for (name, goes) in before {
        let home = name.database.as_deref().unwrap_or(database);
        let exists = session.table_exists(ObjectRef::new(home, &name.name)).await?;
        seen = seen.and(if goes { Seen::removed(exists, false) } else { Seen::made(exists, false) });
    }
    Ok(verdict(seen, false, sentence!("the old and the new names are both there, or neither is")))
}

async fn look_at_table(
    session: &mut Session,
    database: &str,
    table: &TableName,
    actions: &[AlterAction],
) -> Result<Found> {
    let home = table.database.as_deref().unwrap_or(database);
    let reference = ObjectRef::new(home, &table.name);
    let renamed = actions.iter().find_map(|action| match action {
        AlterAction::RenameTo { table } => Some(table),
        _ => None,
    });
    if let Some(to) = renamed {
        let rename = TableRename { from: table.clone(), to: to.clone() };
        return look_at_renames(session, database, &[rename]).await;
    }
    if !session.table_exists(reference).await? {
        return Ok(Found::Neither(sentence!("table {table} is missing", table = table.to_string())));
    }
    let (mut seen, mut guarded, mut states) = (Seen::EITHER, true, Vec::new());
    for action in actions {
        let one = look_at_action(session, reference, action, actions).await?;
        states.push(sentence!("{action}: {state}", action = describe(action), state = state_name(one)));
        guarded &= is_guarded(action);
        seen = seen.and(one);
    }
    Ok(verdict(seen, guarded, sentence!("{all}", all = states)))
}

fn state_name(seen: Seen) -> Sentence {
    match (seen.before, seen.after) {
        (true, false) => sentence!("not done"),
        (false, true) => sentence!("done"),
        (true, true) => sentence!("the same either way"),
        (false, false) => sentence!("neither done nor undone"),
    }
}

/// The name in a message.
fn describe(action: &AlterAction) -> Sentence {
    let sql = match action {
        AlterAction::AddColumn { column, .. } => format!("ADD COLUMN {column}"),
        AlterAction::DropColumn { column, .. } => format!("DROP COLUMN {column}"),
        AlterAction::RenameColumn { from, to } | AlterAction::ChangeColumn { from, to, .. } => {
            return sentence!("rename of column {from} to {to}", from, to);
        }
        AlterAction::AddIndex { index: Some(index), .. } => format!("ADD INDEX {index}"),
        AlterAction::DropIndex { index, .. } => format!("DROP INDEX {index}"),
        AlterAction::AddForeignKey { name: Some(name), .. } => format!("ADD FOREIGN KEY {name}"),
        AlterAction::DropForeignKey { name, .. } => format!("DROP FOREIGN KEY {name}"),
        AlterAction::DropConstraint { name, .. } => format!("DROP CONSTRAINT {name}"),
        _ => return sentence!("another action"),
    };
    Sentence::verbatim(sql)
}

fn is_guarded(action: &AlterAction) -> bool {
    match action {
        AlterAction::AddColumn { if_not_exists: guarded, .. }
        | AlterAction::AddIndex { if_not_exists: guarded, .. }
        | AlterAction::DropColumn { if_exists: guarded, .. }
        | AlterAction::DropIndex { if_exists: guarded, .. }
        | AlterAction::DropForeignKey { if_exists: guarded, .. }
        | AlterAction::DropConstraint { if_exists: guarded, .. } => *guarded,
        _ => false,
    }
}

async fn look_at_action(
    session: &mut Session,
    table: ObjectRef<'_>,
    action: &AlterAction,
    all: &[AlterAction],
) -> Result<Seen> {
    Ok(match action {
        // What one ALTER both drops and adds is there before and after.
        AlterAction::AddColumn { column, .. } | AlterAction::DropColumn { column, .. }
            if exchanges_column(all, column) =>
        {
            Seen::EITHER
        }
        AlterAction::AddIndex { index: Some(index), .. } | AlterAction::DropIndex { index, .. }
            if exchanges_index(all, index) =>
        {
            Seen::EITHER
        }
        AlterAction::AddPrimaryKey | AlterAction::DropPrimaryKey
            if all.contains(&AlterAction::AddPrimaryKey) && all.contains(&AlterAction::DropPrimaryKey) =>
        {
            Seen::EITHER
        }
        AlterAction::AddColumn { column, if_not_exists } => {
            Seen::made(session.column_exists(table, column).await?, *if_not_exists)
        }
        AlterAction::DropColumn { column, if_exists } => {
            Seen::removed(session.column_exists(table, column).await?, *if_exists)
        }
        AlterAction::RenameColumn { from, to } | AlterAction::ChangeColumn { from, to, .. }
            if !from.eq_ignore_ascii_case(to) =>
        {
            let old = Seen::removed(session.column_exists(table, from).await?, false);
            old.and(Seen::made(session.column_exists(table, to).await?, false))
        }
        AlterAction::AddIndex { index: Some(index), if_not_exists } => {
            Seen::made(session.index_exists(table, index).await?, *if_not_exists)
        }
        AlterAction::DropIndex { index, if_exists } => {
            Seen::removed(session.index_exists(table, index).await?, *if_exists)
        }
        AlterAction::RenameIndex { from, to } => {
            let old = Seen::removed(session.index_exists(table, from).await?, false);
            old.and(Seen::made(session.index_exists(table, to).await?, false))
        }
        AlterAction::AddPrimaryKey => Seen::made(!session.primary_key(table).await?.is_empty(), false),
        AlterAction::DropPrimaryKey => Seen::removed(!session.primary_key(table).await?.is_empty(), false),
        AlterAction::AddForeignKey { name: Some(name), .. } | AlterAction::AddCheck { name: Some(name) }
            if !drops_constraint(all, name) =>
        {
            Seen::made(session.constraint_exists(table, name).await?, false)
        }
        AlterAction::DropForeignKey { name, if_exists } | AlterAction::DropConstraint { name, if_exists }
            if !adds_constraint(all, name) =>
        {
            Seen::removed(session.constraint_exists(table, name).await?, *if_exists)
        }
        _ => Seen::EITHER,
    })
}

fn exchanges_column(all: &[AlterAction], name: &str) -> bool {
    let adds =
        |a: &AlterAction| matches!(a, AlterAction::AddColumn { column, .. } if column.eq_ignore_ascii_case(name));
    let drops =
        |a: &AlterAction| matches!(a, AlterAction::DropColumn { column, .. } if column.eq_ignore_ascii_case(name));
    all.iter().any(adds) && all.iter().any(drops)
}

fn exchanges_index(all: &[AlterAction], name: &str) -> bool {
    let adds = |a: &AlterAction| matches!(a, AlterAction::AddIndex { index: Some(index), .. } if index.eq_ignore_ascii_case(name));
    let drops = |a: &AlterAction| matches!(a, AlterAction::DropIndex { index, .. } if index.eq_ignore_ascii_case(name));
    all.iter().any(adds) && all.iter().any(drops)
}

fn adds_constraint(all: &[AlterAction], name: &str) -> bool {
    all.iter().any(|action| {
        matches!(action, AlterAction::AddForeignKey { name: Some(other), .. } | AlterAction::AddCheck { name: Some(other) }
            if other.eq_ignore_ascii_case(name))
    })
}

fn drops_constraint(all: &[AlterAction], name: &str) -> bool {
    all.iter().any(|action| {
        matches!(action, AlterAction::DropForeignKey { name: other, .. } | AlterAction::DropConstraint { name: other, .. }
            if other.eq_ignore_ascii_case(name))
    })
}
