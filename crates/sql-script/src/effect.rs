//! What a statement does, as data.

use std::fmt;

use sentence::Sentence;
use serde::{Deserialize, Serialize};

/// A table, view, trigger or routine, with its database where the statement names one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TableName {
    /// The database, or `None` for the session's current one.
    pub database: Option<String>,
    /// The name, without quotes.
    pub name: String,
}

impl TableName {
    /// A name in the session's current database.
    pub fn local(name: impl Into<String>) -> Self {
        Self { database: None, name: name.into() }
    }

    /// The name quoted for use in a statement, for example `` `app`.`users` ``.
    pub fn quoted(&self) -> String {
        match &self.database {
            Some(database) => format!("{}.{}", quote_identifier(database), quote_identifier(&self.name)),
            None => quote_identifier(&self.name),
        }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(database) = &self.database {
            write!(f, "{database}.")?;
        }
        f.write_str(&self.name)
    }
}

/// Quotes an identifier with backticks, doubling those inside it.
pub fn quote_identifier(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A stored procedure, a stored function, or a package of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoutineKind {
    /// `PROCEDURE`.
    Procedure,
    /// `FUNCTION`.
    Function,
    /// `PACKAGE`.
    Package,
    /// `PACKAGE BODY`.
    PackageBody,
    /// `EVENT`, which has a body like a routine's.
    Event,
}

/// One `old TO new` of a `RENAME TABLE`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRename {
    /// The name before.
    pub from: TableName,
    /// The name after.
    pub to: TableName,
}

/// What an `ALTER TABLE … PARTITION` does to rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartitionAction {
    /// `ADD PARTITION`.
    Add,
    /// `DROP PARTITION` and `TRUNCATE PARTITION`: the rows are gone.
    Remove,
    /// Everything else: rows move, or the layout changes.
    Reorganize,
}

/// One action of an `ALTER TABLE`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum AlterAction {
    /// `ADD COLUMN`.
    AddColumn {
        /// The new column.
        column: String,
        /// Whether an existing column is no error.
        if_not_exists: bool,
    },
    /// `DROP COLUMN`.
    DropColumn {
        /// The column dropped with its data.
        column: String,
        /// Whether a missing column is no error.
        if_exists: bool,
    },
    /// `MODIFY COLUMN`: type, nullability or position change.
    ModifyColumn {
        /// The column.
        column: String,
        /// Its new definition, without its place.
        definition: String,
    },
    /// `CHANGE COLUMN`: as `MODIFY`, with a rename.
    ChangeColumn {
        /// The name before.
        from: String,
        /// The name after; the same where only the type changes.
        to: String,
        /// Its new definition, without its place.
        definition: String,
    },
    /// `RENAME COLUMN`.
    RenameColumn {
        /// The name before.
        from: String,
        /// The name after.
        to: String,
    },
    /// `ALTER COLUMN … SET DEFAULT` or `DROP DEFAULT`.
    AlterDefault {
        /// The column.
        column: String,
    },
    /// `ADD INDEX`, `ADD UNIQUE`, `ADD FULLTEXT`, `ADD SPATIAL`.
    AddIndex {
        /// The index, where the statement names it.
        index: Option<String>,
        /// Whether an existing index is no error.
        if_not_exists: bool,
    },
    /// `DROP INDEX`.
    DropIndex {
        /// The index.
        index: String,
        /// Whether a missing index is no error.
        if_exists: bool,
    },
    /// `RENAME INDEX`.
    RenameIndex {
        /// The name before.
        from: String,
        /// The name after.
        to: String,
    },
    /// `ALTER INDEX … [NOT] IGNORED`.
    AlterIndex {
        /// The index.
        index: String,
    },
    /// `ADD PRIMARY KEY`.
    AddPrimaryKey,
    /// `DROP PRIMARY KEY`.
    DropPrimaryKey,
    /// `ADD [CONSTRAINT …] FOREIGN KEY`.
    AddForeignKey {
        /// The constraint, where the statement names it.
        name: Option<String>,
        /// The table it points at.
        references: TableName,
    },
    /// `DROP FOREIGN KEY`.
    DropForeignKey {
        /// The constraint.
        name: String,
        /// Whether a missing key is no error.
        if_exists: bool,
    },
    /// `ADD [CONSTRAINT …] CHECK`.
    AddCheck {
        /// The constraint, where the statement names it.
        name: Option<String>,
    },
    /// `DROP CONSTRAINT`: a check, a foreign key or a unique key.
    DropConstraint {
        /// The constraint.
        name: String,
        /// Whether a missing constraint is no error.
        if_exists: bool,
    },
    /// `RENAME TO`.
    RenameTo {
        /// The table's name after.
        table: TableName,
    },
    /// `CONVERT TO CHARACTER SET`: text columns are rewritten.
    ConvertCharacterSet {
        /// Its name, with a collation where the statement names one.
        character_set: String,
    },
    /// Table options such as `ENGINE`, `COMMENT`, `AUTO_INCREMENT`.
    Options {
        /// The options' names, upper case.
        names: Vec<String>,
    },
    /// `ADD SYSTEM VERSIONING`.
    AddSystemVersioning,
    /// `DROP SYSTEM VERSIONING`: the history of rows is lost.
    DropSystemVersioning,
    /// `ORDER BY`, `FORCE`, `ENABLE KEYS`, `DISABLE KEYS`: the table is rebuilt, nothing else changes.
    Rebuild,
    /// Anything about partitions.
    Partition {
        /// What happens to the rows.
        change: PartitionAction,
    },
}

