//! Changes the types of columns, and puts the values aside that the new types cannot hold.
//!
//! What becomes of the values is seen on a copy before the table itself is touched: the same change runs there, under the
//! lock that keeps writers away, and whatever comes out differently is kept with its row's key.

use driver_mariadb::{Checksum, Column, ObjectRef, quote_identifier};
use saga::{StatementKey, StepError};
use sentence::{Sentence, sentence};

use super::ahead::Copy;
use super::copies::{Captured, numbered};
use super::restore::FAITHFUL;
use super::run::Plan;
use super::session::{Run, list};
use super::statement::refused;
use crate::error::Error;
use crate::examine::sql::{Conversion, Unit};

/// What a conversion is tried on, and what it is about.
struct Trial<'a> {
    conversion: &'a Conversion,
    /// The columns outside the key that are converted: as they are, and as they become.
    columns: Vec<(&'a Column, &'a Column)>,
    /// Names of the key's columns, before and after.
    key: Vec<(String, String)>,
    /// Where values are kept that do not survive.
    copies: Captured,
    /// The table, and the copy on which the change is tried; quoted, in their databases.
    table: String,
    copy: String,
}

impl Run {
    /// Runs an `ALTER TABLE` that changes types after putting aside what would not survive it.
    pub(super) async fn convert(
        &mut self,
        plan: &Plan<'_>,
        unit: &Unit,
        key: &StatementKey,
        conversion: &Conversion,
    ) -> Result<(), StepError> {
        let (database, table) = (self.database.clone(), conversion.table.as_str());
        let own = ObjectRef::new(&database, table);
        if !self.session.table_exists(own).await.map_err(Error::from)? {
            return self.run_plain(plan, unit, key).await;
        }
        // Journalled before the copies are made, so that whoever goes on or takes this back removes them.
        self.note_shape(unit, key).await?;
        self.assert_lock().await?;
        self.book.intent(key).await?;
        let keep_database = self.create_keep_database().await?;
        let trial_name = self.trial_name(plan, key, table);
        let copy = ObjectRef::new(&keep_database, &trial_name);
        let Some(after) = self.try_empty(plan, unit, conversion, copy).await? else {
            return self.run_plain(plan, unit, key).await;
        };
        let primary = self.session.primary_key(own).await.map_err(Error::from)?;
        if primary.is_empty() {
            let why = sentence!("the table has no primary key by which they could come back");
            return Err(cannot(plan, unit, table, &why));
        }
        let before = self.session.columns(own).await.map_err(Error::from)?;
        let columns = conversion.pairs(&before, &after, &primary);
        let trial = Trial {
            conversion,
            key: primary.iter().map(|name| (name.clone(), conversion.new_name(name).to_owned())).collect(),
            copies: Captured::of_values(
                table,
                primary,
                columns.iter().map(|(old, _)| old.name.clone()).collect(),
                plan.script.direction,
                (keep_database.clone(), self.keep_name(plan, key, table)),
            ),
            columns,
            table: own.quoted(),
            copy: copy.quoted(),
        };
        self.make_room(&trial, &before).await?;
        let converted: Vec<String> = trial.columns.iter().map(|(old, _)| old.name.clone()).collect();
        let whole = Copy { table, from: &trial.table, into: &trial.copy, key: &trial.copies.key, columns: &converted };
        let ahead = self.copy_ahead(&whole).await?;
        let tables = [&trial.table, &trial.copy, &trial.copies.copy().quoted(), &self.markers()];
        let tables = tables.map(|table| format!("{table} WRITE")).join(", ");
        let lock = format!("LOCK TABLES {tables}, {} AS k READ", trial.copy);
        self.execute_patiently(&lock).await.map_err(|error| refused(plan, unit, &error))?;
        let converted = self.convert_locked(plan, unit, key, &trial, (&whole, ahead)).await;
        // Where the connection is lost, so are its locks.
        let unlocked = self.execute("UNLOCK TABLES").await;
        let rows = converted?;
        unlocked?;
        self.settle_conversion(plan, key, table).await?;
        self.book.done(key, rows).await
    }

