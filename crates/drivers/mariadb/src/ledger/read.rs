//! Which ledgers a database has, told by their tables and columns, and what all forms read alike.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::ledger::{LedgerTool, TargetLedger};
use sentence::{Sentence, sentence};

use super::{LedgerForm, TABLE, alembic, atlas, flyway, form_of, golang_migrate, liquibase, sqlx, versions};
use crate::error::{Error, Result};
use crate::name::ObjectRef;
use crate::session::Session;

/// More entries than any project has; a table beyond is none of a person's making.
const MAX_ENTRIES: usize = 50_000;

/// How a tool's ledger is told from other tables.
pub(super) struct Form {
    pub(super) tool: LedgerTool,
    /// Its usual names, in lower case.
    pub(super) tables: &'static [&'static str],
    /// Columns that it always has, in lower case.
    pub(super) columns: &'static [&'static str],
}

const FORMS: [&Form; 5] = [&alembic::FORM, &atlas::FORM, &flyway::FORM, &liquibase::FORM, &sqlx::FORM];

/// Every ledger that a database has, read and never written. The list of versions comes first.
///
/// # Errors
/// [`Error::LedgerReadOnly`] where `schema_migrations` has an unknown form; [`Error::TooManyRows`]; those of asking.
pub async fn ledgers(session: &mut Session, database: &str) -> Result<Vec<TargetLedger>> {
    let tables = tables(session, database).await?;
    let mut found = Vec::new();
    if tables.contains_key(TABLE) {
        let table = ObjectRef::new(database, TABLE);
        match form_of(&session.columns(table).await?) {
            // It was dropped a moment ago.
            LedgerForm::Missing => {}
            LedgerForm::Versions { has_times } => found.push(versions::read(session, table, has_times).await?),
            LedgerForm::GolangMigrate => found.push(golang_migrate::read(session, table).await?),
            form @ LedgerForm::Other { .. } => {
                return Err(Error::LedgerReadOnly { table: table.to_string(), form });
            }
        }
    }
    for form in FORMS {
        for (name, columns) in &tables {
            let is_named = form.tables.contains(&name.to_lowercase().as_str());
            if !is_named || !form.columns.iter().all(|column| columns.iter().any(|found| found == column)) {
                continue;
            }
            let table = ObjectRef::new(database, name);
            found.push(match form.tool {
                LedgerTool::Alembic => alembic::read(session, table).await?,
                LedgerTool::Atlas => atlas::read(session, table).await?,
                LedgerTool::Flyway => flyway::read(session, table).await?,
                LedgerTool::Liquibase => {
                    let lock = tables.keys().find(|table| table.eq_ignore_ascii_case(liquibase::LOCK_TABLE));
                    liquibase::read(session, table, lock.map(|name| ObjectRef::new(database, name))).await?
                }
                LedgerTool::Sqlx => sqlx::read(session, table).await?,
                LedgerTool::Versions | LedgerTool::GolangMigrate | LedgerTool::MigrateMongo => continue,
            });
        }
    }
    Ok(found)
}

/// The tables that may be ledgers or belong to one, with their columns in lower case.
async fn tables(session: &mut Session, database: &str) -> Result<BTreeMap<String, Vec<String>>> {
    let names: Vec<&str> =
        FORMS.iter().flat_map(|form| form.tables).copied().chain([TABLE, liquibase::LOCK_TABLE]).collect();
    let places = vec!["?"; names.len()].join(", ");
    let sql = format!(
        "SELECT TABLE_NAME, LOWER(COLUMN_NAME) FROM information_schema.COLUMNS \
         WHERE TABLE_SCHEMA = ? AND LOWER(TABLE_NAME) IN ({places})"
    );
    let parameters: Vec<&str> = std::iter::once(database).chain(names).collect();
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in session.texts(&sentence!("looking for ledgers"), &sql, &parameters).await? {
        if let [Some(table), Some(column)] = &row[..] {
            tables.entry(table.clone()).or_default().push(column.clone());
        }
    }
    Ok(tables)
}

/// A row of a ledger; what is NULL or beyond the columns asked for is none.
pub(super) struct Row {
    columns: std::vec::IntoIter<Option<String>>,
}

impl Row {
    /// The next column.
    pub(super) fn text(&mut self) -> Option<String> {
        self.columns.next().flatten()
    }

    /// The next column, which is never NULL.
    pub(super) fn required(&mut self, table: ObjectRef<'_>) -> Result<String> {
        self.text().ok_or_else(|| Error::protocol(&reading(table), sentence!("a column is NULL that must not be")))
    }

    /// The next column, which holds seconds since 1970.
    pub(super) fn time(&mut self) -> Option<DateTime<Utc>> {
        let seconds = self.text()?;
        let (whole, fraction) = seconds.split_once('.').unwrap_or((&seconds, ""));
        let nanos: u32 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
        DateTime::from_timestamp(whole.parse().ok()?, nanos)
    }

    /// The next column, which is true where it is `1`.
    pub(super) fn truth(&mut self) -> bool {
        self.text().as_deref() == Some("1")
    }
}

/// The rows of a ledger. `columns` are expressions that give text, `order` is how they come.
pub(super) async fn rows(session: &mut Session, table: ObjectRef<'_>, columns: &str, order: &str) -> Result<Vec<Row>> {
    let doing = reading(table);
    let sql = format!("SELECT {columns} FROM {} ORDER BY {order} LIMIT {}", table.quoted(), MAX_ENTRIES + 1);
    let rows = session.texts(&doing, &sql, &[]).await?;
    if rows.len() > MAX_ENTRIES {
        return Err(Error::TooManyRows { doing, limit: MAX_ENTRIES });
    }
    Ok(rows.into_iter().map(|row| Row { columns: row.into_iter() }).collect())
}

fn reading(table: ObjectRef<'_>) -> Sentence {
    sentence!("reading ledger {table}", table = table.to_string())
}
