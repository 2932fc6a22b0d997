//! What is in a database, asked from `information_schema`. These are the probes by which an
//! interrupted statement is found done or not done.

use sentence::{Sentence, sentence};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::name::ObjectRef;
use crate::session::Session;

/// A column's definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its place in the table, from 1.
    pub position: u32,
    /// Its full type, for example `varchar(64)`.
    pub column_type: String,
    /// Whether it takes NULL.
    pub nullable: bool,
    /// Its default, as an expression.
    pub default: Option<String>,
    /// Its collation, for text.
    pub collation: Option<String>,
    /// `auto_increment`, `STORED GENERATED` and the like.
    pub extra: String,
    /// The expression of a generated column.
    pub generated: Option<String>,
    /// Its comment.
    pub comment: String,
}

/// A trigger, with all that is needed to create it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// Its name.
    pub name: String,
    /// The `sql_mode` under which its body is to be read.
    pub sql_mode: String,
    /// The whole `CREATE TRIGGER`.
    pub create: String,
}

/// A foreign key of some table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKey {
    /// The database of the table that has it.
    pub database: String,
    /// The table that has it.
    pub table: String,
    /// The constraint's name.
    pub name: String,
}

/// A foreign key that changes its own table's rows along with those that it points at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cascade {
    /// The database of the table that has it.
    pub database: String,
    /// The table that has it.
    pub table: String,
    /// The constraint's name.
    pub name: String,
    /// The columns that it points at, each behind the column that points.
    pub columns: Vec<(String, String)>,
    /// What becomes of a row when the one is removed that it points at.
    pub on_delete: OnDelete,
    /// Whether changing the columns that it points at changes them, too.
    pub on_update: bool,
}

/// What becomes of a row when the one is removed that its foreign key points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDelete {
    /// The removal is refused.
    Refuse,
    /// It is removed as well.
    Remove,
    /// It points at nothing any more.
    SetNull,
}

/// A kind of stored routine.
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
}

impl RoutineKind {
    fn name(self) -> &'static str {
        match self {
            Self::Procedure => "PROCEDURE",
            Self::Function => "FUNCTION",
            Self::Package => "PACKAGE",
            Self::PackageBody => "PACKAGE BODY",
        }
    }
}

impl Session {
    /// The table's columns in order; none where there is no such table.
    ///
    /// # Errors
    /// Those of asking.
    pub async fn columns(&mut self, table: ObjectRef<'_>) -> Result<Vec<Column>> {
        let doing = &sentence!("asking for columns");
        let rows = self
            .texts(
                doing,
                "SELECT COLUMN_NAME, CAST(ORDINAL_POSITION AS CHAR), COLUMN_TYPE, IS_NULLABLE, \
                 COLUMN_DEFAULT, COLLATION_NAME, EXTRA, GENERATION_EXPRESSION, COLUMN_COMMENT \
                 FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? \
                 ORDER BY ORDINAL_POSITION",
                &[table.database, table.name],
            )
            .await?;
        rows.into_iter()
            .map(|row| {
                let mut cells = row.into_iter();
                let mut next = || cells.next().flatten();
                Ok(Column {
                    name: next().unwrap_or_default(),
                    position: next()
                        .and_then(|text| text.parse().ok())
                        .ok_or_else(|| Error::protocol(doing, sentence!("a position is not a number")))?,
                    column_type: next().unwrap_or_default(),
                    nullable: next().as_deref() == Some("YES"),
                    default: next(),
                    collation: next(),
                    extra: next().unwrap_or_default(),
                    generated: next(),
                    comment: next().unwrap_or_default(),
                })
            })
            .collect()
    }

    /// Whether the table has the column.
    ///
    /// # Errors
    /// Those of asking.
    pub async fn column_exists(&mut self, table: ObjectRef<'_>, column: &str) -> Result<bool> {
        self.exists(
            "COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND COLUMN_NAME = ?",
            &[table.database, table.name, column],
        )
        .await
    }

    /// Whether there is such a database.
    ///
    /// # Errors
    /// Those of asking.
    pub async fn database_exists(&mut self, database: &str) -> Result<bool> {
        self.exists("SCHEMATA WHERE SCHEMA_NAME = ?", &[database]).await
    }

    /// Whether there is such a table (views do not count).
    ///
    /// # Errors
    /// Those of asking.
    pub async fn table_exists(&mut self, table: ObjectRef<'_>) -> Result<bool> {
        self.exists(
            "TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND TABLE_TYPE <> 'VIEW'",
            &[table.database, table.name],
        )
        .await
    }

