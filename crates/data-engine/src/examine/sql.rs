//! MariaDB scripts: the statements to run, and what each would destroy.

use sentence::{Sentence, sentence};
use std::collections::HashSet;

use domain::plan::{ScriptFacts, ScriptStatement};
use sql_script::{
    AlterAction, Classified, Effect, Rewrite, SplitError, TableName, classify, non_atomic, quote_identifier, split,
};

use super::{is_ledger, lost, put_aside, refusal};
use crate::script::{number, sha256};

/// How many characters of a statement are shown.
const SHOWN: usize = 100;

/// A statement as it is run and journalled: a `DROP` of several objects is several of them.
#[derive(Debug, Clone)]
pub(crate) struct Unit {
    pub(crate) index: u32,
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) text: String,
    pub(crate) sha256: String,
    pub(crate) effect: Effect,
    pub(crate) is_ddl: bool,
    pub(crate) is_dml: bool,
    pub(crate) treatment: Treatment,
}

/// What has to happen around a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// Nothing is lost.
    Plain,
    /// These columns are copied first.
    KeepColumns { table: String, columns: Vec<String> },
    /// The table is moved away in place of the `DROP`.
    KeepTable { table: String },
    /// The values that their new type would change are copied first.
    Convert(Conversion),
    /// The rows of these tables that it changes or removes are copied while it runs.
    KeepRows { tables: Vec<String> },
    /// Not understood; a person has been warned.
    Unknown(Sentence),
    /// Not run.
    Refuse { reason: Sentence, destroys: Vec<Sentence> },
}

/// Columns that get other types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conversion {
    pub(crate) table: String,
    /// Their names before and after.
    pub(crate) columns: Vec<(String, String)>,
    /// Whether every text of the table gets another character set.
    pub(crate) texts: bool,
    /// What to do to a copy of the table to see what becomes of its values: clauses of an `ALTER TABLE`.
    pub(crate) clauses: Vec<String>,
}

/// What the script itself has made so far: changing that loses nothing.
#[derive(Default)]
struct Made {
    tables: HashSet<String>,
    columns: HashSet<(String, String)>,
}

/// The statements of a script.
pub(crate) fn units(script: &str) -> Result<Vec<Unit>, SplitError> {
    let mut units = Vec::new();
    let mut made = Made::default();
    for statement in split(script)? {
        let classified = classify(&statement.text);
        let texts = match non_atomic(&classified) {
            Some(Rewrite::Split { statements, .. }) => statements,
            _ => vec![in_transaction(&classified.effect, &made).unwrap_or(statement.text)],
        };
        for text in texts {
            let classified = classify(&text);
            let treatment = treatment(&classified, &made);
            made.note(&classified.effect);
            units.push(Unit {
                index: number(units.len()),
                line: statement.line,
                column: statement.column,
                sha256: sha256(text.as_bytes()),
                text,
                is_ddl: classified.is_ddl(),
                is_dml: classified.is_dml(),
                effect: classified.effect,
                treatment,
            });
        }
    }
    Ok(units)
}

pub(super) fn examine(script: &str) -> ScriptFacts {
    let mut facts = ScriptFacts { predictable: true, ..ScriptFacts::default() };
    let units = match units(script) {
        Ok(units) => units,
        Err(error) => {
            facts.refusals.push(refusal(error.line, error.column, &error.kind.sentence()));
            return facts;
        }
    };
    for unit in units {
        facts.statements.push(ScriptStatement {
            position: format!("{}:{}", unit.line, unit.column),
            does: describe(&unit.text, &unit.effect),
        });
        match unit.treatment {
            Treatment::Plain => {}
            Treatment::KeepColumns { table, columns } => {
                put_aside(&mut facts, columns.iter().map(|column| format!("column {table}.{column}")));
            }
            Treatment::KeepTable { table } => put_aside(&mut facts, [format!("table {table}")]),
            Treatment::KeepRows { tables } => {
                put_aside(&mut facts, tables.iter().map(|table| format!("rows of {table}")));
            }
            Treatment::Convert(conversion) => {
                put_aside(&mut facts, conversion.objects());
            }
            Treatment::Unknown(_) => facts.unknown.push(format!("{}:{}", unit.line, unit.column)),
            Treatment::Refuse { reason, destroys } => {
                facts.destroys.extend(destroys.iter().map(Sentence::to_string));
                facts.refusals.push(refusal(unit.line, unit.column, &reason));
            }
        }
    }
    facts
}