    /// Removes what a conversion needed on its way. Can be repeated.
    pub(super) async fn settle_conversion(
        &mut self,
        plan: &Plan<'_>,
        key: &StatementKey,
        table: &str,
    ) -> Result<(), StepError> {
        let (keep_database, keep_name) = (self.keep_database(), self.keep_name(plan, key, table));
        if !self.session.database_exists(&keep_database).await.map_err(Error::from)? {
            return Ok(());
        }
        let trial = ObjectRef::new(&keep_database, &self.trial_name(plan, key, table)).quoted();
        self.execute_in_keep(&format!("DROP TABLE IF EXISTS {trial}")).await?;
        let kept = ObjectRef::new(&keep_database, &keep_name);
        if !self.session.table_exists(kept).await.map_err(Error::from)? {
            return Ok(());
        }
        if self.ask(&format!("SELECT 1 AS one FROM {} LIMIT 1", kept.quoted()), &[]).await?.is_empty() {
            self.execute_in_keep(&format!("DROP TABLE {}", kept.quoted())).await?;
        }
        Ok(())
    }

    fn trial_name(&self, plan: &Plan<'_>, key: &StatementKey, table: &str) -> String {
        self.keep_name(plan, key, &format!("trial_{table}"))
    }

    /// Makes the change on an empty copy: the columns afterwards, or `None` where the server says that it touches no row.
    async fn try_empty(
        &mut self,
        plan: &Plan<'_>,
        unit: &Unit,
        conversion: &Conversion,
        copy: ObjectRef<'_>,
    ) -> Result<Option<Vec<Column>>, StepError> {
        let own = self.own(&conversion.table).quoted();
        self.execute_in_keep(&format!("DROP TABLE IF EXISTS {}", copy.quoted())).await?;
        self.execute_in_keep(&format!("CREATE TABLE {} LIKE {own}", copy.quoted())).await?;
        let change = conversion.statement(&copy.quoted());
        let is_instant = self.session.execute(&format!("{change}, ALGORITHM=INSTANT")).await.is_ok();
        let after = if is_instant {
            None
        } else {
            self.session.execute(&change).await.map_err(|error| refused(plan, unit, &error))?;
            Some(self.session.columns(copy).await.map_err(Error::from)?)
        };
        self.execute_in_keep(&format!("DROP TABLE {}", copy.quoted())).await?;
        Ok(after)
    }

    /// Makes the tables that the rows are copied into; what is there is left over from an interruption.
    async fn make_room(&mut self, trial: &Trial<'_>, before: &[Column]) -> Result<(), StepError> {
        let kept = trial.copies.copy().quoted();
        let columns = trial.columns.iter().copied();
        let create_kept = trial.copies.create(before, columns.clone().unzip());
        let all: Vec<String> =
            trial.copies.key.iter().cloned().chain(columns.map(|(old, _)| old.name.clone())).collect();
        let create_copy = format!(
            "CREATE TABLE {} (PRIMARY KEY ({})) ENGINE=InnoDB AS SELECT {} FROM {} WHERE FALSE",
            trial.copy,
            list(&trial.copies.key),
            list(&all),
            trial.table
        );
        for sql in [format!("DROP TABLE IF EXISTS {}, {kept}", trial.copy), create_kept, create_copy] {
            self.execute_in_keep(&sql).await?;
        }
        Ok(())
    }

    /// With the tables locked: tries, keeps, changes. The number of rows kept.
    async fn convert_locked(
        &mut self,
        plan: &Plan<'_>,
        unit: &Unit,
        key: &StatementKey,
        trial: &Trial<'_>,
        (whole, ahead): (&Copy<'_>, Option<Checksum>),
    ) -> Result<u64, StepError> {
        if self.catch_up(whole, ahead).await?.is_none() {
            return Err(whole.differs(&plan.place(unit)));
        }
        let change = trial.conversion.statement(&trial.copy);
        self.session.execute(&change).await.map_err(|error| refused(plan, unit, &error))?;
        if !self.ask(&trial.is_lost(), &[]).await?.is_empty() {
            let why = sentence!("its primary key would change");
            return Err(cannot(plan, unit, &trial.conversion.table, &why));
        }
        if let Some(keep) = trial.keep_differing() {
            self.execute(&keep).await?;
        }
        let rows = self.keep_values(plan, key, &trial.copies, trial.conversion).await?;
        self.assert_lock().await?;
        self.session.execute(&unit.text).await.map_err(|error| refused(plan, unit, &error))?;
        Ok(rows)
    }
}

impl Conversion {
    fn statement(&self, table: &str) -> String {
        format!("ALTER TABLE {table} {}", self.clauses.join(", "))
    }