    /// Whether there is such a view.
    ///
    /// # Errors
    /// Those of asking.
    pub async fn view_exists(&mut self, view: ObjectRef<'_>) -> Result<bool> {
        self.exists(
            "TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND TABLE_TYPE = 'VIEW'",
            &[view.database, view.name],
        )
        .await
    }

    /// Whether there is such a trigger.
    ///
    /// # Errors
    /// Those of asking.
    pub async fn trigger_exists(&mut self, trigger: ObjectRef<'_>) -> Result<bool> {
        self.exists("TRIGGERS WHERE TRIGGER_SCHEMA = ? AND TRIGGER_NAME = ?", &[trigger.database, trigger.name]).await
    }

    /// Whether there is such an event.
    ///
    /// # Errors
    /// Those of asking.
    pub async fn event_exists(&mut self, event: ObjectRef<'_>) -> Result<bool> {
        self.exists("EVENTS WHERE EVENT_SCHEMA = ? AND EVENT_NAME = ?", &[event.database, event.name]).await
    }

    /// Whether there is such a routine.
    ///
    /// # Errors
    /// Those of asking.
    pub async fn routine_exists(&mut self, kind: RoutineKind, routine: ObjectRef<'_>) -> Result<bool> {
        self.exists(
            "ROUTINES WHERE ROUTINE_SCHEMA = ? AND ROUTINE_NAME = ? AND ROUTINE_TYPE = ?",
            &[routine.database, routine.name, kind.name()],
        )
        .await
    }

    /// Whether the table has the index; the primary key is named `PRIMARY`.
    ///
    /// # Errors
    /// Those of asking.
    pub async fn index_exists(&mut self, table: ObjectRef<'_>, index: &str) -> Result<bool> {
        self.exists(
            "STATISTICS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND INDEX_NAME = ?",
            &[table.database, table.name, index],
        )
        .await
    }

    /// Whether the table has the constraint: foreign, unique or primary key, or check.
    ///
    /// # Errors
    /// Those of asking.
    pub async fn constraint_exists(&mut self, table: ObjectRef<'_>, constraint: &str) -> Result<bool> {
        self.exists(
            "TABLE_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = ? AND TABLE_NAME = ? \
             AND CONSTRAINT_NAME = ?",
            &[table.database, table.name, constraint],
        )
        .await
    }

    /// The columns of the primary key in order; none where the table has no primary key.
    ///
    /// # Errors
    /// Those of asking.
    pub async fn primary_key(&mut self, table: ObjectRef<'_>) -> Result<Vec<String>> {
        self.names(
            &sentence!("asking for a primary key"),
            "SELECT COLUMN_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ? \
             AND TABLE_NAME = ? AND INDEX_NAME = 'PRIMARY' ORDER BY SEQ_IN_INDEX",
            &[table.database, table.name],
        )
        .await
    }

    /// The table's triggers, in the order in which they fire.
    ///
    /// # Errors
    /// Those of asking.
    pub async fn triggers(&mut self, table: ObjectRef<'_>) -> Result<Vec<Trigger>> {
        let doing = &sentence!("asking for triggers");
        let names = self
            .names(
                doing,
                "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS \
                 WHERE EVENT_OBJECT_SCHEMA = ? AND EVENT_OBJECT_TABLE = ? \
                 ORDER BY EVENT_MANIPULATION, ACTION_TIMING, ACTION_ORDER",
                &[table.database, table.name],
            )
            .await?;
        let mut triggers = Vec::with_capacity(names.len());
        for name in names {
            let trigger = ObjectRef::new(table.database, &name);
            let shown = self.show(&format!("SHOW CREATE TRIGGER {}", trigger.quoted())).await?;
            let cell = |at: usize| {
                shown
                    .get(at)
                    .cloned()
                    .flatten()
                    .ok_or_else(|| Error::protocol(doing, sentence!("a definition is not visible")))
            };
            triggers.push(Trigger { sql_mode: cell(1)?, create: cell(2)?, name });
        }
        Ok(triggers)
    }

    /// Foreign keys of other tables, in any database, that point at this table.
    ///
    /// # Errors
    /// Those of asking.
    pub async fn referencing_foreign_keys(&mut self, table: ObjectRef<'_>) -> Result<Vec<ForeignKey>> {
        self.keys(
            "UNIQUE_CONSTRAINT_SCHEMA = ? AND REFERENCED_TABLE_NAME = ? \
             AND NOT (CONSTRAINT_SCHEMA = UNIQUE_CONSTRAINT_SCHEMA \
             AND TABLE_NAME = REFERENCED_TABLE_NAME)",
            table,
        )
        .await
    }

