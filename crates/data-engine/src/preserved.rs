//! What was put aside, from outside of a migration: read, measured, dropped.

use std::collections::{BTreeMap, BTreeSet};

use driver_mariadb::{Column, ObjectRef, RawRow, Session, SessionOptions, quote_identifier};
use saga::Keeper;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::engine::{DataEngine, DataTarget};
use crate::error::{Error, Result};
use crate::space::collection_bytes;

/// How many rows wait for whoever reads them. One can have megabytes.
const AHEAD: usize = 4;
/// How the names of our databases begin in which things are put aside.
const KEEP_DATABASE: &str = "backout_keep_";
/// What the one column of documents is called.
const DOCUMENT: &str = "document";

/// A value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// NULL.
    Null,
    /// A whole number or a floating-point one, as the server writes it. Decimals are texts: a reader of numbers would
    /// round them.
    Number(String),
    /// Text, dates and times among them.
    Text(String),
    /// What is no text.
    Bytes(Vec<u8>),
    /// A document, in canonical extended JSON.
    Document(Value),
}

/// The rows of something that was put aside, read as they are asked for.
#[derive(Debug)]
pub struct KeptRows {
    /// Names of the columns.
    pub columns: Vec<String>,
    kinds: Vec<Kind>,
    rows: Source,
}

#[derive(Debug)]
enum Source {
    Rows(mpsc::Receiver<Result<RawRow, driver_mariadb::Error>>),
    Documents(mpsc::Receiver<Result<Value, driver_mongodb::Error>>),
    Listed(std::vec::IntoIter<Value>),
}

/// How the values of a column are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Text,
    Bytes,
}

impl KeptRows {
    /// Whether each row is one document.
    pub fn has_documents(&self) -> bool {
        !matches!(self.rows, Source::Rows(_))
    }

    /// The next row; none behind the last.
    ///
    /// # Errors
    /// Those of reading; nothing follows them.
    pub async fn next(&mut self) -> Option<Result<Vec<Cell>>> {
        match &mut self.rows {
            Source::Rows(rows) => {
                let row = rows.recv().await?;
                Some(row.map(|row| cells(row, &self.kinds)).map_err(Error::from))
            }
            Source::Documents(documents) => {
                let document = documents.recv().await?;
                Some(document.map(|document| vec![Cell::Document(document)]).map_err(Error::from))
            }
            Source::Listed(listed) => listed.next().map(|one| Ok(vec![Cell::Document(one)])),
        }
    }
}

impl DataEngine {
    /// Reads what was put aside, the first `limit` rows or documents of it or all. Rows that a statement changed have the
    /// columns `existed_before`, `existed_after`, those of the key, and the others as `before.…` and `after.…`.
    ///
    /// # Errors
    /// [`Error::Gone`] where it is not there any more; those of asking.
    pub async fn kept_rows(&self, keeper: &Keeper, limit: Option<u32>) -> Result<KeptRows> {
        let documents = |rows| KeptRows { columns: vec![DOCUMENT.to_owned()], kinds: Vec::new(), rows };
        match (self.target(), keeper) {
            (DataTarget::MariaDb(target), _) => {
                let (database, table) = table_of(keeper).ok_or_else(|| Error::Gone { place: keeper.place() })?;
                let mut session = target.connect(&SessionOptions::default()).await?;
                let (columns, kinds, select) = select(&mut session, keeper, ObjectRef::new(database, table)).await?;
                let limit = limit.map(|limit| format!(" LIMIT {limit}")).unwrap_or_default();
                let (send, rows) = mpsc::channel(AHEAD);
                tokio::spawn(async move {
                    if let Err(error) = session.stream_rows(&format!("{select}{limit}"), &send).await {
                        // Nobody listens any more to whoever has gone away.
                        let _ = send.send(Err(error)).await;
                    }
                });
                Ok(KeptRows { columns, kinds, rows: Source::Rows(rows) })
            }
            (DataTarget::MongoDb(_), Keeper::Indexes { specifications, .. }) => {
                Ok(documents(Source::Listed(specifications.clone().into_iter())))
            }
            (DataTarget::MongoDb(target), _) => {
                let (send, receive) = mpsc::channel(AHEAD);
                let (target, keep) = (target.clone(), keeper.place());
                if !target.exists(&keep).await? {
                    return Err(Error::Gone { place: keep });
                }
                tokio::spawn(async move {
                    if let Err(error) = target.stream_kept(&keep, limit, &send).await {
                        let _ = send.send(Err(error)).await;
                    }
                });
                Ok(documents(Source::Documents(receive)))
            }
        }
    }

    /// Removes what was put aside, for good. Does nothing where it is gone.
    ///
    /// # Errors
    /// Those of the server; transient where somebody reads it.
    pub async fn drop_kept(&self, keeper: &Keeper) -> Result<()> {
        match (self.target(), keeper) {
            (DataTarget::MariaDb(target), _) => {
                let Some((database, table)) = table_of(keeper) else { return Ok(()) };
                let mut session = target.connect(&SessionOptions::default()).await?;
                let name = ObjectRef::new(database, table);
                if session.table_exists(name).await? {
                    session.execute(&format!("DROP TABLE IF EXISTS {}", name.quoted())).await?;
                }
                session.close().await;
                Ok(())
            }
            (DataTarget::MongoDb(_), Keeper::Indexes { .. }) => Ok(()),
            (DataTarget::MongoDb(target), _) => Ok(target.drop_kept(&keeper.place()).await?),
        }
    }