/// The statement in one line. Of one that writes rows only what it writes to: its values may be nobody's business.
fn describe(text: &str, effect: &Effect) -> String {
    let tables = |tables: &[TableName]| tables.iter().map(TableName::to_string).collect::<Vec<_>>().join(", ");
    match effect {
        Effect::Insert { table, .. } => format!("INSERT INTO {table}"),
        Effect::Replace { table } => format!("REPLACE INTO {table}"),
        Effect::Update { tables: changed, .. } => format!("UPDATE {}", tables(changed)),
        Effect::Delete { tables: changed } => format!("DELETE FROM {}", tables(changed)),
        _ => shortened(text),
    }
}

fn shortened(text: &str) -> String {
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(SHOWN) {
        line.truncate(end);
        line.push('…');
    }
    line
}

impl Made {
    fn note(&mut self, effect: &Effect) {
        match effect {
            Effect::CreateTable { table, if_not_exists: false, .. } => {
                self.tables.insert(table.name.clone());
            }
            Effect::AlterTable { table, actions } => {
                for action in actions {
                    if let AlterAction::AddColumn { column, if_not_exists: false } = action {
                        self.columns.insert((table.name.clone(), column.clone()));
                    }
                }
            }
            _ => {}
        }
    }

    fn has(&self, table: &TableName) -> bool {
        self.tables.contains(&table.name) || is_ledger(&table.name)
    }

    fn has_column(&self, table: &TableName, column: &str) -> bool {
        self.has(table) || self.columns.contains(&(table.name.clone(), column.to_owned()))
    }
}

fn treatment(classified: &Classified, made: &Made) -> Treatment {
    let refuse = |reason| Treatment::Refuse { reason, destroys: Vec::new() };
    match (&classified.effect, non_atomic(classified)) {
        (Effect::DropDatabase { database }, _) => refuse_loss(sentence!("database {database}", database)),
        (_, Some(Rewrite::Refuse { reason })) => refuse(sentence!(
            "{reason}; write it as several statements, or do it outside migrations",
            reason = reason.sentence()
        )),
        (Effect::Use { .. }, _) => {
            refuse(sentence!("USE leaves the data store's database; name the object's database instead"))
        }
        (Effect::TransactionControl, _) => refuse(sentence!(
            "each statement is a transaction of its own with its journal entry; leave transactions out"
        )),
        (Effect::Lock, _) => refuse(sentence!("it would disturb the lock under which migrations run; leave locks out")),
        (Effect::CreateTable { temporary: true, .. } | Effect::DropTable { temporary: true, .. }, _) => {
            refuse(sentence!("a temporary table does not outlive an interruption; use an ordinary one"))
        }
        (Effect::Unknown { reason }, _) => Treatment::Unknown(reason.clone()),
        (Effect::AlterTable { table, actions }, _) => altering(table, actions, made),
        (Effect::DropTable { tables, .. }, _) => match &tables[..] {
            [table] if is_ledger(&table.name) => refuse_loss(sentence!("ledger {ledger}", ledger = table.to_string())),
            [TableName { database: None, name }] => Treatment::KeepTable { table: name.clone() },
            [table] => refuse_loss(sentence!(
                "table {table} of a database that is named; leave its name out",
                table = table.to_string()
            )),
            _ => refuse(sentence!("several tables are dropped one by one")),
        },
        (Effect::Insert { table, updates_duplicates: true } | Effect::Replace { table }, _) => {
            rows(std::slice::from_ref(table), made)
        }
        (Effect::Update { tables, columns }, _) if fills_only(tables, columns, made) => Treatment::Plain,
        (Effect::Update { tables, .. } | Effect::Delete { tables }, _) => rows(tables, made),
        _ => Treatment::Plain,
    }
}