    /// What a column is called afterwards.
    fn new_name<'a>(&'a self, name: &'a str) -> &'a str {
        self.columns.iter().find(|(from, _)| from.eq_ignore_ascii_case(name)).map_or(name, |(_, to)| to)
    }

    /// The columns with data of their own, outside the key, whose values may change: as they are and as they become.
    fn pairs<'a>(&self, before: &'a [Column], after: &'a [Column], key: &[String]) -> Vec<(&'a Column, &'a Column)> {
        let is_converted = |column: &&Column| {
            let named = self.columns.iter().any(|(from, _)| from.eq_ignore_ascii_case(&column.name));
            column.generated.is_none()
                && !key.contains(&column.name)
                && (named || (self.texts && column.collation.is_some()))
        };
        let becomes = |column: &'a Column| {
            let name = self.new_name(&column.name);
            after.iter().find(|one| one.name.eq_ignore_ascii_case(name)).map(|found| (column, found))
        };
        before.iter().filter(is_converted).filter_map(becomes).collect()
    }
}

impl Trial<'_> {
    /// Finds a row whose key leads to no row any more.
    fn is_lost(&self) -> String {
        let first = self.key.first().map(|(_, new)| self.of_copy(new)).unwrap_or_default();
        format!(
            "SELECT 1 AS one FROM {} LEFT JOIN {} ON {} WHERE {first} IS NULL LIMIT 1",
            self.table,
            self.copy,
            self.same_row()
        )
    }

    /// Keeps the rows of which some value has become another one; nothing where only the key is converted.
    fn keep_differing(&self) -> Option<String> {
        let differs = |(old, new): &(&Column, &Column)| {
            let (before, after) = (self.of_table(&old.name), self.of_copy(&new.name));
            if same_kind(old, new) {
                format!("NOT ({before} <=> {after})")
            } else {
                format!("NOT (BINARY {before} <=> BINARY {after})")
            }
        };
        let differing: Vec<String> = self.columns.iter().map(differs).collect();
        if differing.is_empty() {
            return None;
        }
        let key = self.copies.key.iter().map(|name| self.of_table(name));
        let before = self.columns.iter().map(|(old, _)| self.of_table(&old.name));
        let after = self.columns.iter().map(|(_, new)| self.of_copy(&new.name));
        let names = numbered("k", self.key.len())
            .chain(numbered("o", self.columns.len()))
            .chain(numbered("n", self.columns.len()));
        Some(format!(
            "{FAITHFUL} INSERT INTO {} (had, has, {}) SELECT 1, 1, {} FROM {} JOIN {} ON {} WHERE {}",
            self.copies.copy().quoted(),
            names.collect::<Vec<_>>().join(", "),
            key.chain(before).chain(after).collect::<Vec<_>>().join(", "),
            self.table,
            self.copy,
            self.same_row(),
            differing.join(" OR ")
        ))
    }

    // Tables that are locked by their names cannot be given others.
    fn of_table(&self, column: &str) -> String {
        format!("{}.{}", self.table, quote_identifier(column))
    }

    fn of_copy(&self, column: &str) -> String {
        format!("{}.{}", self.copy, quote_identifier(column))
    }

    fn same_row(&self) -> String {
        let pairs = self.key.iter().map(|(old, new)| format!("{} = {}", self.of_table(old), self.of_copy(new)));
        pairs.collect::<Vec<_>>().join(" AND ")
    }
}

/// Whether both are numbers, or both are times: then the server compares what they mean.
fn same_kind(one: &Column, other: &Column) -> bool {
    let kind = Kind::of(&one.column_type);
    kind.is_some() && kind == Kind::of(&other.column_type)
}

/// Types whose values are more than their text: 1.5 is 1.50.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    Time,
}

impl Kind {
    /// The kind of a full type such as `decimal(10,2)`; none for texts and bytes.
    pub(super) fn of(column_type: &str) -> Option<Self> {
        let name: &str = column_type.split(|letter: char| !letter.is_ascii_alphabetic()).next().unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" | "float" | "double" => {
                Some(Self::Number)
            }
            "date" | "datetime" | "timestamp" => Some(Self::Time),
            _ => None,
        }
    }
}

fn cannot(plan: &Plan<'_>, unit: &Unit, table: &str, why: &Sentence) -> StepError {
    let place = plan.place(unit);
    StepError::permanent(sentence!("{place}: columns of {table} cannot be put aside: {why}", place, table, why))
}