impl AlterAction {
    /// Whether the action drops or may change stored data.
    pub fn is_destructive(&self) -> bool {
        matches!(
            self,
            Self::DropColumn { .. }
                | Self::ModifyColumn { .. }
                | Self::ChangeColumn { .. }
                | Self::ConvertCharacterSet { .. }
                | Self::DropSystemVersioning
                | Self::Partition { change: PartitionAction::Remove | PartitionAction::Reorganize }
        )
    }
}

/// What a statement does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// `ALTER TABLE`, with all its actions in order.
    AlterTable {
        /// The table.
        table: TableName,
        /// The actions; never empty.
        actions: Vec<AlterAction>,
    },
    /// `CREATE TABLE`.
    CreateTable {
        /// The table.
        table: TableName,
        /// Whether an existing table is no error.
        if_not_exists: bool,
        /// `OR REPLACE`: an existing table is dropped first.
        or_replace: bool,
        /// `TEMPORARY`: gone with the session.
        temporary: bool,
    },
    /// `DROP TABLE`.
    DropTable {
        /// The tables, in order.
        tables: Vec<TableName>,
        /// Whether a missing table is no error.
        if_exists: bool,
        /// `TEMPORARY`: only the session's own tables.
        temporary: bool,
    },
    /// `RENAME TABLE`.
    RenameTable {
        /// The renames, in order.
        renames: Vec<TableRename>,
    },
    /// `CREATE INDEX`.
    CreateIndex {
        /// The table.
        table: TableName,
        /// The index.
        index: String,
        /// Whether an existing index is no error.
        if_not_exists: bool,
    },
    /// `DROP INDEX`.
    DropIndex {
        /// The table.
        table: TableName,
        /// The index.
        index: String,
        /// Whether a missing index is no error.
        if_exists: bool,
    },
    /// `CREATE VIEW` and `ALTER VIEW`.
    CreateView {
        /// The view.
        view: TableName,
        /// `OR REPLACE` or `ALTER`.
        or_replace: bool,
    },
    /// `DROP VIEW`.
    DropView {
        /// The views, in order.
        views: Vec<TableName>,
        /// Whether a missing view is no error.
        if_exists: bool,
    },
    /// `CREATE TRIGGER`.
    CreateTrigger {
        /// The trigger.
        trigger: TableName,
        /// `OR REPLACE`.
        or_replace: bool,
    },
    /// `DROP TRIGGER`.
    DropTrigger {
        /// The trigger.
        trigger: TableName,
        /// Whether a missing trigger is no error.
        if_exists: bool,
    },
    /// `CREATE PROCEDURE`, `FUNCTION`, `PACKAGE` or `EVENT`.
    CreateRoutine {
        /// What kind it is.
        routine: RoutineKind,
        /// Its name.
        name: TableName,
        /// `OR REPLACE`.
        or_replace: bool,
    },
    /// `DROP PROCEDURE`, `FUNCTION`, `PACKAGE` or `EVENT`.
    DropRoutine {
        /// What kind it is.
        routine: RoutineKind,
        /// Its name.
        name: TableName,
        /// Whether a missing routine is no error.
        if_exists: bool,
    },
    /// `CREATE DATABASE`.
    CreateDatabase {
        /// The database.
        database: String,
        /// `OR REPLACE`: an existing database is dropped first.
        or_replace: bool,
    },
    /// `DROP DATABASE`.
    DropDatabase {
        /// The database.
        database: String,
    },
    /// `INSERT`.
    Insert {
        /// The table.
        table: TableName,
        /// `ON DUPLICATE KEY UPDATE`: existing rows may change.
        updates_duplicates: bool,
    },
    /// `UPDATE`, of one or several tables.
    Update {
        /// Every table named before `SET`; any of them may change.
        tables: Vec<TableName>,
        /// The columns that are assigned to, without their tables; empty where that cannot be told.
        columns: Vec<String>,
    },
    /// `DELETE`, from one or several tables.
    Delete {
        /// The tables that lose rows (for the multi-table form they may be aliases).
        tables: Vec<TableName>,
    },
    /// `REPLACE`: existing rows with the same key are deleted.
    Replace {
        /// The table.
        table: TableName,
    },
    /// `TRUNCATE`.
    Truncate {
        /// The table.
        table: TableName,
    },
    /// `SELECT`, `VALUES`, `WITH … SELECT`.
    Select,
    /// `SHOW`, `DESCRIBE`, `EXPLAIN`, `HELP`.
    Show,
    /// `SET` of variables of the session.
    Set,
    /// `BEGIN`, `START TRANSACTION`, `COMMIT`, `ROLLBACK`, savepoints, `SET autocommit`.
    TransactionControl,
    /// `LOCK TABLES`, `UNLOCK TABLES`, and calls of `GET_LOCK` and `RELEASE_LOCK`, which would
    /// disturb the lock that fences the migration itself.
    Lock,
    /// `USE`.
    Use {
        /// The database that later statements mean.
        database: String,
    },
    /// Not understood: the risk is unknown.
    Unknown {
        /// Why, for a person.
        reason: Sentence,
    },
}

