//! The list of applied migrations that the target keeps for its application, and the ledgers of other tools.

mod alembic;
mod atlas;
mod flyway;
mod golang_migrate;
mod liquibase;
mod read;
mod sqlx;
mod versions;

pub use read::ledgers;

use sentence::{Sentence, sentence};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::name::{ObjectRef, literal};
use crate::schema::Column;
use crate::session::Session;

/// The table's usual name.
const TABLE: &str = "schema_migrations";
/// The column by which a table of ours knows the order of application.
const APPLIED_AT: &str = "applied_at";

/// What a ledger looks like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "form", rename_all = "snake_case")]
pub enum LedgerForm {
    /// There is no such table.
    Missing,
    /// One text row a version, as in dbmate; further columns have defaults.
    Versions {
        /// Whether it says when each version was applied.
        has_times: bool,
    },
    /// golang-migrate's single row `version BIGINT, dirty BOOLEAN`.
    GolangMigrate,
    /// A table of the same name with other columns.
    Other {
        /// Its columns.
        columns: Vec<String>,
    },
}

impl LedgerForm {
    /// What it looks like, for a person.
    pub fn sentence(&self) -> Sentence {
        match self {
            Self::Missing => sentence!("a missing table"),
            Self::Versions { .. } => sentence!("a list of versions"),
            Self::GolangMigrate => Sentence::verbatim("golang-migrate (version, dirty)"),
            Self::Other { columns } => sentence!("another tool ({columns})", columns = columns.join(", ")),
        }
    }
}

/// A ledger in a target's database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    database: String,
    table: String,
}

impl Ledger {
    /// The table `schema_migrations` of a database.
    pub fn new(database: impl Into<String>) -> Self {
        Self { database: database.into(), table: TABLE.to_owned() }
    }

    fn table(&self) -> ObjectRef<'_> {
        ObjectRef::new(&self.database, &self.table)
    }

    /// What the ledger looks like now.
    ///
    /// # Errors
    /// Those of asking.
    pub async fn form(&self, session: &mut Session) -> Result<LedgerForm> {
        Ok(form_of(&session.columns(self.table()).await?))
    }

    /// Creates the table where it is missing.
    ///
    /// # Errors
    /// [`Error::LedgerReadOnly`] where another tool's table is in its place.
    pub async fn ensure(&self, session: &mut Session) -> Result<()> {
        if self.form(session).await? == LedgerForm::Missing {
            session
                .execute(&format!(
                    "CREATE TABLE IF NOT EXISTS {} (version VARCHAR(128) NOT NULL PRIMARY KEY, \
                     {APPLIED_AT} DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6))",
                    self.table().quoted()
                ))
                .await?;
        }
        self.writable(session).await.map(drop)
    }

    /// Whether a version is in the ledger.
    ///
    /// # Errors
    /// Those of asking.
    pub async fn contains(&self, session: &mut Session, version: &str) -> Result<bool> {
        let sql = format!("SELECT CAST(EXISTS (SELECT 1 FROM {} WHERE version = ?) AS CHAR)", self.table().quoted());
        session.truth(&sentence!("reading the ledger"), &sql, &[version]).await
    }

    /// Adds a version, within the session's transaction where there is one. Looking at the form
    /// first does not end that transaction.
    ///
    /// # Errors
    /// [`Error::Server`] 1062 where it is there already; [`Error::LedgerReadOnly`].
    pub async fn insert(&self, session: &mut Session, version: &str) -> Result<()> {
        self.writable(session).await?;
        let sql = format!("INSERT INTO {} (version) VALUES (?)", self.table().quoted());
        session.texts(&sentence!("writing the ledger"), &sql, &[version]).await.map(drop)
    }

    /// Removes a version and makes sure that it is gone. False where it was not there: a down
    /// script may have removed it itself.
    ///
    /// # Errors
    /// [`Error::LedgerNotRemoved`] where it is still there; [`Error::LedgerReadOnly`].
    pub async fn remove(&self, session: &mut Session, version: &str) -> Result<bool> {
        match self.form(session).await? {
            LedgerForm::Missing => return Ok(false),
            LedgerForm::Versions { .. } => {}
            form => return Err(self.read_only(form)),
        }
        let sql = format!("DELETE FROM {} WHERE version = {}", self.table().quoted(), literal(version));
        let removed = session.execute(&sql).await?;
        if self.contains(session, version).await? {
            return Err(Error::LedgerNotRemoved { table: self.table().to_string(), version: version.to_owned() });
        }
        Ok(removed.rows_affected > 0)
    }

    async fn writable(&self, session: &mut Session) -> Result<()> {
        match self.form(session).await? {
            LedgerForm::Versions { .. } => Ok(()),
            form => Err(self.read_only(form)),
        }
    }

    fn read_only(&self, form: LedgerForm) -> Error {
        Error::LedgerReadOnly { table: self.table().to_string(), form }
    }
}

fn form_of(columns: &[Column]) -> LedgerForm {
    if columns.is_empty() {
        return LedgerForm::Missing;
    }
    let column = |name: &str| columns.iter().find(|c| c.name.eq_ignore_ascii_case(name));
    if column("version").is_some() && column("dirty").is_some() {
        return LedgerForm::GolangMigrate;
    }
    let is_text = column("version").is_some_and(|c| c.column_type.contains("char"));
    // A row can be added by its version alone.
    let others_optional = columns
        .iter()
        .filter(|c| !c.name.eq_ignore_ascii_case("version"))
        .all(|c| c.nullable || c.default.is_some() || !c.extra.is_empty());
    if is_text && others_optional {
        return LedgerForm::Versions { has_times: column(APPLIED_AT).is_some() };
    }
    LedgerForm::Other { columns: columns.iter().map(|c| c.name.clone()).collect() }
}
