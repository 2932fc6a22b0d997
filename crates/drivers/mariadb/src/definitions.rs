//! All that it takes to make a database's objects anew in another one.

use sentence::sentence;

use crate::error::{Error, Result};
use crate::name::{ObjectRef, quote_identifier};
use crate::schema::Trigger;
use crate::session::Session;

/// The objects of a database. Nothing of ours is among them.
#[derive(Debug, Clone)]
pub struct Definitions {
    /// Its character set and collation, as clauses of a `CREATE DATABASE`.
    pub defaults: String,
    /// Tables and sequences.
    pub tables: Vec<TableDefinition>,
    /// Procedures, functions and packages.
    pub routines: Vec<Definition>,
    /// Views, by name: one may ask another that comes behind it.
    pub views: Vec<Definition>,
    /// Triggers, in the order in which they fire.
    pub triggers: Vec<Definition>,
    /// Names of its events.
    pub events: Vec<String>,
}

/// A table.
#[derive(Debug, Clone)]
pub struct TableDefinition {
    /// Its name.
    pub name: String,
    /// The whole `CREATE TABLE`, which does not name the database.
    pub create: String,
    /// How many rows the server believes it to have.
    pub estimated_rows: u64,
    /// Whether it is a sequence, whose one row is not an application's.
    pub is_sequence: bool,
}

/// A view, routine or trigger.
#[derive(Debug, Clone)]
pub struct Definition {
    /// Its name.
    pub name: String,
    /// The `sql_mode` under which it is to be read, where it has one of its own.
    pub sql_mode: Option<String>,
    /// The whole `CREATE`, which does not name the database.
    pub create: String,
}

/// A foreign key within one database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The table that has it.
    pub table: String,
    /// The table that it points at.
    pub points_at: String,
    /// The columns that point, each with the one that it points at.
    pub columns: Vec<(String, String)>,
}

impl Session {
    /// The definitions of the database that this session is in.
    ///
    /// # Errors
    /// Those of asking; [`Error::Protocol`] where a definition is not visible to this user.
    pub async fn definitions(&mut self, database: &str) -> Result<Definitions> {
        let doing = &sentence!("reading the definitions of {database}", database);
        let hidden = || Error::protocol(doing, sentence!("a definition is not visible"));
        let defaults = self
            .texts(
                doing,
                "SELECT CONCAT('CHARACTER SET ', DEFAULT_CHARACTER_SET_NAME, ' COLLATE ', DEFAULT_COLLATION_NAME) \
                 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?",
                &[database],
            )
            .await?;
        let defaults = defaults.into_iter().flatten().next().flatten().ok_or_else(hidden)?;
        let listed = self
            .texts(
                doing,
                "SELECT TABLE_NAME, TABLE_TYPE, CAST(COALESCE(TABLE_ROWS, 0) AS CHAR) FROM information_schema.TABLES \
                 WHERE TABLE_SCHEMA = ? AND TABLE_NAME NOT LIKE 'backout\\_%' ORDER BY TABLE_NAME",
                &[database],
            )
            .await?;
        let (mut tables, mut views, mut triggers) = (Vec::new(), Vec::new(), Vec::new());
        for row in listed {
            let mut cells = row.into_iter().map(Option::unwrap_or_default);
            let mut next = || cells.next().unwrap_or_default();
            let (name, kind, rows) = (next(), next(), next());
            let own = ObjectRef::new(database, &name);
            if kind == "VIEW" {
                let shown = self.show(&format!("SHOW CREATE VIEW {}", quote_identifier(&name))).await?;
                let create = shown.into_iter().nth(1).flatten().ok_or_else(hidden)?;
                views.push(Definition { name, sql_mode: None, create });
                continue;
            }
            let of_table = self.triggers(own).await?;
            triggers.extend(of_table.into_iter().map(|Trigger { name, sql_mode, create }| Definition {
                name,
                sql_mode: Some(sql_mode),
                create,
            }));
            let create = self.show_create_table(own).await?;
            let estimated_rows = rows.parse().unwrap_or_default();
            tables.push(TableDefinition { create, estimated_rows, is_sequence: kind == "SEQUENCE", name });
        }
        let routines = self
            .texts(
                doing,
                "SELECT ROUTINE_TYPE, ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ? \
                 ORDER BY ROUTINE_TYPE, ROUTINE_NAME",
                &[database],
            )
            .await?;
        let mut made = Vec::with_capacity(routines.len());
        for row in routines {
            let mut cells = row.into_iter().map(Option::unwrap_or_default);
            let (kind, name) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
            let mut shown = self.show(&format!("SHOW CREATE {kind} {}", quote_identifier(&name))).await?.into_iter();
            let sql_mode = shown.nth(1).flatten();
            let create = shown.next().flatten().ok_or_else(hidden)?;
            made.push(Definition { name, sql_mode, create });
        }
        let events = self
            .names(doing, "SELECT EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ?", &[database])
            .await?;
        Ok(Definitions { defaults, tables, routines: made, views, triggers, events })
    }

    /// The foreign keys within a database.
    ///
    /// # Errors
    /// Those of asking.
    pub async fn references(&mut self, database: &str) -> Result<Vec<Reference>> {
        let rows = self
            .texts(
                &sentence!("asking for foreign keys"),
                "SELECT CONSTRAINT_NAME, TABLE_NAME, REFERENCED_TABLE_NAME, COLUMN_NAME, REFERENCED_COLUMN_NAME \
                 FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = ? AND REFERENCED_TABLE_SCHEMA = TABLE_SCHEMA \
                 ORDER BY TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION",
                &[database],
            )
            .await?;
        let mut references: Vec<(String, Reference)> = Vec::new();
        for row in rows {
            let mut cells = row.into_iter().map(Option::unwrap_or_default);
            let mut next = || cells.next().unwrap_or_default();
            let (name, table, points_at, pair) = (next(), next(), next(), (next(), next()));
            match references.last_mut() {
                Some((of, reference)) if *of == name && reference.table == table => reference.columns.push(pair),
                _ => references.push((name, Reference { table, points_at, columns: vec![pair] })),
            }
        }
        Ok(references.into_iter().map(|(_, reference)| reference).collect())
    }

    /// The databases that this user sees.
    ///
    /// # Errors
    /// Those of asking.
    pub async fn databases(&mut self) -> Result<Vec<String>> {
        let sql = "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA ORDER BY SCHEMA_NAME";
        self.names(&sentence!("asking for databases"), sql, &[]).await
    }
}