/// A statement with what it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Classified {
    /// What it does.
    pub effect: Effect,
}

impl Classified {
    /// Whether it changes definitions, and therefore commits what came before it.
    pub fn is_ddl(&self) -> bool {
        matches!(
            self.effect,
            Effect::AlterTable { .. }
                | Effect::CreateTable { .. }
                | Effect::DropTable { .. }
                | Effect::RenameTable { .. }
                | Effect::CreateIndex { .. }
                | Effect::DropIndex { .. }
                | Effect::CreateView { .. }
                | Effect::DropView { .. }
                | Effect::CreateTrigger { .. }
                | Effect::DropTrigger { .. }
                | Effect::CreateRoutine { .. }
                | Effect::DropRoutine { .. }
                | Effect::CreateDatabase { .. }
                | Effect::DropDatabase { .. }
                | Effect::Truncate { .. }
        )
    }

    /// Whether it changes rows and can be part of a transaction.
    pub fn is_dml(&self) -> bool {
        matches!(
            self.effect,
            Effect::Insert { .. } | Effect::Update { .. } | Effect::Delete { .. } | Effect::Replace { .. }
        )
    }

    /// Whether it drops or may change stored data. A statement that is not understood counts as
    /// destructive, so that nothing unknown passes as safe.
    pub fn is_destructive(&self) -> bool {
        match &self.effect {
            Effect::AlterTable { actions, .. } => actions.iter().any(AlterAction::is_destructive),
            Effect::CreateTable { or_replace, .. } | Effect::CreateDatabase { or_replace, .. } => *or_replace,
            Effect::Insert { updates_duplicates, .. } => *updates_duplicates,
            Effect::DropTable { temporary, .. } => !temporary,
            Effect::DropDatabase { .. }
            | Effect::Truncate { .. }
            | Effect::Update { .. }
            | Effect::Delete { .. }
            | Effect::Replace { .. }
            | Effect::Unknown { .. } => true,
            _ => false,
        }
    }

    /// Whether it only reads. Stored functions that a `SELECT` calls are not looked into.
    pub fn is_read(&self) -> bool {
        matches!(self.effect, Effect::Select | Effect::Show)
    }

    /// Whether it was not understood.
    pub fn is_unknown(&self) -> bool {
        matches!(self.effect, Effect::Unknown { .. })
    }
}