    /// How large each of these is on the server, bytes by [`Keeper::place`]; those of which it does not tell are left out.
    pub async fn kept_bytes(&self, keepers: &[Keeper]) -> Result<BTreeMap<String, u64>> {
        let mut bytes = BTreeMap::new();
        match self.target() {
            DataTarget::MariaDb(target) => {
                let mut session = target.connect(&SessionOptions::default()).await?;
                let sql = "SELECT CONCAT(TABLE_SCHEMA, '.', TABLE_NAME) AS place, \
                     CAST(COALESCE(DATA_LENGTH, 0) + COALESCE(INDEX_LENGTH, 0) AS UNSIGNED) AS bytes \
                     FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_TYPE = 'BASE TABLE'";
                let databases: BTreeSet<&str> = keepers.iter().filter_map(|keeper| Some(table_of(keeper)?.0)).collect();
                for database in databases {
                    for row in session.query_json(sql, &[json!(database)]).await? {
                        let place = row.get("place").and_then(Value::as_str);
                        if let (Some(place), Some(size)) = (place, row.get("bytes").and_then(Value::as_u64)) {
                            bytes.insert(place.to_owned(), size);
                        }
                    }
                }
                session.close().await;
            }
            DataTarget::MongoDb(target) => {
                for keeper in keepers.iter().filter(|keeper| !matches!(keeper, Keeper::Indexes { .. })) {
                    if let Some(size) = collection_bytes(target, &keeper.place()).await? {
                        bytes.insert(keeper.place(), size);
                    }
                }
            }
        }
        Ok(bytes)
    }
}

/// Database and table of a copy; none of what is not in a database of ours.
fn table_of(keeper: &Keeper) -> Option<(&str, &str)> {
    match keeper {
        Keeper::Columns { keep_database, keep_table, .. }
        | Keeper::Table { keep_database, keep_table, .. }
        | Keeper::Rows { keep_database, keep_table, .. }
            if keep_database.starts_with(KEEP_DATABASE) =>
        {
            Some((keep_database, keep_table))
        }
        _ => None,
    }
}

/// What is to be read of a copy: the columns' names, what they are, and the query.
async fn select(
    session: &mut Session,
    keeper: &Keeper,
    copy: ObjectRef<'_>,
) -> Result<(Vec<String>, Vec<Kind>, String)> {
    let present = session.columns(copy).await?;
    if present.is_empty() {
        return Err(Error::Gone { place: keeper.place() });
    }
    let numbered = |letter: &str, names: &[String], prefix: &str| -> Vec<(String, String)> {
        let number = |(at, name): (usize, &String)| (format!("{letter}{}", at + 1), format!("{prefix}{name}"));
        names.iter().enumerate().map(number).collect()
    };
    let alike = |name: &String| (name.clone(), name.clone());
    // The column of the copy, and what it is called here.
    let wanted: Vec<(String, String)> = match keeper {
        Keeper::Columns { columns, key, .. } => key.iter().chain(columns).map(alike).collect(),
        Keeper::Rows { key, columns, .. } => {
            let existed = [("had", "existed_before"), ("has", "existed_after")];
            let mut all: Vec<_> = existed.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
            all.extend(numbered("k", key, ""));
            all.extend(numbered("o", columns, "before."));
            all.extend(numbered("n", columns, "after."));
            all
        }
        _ => present.iter().map(|column| alike(&column.name)).collect(),
    };
    let (mut names, mut kinds, mut cells) = (Vec::new(), Vec::new(), Vec::new());
    for (from, to) in wanted {
        let Some(column) = present.iter().find(|column| column.name.eq_ignore_ascii_case(&from)) else { continue };
        let quoted = quote_identifier(&column.name);
        // As text a FLOAT has six digits, which are fewer than it has.
        let is_float = column.column_type.starts_with("float");
        cells.push(if is_float { format!("CAST({quoted} AS DOUBLE)") } else { quoted });
        kinds.push(kind(column));
        names.push(to);
    }
    let order = session.primary_key(copy).await?;
    let order: Vec<String> = order.iter().map(|name| quote_identifier(name)).collect();
    let order = if order.is_empty() { String::new() } else { format!(" ORDER BY {}", order.join(", ")) };
    Ok((names, kinds, format!("SELECT {} FROM {}{order}", cells.join(", "), copy.quoted())))
}

fn kind(column: &Column) -> Kind {
    let name = column.column_type.split(|letter: char| !letter.is_ascii_alphabetic()).next().unwrap_or_default();
    match name.to_ascii_lowercase().as_str() {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" | "float" | "double" => Kind::Number,
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" | "bit" | "geometry" | "point"
        | "linestring" | "polygon" | "multipoint" | "multilinestring" | "multipolygon" | "geometrycollection" => {
            Kind::Bytes
        }
        _ => Kind::Text,
    }
}

fn cells(row: RawRow, kinds: &[Kind]) -> Vec<Cell> {
    let cell = |(value, kind): (Option<Vec<u8>>, &Kind)| match (value, kind) {
        (None, _) => Cell::Null,
        (Some(bytes), Kind::Bytes) => Cell::Bytes(bytes),
        (Some(bytes), kind) => match String::from_utf8(bytes) {
            Ok(text) if *kind == Kind::Number => Cell::Number(text),
            Ok(text) => Cell::Text(text),
            Err(error) => Cell::Bytes(error.into_bytes()),
        },
    };
    row.into_iter().zip(kinds).map(cell).collect()
}