    /// Foreign keys, also of the table itself, that change rows along with those of this table.
    ///
    /// # Errors
    /// Those of asking.
    pub async fn cascades(&mut self, table: ObjectRef<'_>) -> Result<Vec<Cascade>> {
        let sql = "SELECT c.CONSTRAINT_SCHEMA, c.TABLE_NAME, c.CONSTRAINT_NAME, \
                   c.DELETE_RULE, CAST(c.UPDATE_RULE NOT IN ('RESTRICT', 'NO ACTION') AS CHAR), \
                   u.COLUMN_NAME, u.REFERENCED_COLUMN_NAME \
                   FROM information_schema.REFERENTIAL_CONSTRAINTS AS c \
                   JOIN information_schema.KEY_COLUMN_USAGE AS u ON u.CONSTRAINT_SCHEMA = c.CONSTRAINT_SCHEMA \
                   AND u.TABLE_NAME = c.TABLE_NAME AND u.CONSTRAINT_NAME = c.CONSTRAINT_NAME \
                   WHERE c.UNIQUE_CONSTRAINT_SCHEMA = ? AND c.REFERENCED_TABLE_NAME = ? \
                   AND NOT (c.DELETE_RULE IN ('RESTRICT', 'NO ACTION') AND c.UPDATE_RULE IN ('RESTRICT', 'NO ACTION')) \
                   ORDER BY 1, 2, 3, u.ORDINAL_POSITION";
        let rows = self.texts(&sentence!("asking for foreign keys"), sql, &[table.database, table.name]).await?;
        let mut cascades: Vec<Cascade> = Vec::new();
        for row in rows {
            let mut cells = row.into_iter().map(Option::unwrap_or_default);
            let mut next = || cells.next().unwrap_or_default();
            let (database, table, name) = (next(), next(), next());
            let on_delete = match next().as_str() {
                "CASCADE" => OnDelete::Remove,
                "SET NULL" => OnDelete::SetNull,
                _ => OnDelete::Refuse,
            };
            let (on_update, column) = (next() == "1", (next(), next()));
            match cascades.last_mut() {
                Some(last) if (&last.database, &last.table, &last.name) == (&database, &table, &name) => {
                    last.columns.push(column);
                }
                _ => cascades.push(Cascade { database, table, name, columns: vec![column], on_delete, on_update }),
            }
        }
        Ok(cascades)
    }

    /// The table's own foreign keys. Their names stay taken in its database while it is kept there.
    ///
    /// # Errors
    /// Those of asking.
    pub async fn foreign_keys(&mut self, table: ObjectRef<'_>) -> Result<Vec<ForeignKey>> {
        self.keys("CONSTRAINT_SCHEMA = ? AND TABLE_NAME = ?", table).await
    }

    /// The table's `CREATE TABLE`, as the server writes it.
    ///
    /// # Errors
    /// [`Error::Server`] 1146 where there is no such table.
    pub async fn show_create_table(&mut self, table: ObjectRef<'_>) -> Result<String> {
        let sql = format!("SHOW CREATE TABLE {}", table.quoted());
        self.show(&sql)
            .await?
            .into_iter()
            .nth(1)
            .flatten()
            .ok_or_else(|| Error::protocol(&sentence!("asking for a definition"), sentence!("it is not visible")))
    }

    async fn exists(&mut self, from_where: &str, parameters: &[&str]) -> Result<bool> {
        let sql = format!("SELECT CAST(EXISTS (SELECT 1 FROM information_schema.{from_where}) AS CHAR)");
        self.truth(&sentence!("asking for an object"), &sql, parameters).await
    }

    async fn keys(&mut self, condition: &str, table: ObjectRef<'_>) -> Result<Vec<ForeignKey>> {
        let sql = format!(
            "SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME \
             FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE {condition} ORDER BY 1, 2, 3"
        );
        let rows = self.texts(&sentence!("asking for foreign keys"), &sql, &[table.database, table.name]).await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let mut cells = row.into_iter().map(Option::unwrap_or_default);
                let mut next = || cells.next().unwrap_or_default();
                ForeignKey { database: next(), table: next(), name: next() }
            })
            .collect())
    }

    pub(crate) async fn names(&mut self, doing: &Sentence, sql: &str, parameters: &[&str]) -> Result<Vec<String>> {
        let rows = self.texts(doing, sql, parameters).await?;
        Ok(rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
    }

    /// The first row of a `SHOW CREATE`.
    pub(crate) async fn show(&mut self, sql: &str) -> Result<Vec<Option<String>>> {
        let shown = self.execute(sql).await?;
        Ok(shown.result_sets.into_iter().flat_map(|set| set.rows).next().unwrap_or_default())
    }
}