/// `TRUNCATE` as a statement that changes rows: they can be put aside, and the counter does not begin anew, so that no
/// later row takes the key of one that comes back.
fn in_transaction(effect: &Effect, made: &Made) -> Option<String> {
    match effect {
        Effect::Truncate { table } if !made.has(table) => Some(format!("DELETE FROM {}", table.quoted())),
        _ => None,
    }
}

/// Whether an `UPDATE` fills columns that the script itself has made, and nothing else.
fn fills_only(tables: &[TableName], columns: &[String], made: &Made) -> bool {
    let [table] = tables else { return false };
    !columns.is_empty() && columns.iter().all(|column| made.has_column(table, column))
}

fn rows(tables: &[TableName], made: &Made) -> Treatment {
    let touched: Vec<&TableName> = tables.iter().filter(|table| !made.has(table)).collect();
    if let Some(table) = touched.iter().find(|table| table.database.is_some()) {
        return refuse_loss(sentence!(
            "rows of {table} of a database that is named; leave its name out",
            table = table.to_string()
        ));
    }
    if touched.is_empty() {
        return Treatment::Plain;
    }
    Treatment::KeepRows { tables: touched.into_iter().map(|table| table.name.clone()).collect() }
}

fn altering(table: &TableName, actions: &[AlterAction], made: &Made) -> Treatment {
    let (mut dropped, mut conversion) = (Vec::new(), Conversion::of(table));
    for action in actions.iter().filter(|action| action.is_destructive()) {
        match action {
            AlterAction::DropColumn { column, .. } => dropped.push(column.clone()),
            AlterAction::ModifyColumn { column, .. } | AlterAction::ChangeColumn { from: column, .. }
                if made.has_column(table, column) => {}
            AlterAction::ModifyColumn { column, definition } => conversion.add(column, column, definition),
            AlterAction::ChangeColumn { from, to, definition } => conversion.add(from, to, definition),
            _ if made.has(table) => {}
            AlterAction::ConvertCharacterSet { character_set } => {
                conversion.texts = true;
                conversion.clauses.push(format!("CONVERT TO CHARACTER SET {character_set}"));
            }
            AlterAction::DropSystemVersioning => {
                return refuse_loss(sentence!("history of {table}", table = table.to_string()));
            }
            _ => return refuse_loss(sentence!("rows of {table}", table = table.to_string())),
        }
    }
    if dropped.is_empty() && conversion.clauses.is_empty() {
        return Treatment::Plain;
    }
    let renames = actions.iter().any(|action| matches!(action, AlterAction::RenameTo { .. }));
    let does_both = !dropped.is_empty() && !conversion.clauses.is_empty();
    if renames || does_both || table.database.is_some() {
        return refuse_loss(sentence!(
            "columns of {table}; drop or change them in a statement of their own that does not name the database",
            table = table.to_string()
        ));
    }
    if dropped.is_empty() {
        return Treatment::Convert(conversion);
    }
    Treatment::KeepColumns { table: table.name.clone(), columns: dropped }
}

impl Conversion {
    fn of(table: &TableName) -> Self {
        Self { table: table.name.clone(), columns: Vec::new(), texts: false, clauses: Vec::new() }
    }

    fn add(&mut self, from: &str, to: &str, definition: &str) {
        let (old, new) = (quote_identifier(from), quote_identifier(to));
        self.clauses.push(format!("CHANGE COLUMN {old} {new} {definition}"));
        self.columns.push((from.to_owned(), to.to_owned()));
    }

    /// What is put aside, for a person: only the values that do not survive.
    pub(crate) fn objects(&self) -> Vec<String> {
        let all = self.texts.then(|| format!("texts of {} that their new character set changes", self.table));
        self.columns
            .iter()
            .map(|(from, _)| format!("values of {}.{from} that its new type changes", self.table))
            .chain(all)
            .collect()
    }
}

fn refuse_loss(what: Sentence) -> Treatment {
    Treatment::Refuse { reason: lost(&what), destroys: vec![what] }
}
