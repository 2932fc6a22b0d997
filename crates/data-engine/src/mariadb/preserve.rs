//! Puts aside what a statement is about to destroy, and fails where that cannot be done.

use driver_mariadb::ObjectRef;
use saga::{Keeper, Preservation, StatementKey, StepError};
use serde_json::json;

use super::run::Plan;
use super::session::{Run, list, quoted, shortened};
use super::statement::{refused, unclear};
use crate::error::Error;
use crate::examine::sql::Unit;

/// Access denied: to a database, for a user, to a table.
const DENIED: [u16; 3] = [1044, 1045, 1142];
/// What stands for the checksum of a table that is moved and not copied.
const MOVED: &str = "moved";

impl Run {
    /// Runs an `ALTER TABLE` after copying the columns that it drops, with the table locked in between.
    pub(crate) async fn drop_columns(
        &mut self,
        plan: &Plan<'_>,
        unit: &Unit,
        key: &StatementKey,
        table: &str,
        columns: &[String],
    ) -> Result<(), StepError> {
        let lost = self.columns_to_keep(plan, key, table, columns).await?;
        if lost.is_empty() {
            return self.run_plain(plan, unit, key).await;
        }
        let cannot = |why: &str| {
            StepError::permanent(format!("{}: columns of {table} cannot be put aside: {why}", plan.place(unit)))
        };
        let primary = self.session.primary_key(ObjectRef::new(&self.database, table)).await.map_err(Error::from)?;
        if primary.is_empty() {
            return Err(cannot("the table has no primary key by which they could come back"));
        }
        if lost.iter().any(|column| primary.iter().any(|part| part.eq_ignore_ascii_case(column))) {
            return Err(cannot("they are a part of the primary key"));
        }
        let keep_database = self.create_keep_database().await?;
        let keep_table = self.keep_name(plan, key, table);
        let (from, keep) = (quoted(&self.database, table), quoted(&keep_database, &keep_table));
        let all: Vec<String> = primary.iter().chain(&lost).cloned().collect();
        // The columns are still there, so a copy that is found is an unfinished one.
        self.execute_in_keep(&format!("DROP TABLE IF EXISTS {keep}")).await?;
        self.execute_in_keep(&format!(
            "CREATE TABLE {keep} (PRIMARY KEY ({})) ENGINE=InnoDB AS SELECT {} FROM {from} WHERE FALSE",
            list(&primary),
            list(&all)
        ))
        .await?;
        let copy = Keep { table, from: &from, into: &keep, in_database: &keep_database, in_table: &keep_table };
        let lock = format!("LOCK TABLES {from} WRITE, {keep} WRITE, {} WRITE", self.markers());
        self.execute_patiently(&lock).await.map_err(|error| refused(plan, unit, &error))?;
        let dropped = self.copy_and_drop(plan, unit, key, &copy, &primary, &lost).await;
        // Where the connection is lost, so are its locks.
        let unlocked = self.execute("UNLOCK TABLES").await;
        let rows = dropped?;
        unlocked?;
        self.book.done(key, rows).await
    }

    /// With the tables locked: copies, compares, journals, drops.
    async fn copy_and_drop(
        &mut self,
        plan: &Plan<'_>,
        unit: &Unit,
        key: &StatementKey,
        kept: &Keep<'_>,
        primary: &[String],
        lost: &[String],
    ) -> Result<u64, StepError> {
        let all: Vec<&str> = primary.iter().chain(lost).map(String::as_str).collect();
        let columns = list(&all.iter().map(|column| (*column).to_owned()).collect::<Vec<_>>());
        // Values that the strict mode of today would refuse are copied as they are.
        self.execute(&format!(
            "SET STATEMENT sql_mode = 'NO_AUTO_VALUE_ON_ZERO' FOR INSERT INTO {} ({columns}) SELECT {columns} FROM {}",
            kept.into, kept.from
        ))
        .await?;
        let original = self.session.checksum(kept.from, &all).await.map_err(Error::from)?;
        let copy = self.session.checksum(kept.into, &all).await.map_err(Error::from)?;
        if original != copy {
            return Err(StepError::permanent(format!(
                "{}: the copy of columns {} of {} differs from them, so they are not dropped",
                plan.place(unit),
                lost.join(", "),
                kept.table
            )));
        }
        let marker = self.preserved_marker(key);
        self.mark_anew(&marker, copy.rows, None).await?;
        let objects: Vec<String> = lost.iter().map(|column| format!("column {}.{column}", kept.table)).collect();
        let preservation = Preservation {
            id: self.book.preservation_id(key),
            store: self.book.store.clone(),
            migration: plan.script.version().to_owned(),
            object: objects.join(", "),
            keeper: Keeper::Columns {
                table: kept.table.to_owned(),
                columns: lost.to_vec(),
                key: primary.to_vec(),
                keep_database: kept.in_database.to_owned(),
                keep_table: kept.in_table.to_owned(),
            },
            rows: copy.rows,
            checksum: format!("{}/{}/{}", copy.rows, copy.sum, copy.xor),
        };
        self.book.keep(&preservation).await?;
        self.assert_lock().await?;
        self.book.intent(key).await?;
        self.session.execute(&unit.text).await.map_err(|error| refused(plan, unit, &error))?;
        Ok(copy.rows)
    }

    /// Moves a table into the database of kept things, in place of dropping it.
    pub(crate) async fn drop_table(
        &mut self,
        plan: &Plan<'_>,
        unit: &Unit,
        key: &StatementKey,
        table: &str,
    ) -> Result<(), StepError> {
        let database = self.database.clone();
        let own = ObjectRef::new(&database, table);
        let exists = self.session.table_exists(own).await.map_err(Error::from)?;
        if !exists
            || self
                .is_pending(plan, key, |keeper| matches!(keeper, Keeper::Table { table: kept, .. } if kept == table))
                .await?
        {
            return self.run_plain(plan, unit, key).await;
        }
        let cannot = |why: String| {
            StepError::permanent(format!("{}: table {table} cannot be put aside: {why}", plan.place(unit)))
        };
        let triggers = self.session.triggers(own).await.map_err(Error::from)?;
        if let Some(trigger) = triggers.first() {
            return Err(cannot(format!("it has trigger {}; drop that first", trigger.name)));
        }
        let referencing = self.session.referencing_foreign_keys(own).await.map_err(Error::from)?;
        if let Some(other) = referencing.first() {
            return Err(cannot(format!(
                "foreign key {} of {}.{} points at it",
                other.name, other.database, other.table
            )));
        }
        let shown = self.session.show_create_table(own).await.map_err(Error::from)?;
        let counted = self.ask(&format!("SELECT COUNT(*) AS n FROM {}", own.quoted()), &[]).await?;
        let rows = counted.first().and_then(|row| row.get("n")).and_then(serde_json::Value::as_u64).unwrap_or_default();
        let keep_database = self.create_keep_database().await?;
        let keep_table = self.keep_name(plan, key, table);
        let marker = foreign_keys_marker(&self.book.marker(key));
        self.mark_anew(&marker, 0, Some(&json!(foreign_keys(&shown)).to_string())).await?;
        let marker = self.preserved_marker(key);
        self.mark_anew(&marker, rows, None).await?;
        let preservation = Preservation {
            id: self.book.preservation_id(key),
            store: self.book.store.clone(),
            migration: plan.script.version().to_owned(),
            object: format!("table {table}"),
            keeper: Keeper::Table {
                table: table.to_owned(),
                keep_database: keep_database.clone(),
                keep_table: keep_table.clone(),
            },
            rows,
            checksum: MOVED.to_owned(),
        };
        self.book.keep(&preservation).await?;
        self.assert_lock().await?;
        self.book.intent(key).await?;
        let rename = format!("RENAME TABLE {} TO {}", own.quoted(), quoted(&keep_database, &keep_table));
        self.execute_patiently(&rename).await.map_err(|error| refused(plan, unit, &error))?;
        self.release_foreign_keys(&keep_database, &keep_table).await?;
        self.book.done(key, rows).await
    }

    /// After a crash the table is gone: it must be where it was to be moved to.
    pub(crate) async fn settle_moved(
        &mut self,
        plan: &Plan<'_>,
        unit: &Unit,
        key: &StatementKey,
        table: &str,
    ) -> Result<(), StepError> {
        let (keep_database, keep_table) = (self.keep_database(), self.keep_name(plan, key, table));
        let moved = ObjectRef::new(&keep_database, &keep_table);
        if self.session.table_exists(moved).await.map_err(Error::from)? {
            return self.release_foreign_keys(&keep_database, &keep_table).await;
        }
        let id = self.book.preservation_id(key);
        let was_kept = self.book.kept(plan.script.version()).await?.iter().any(|kept| kept.id == id);
        if was_kept {
            return Err(unclear(plan, unit, &format!("table {table} is gone, and not where it was to be put aside")));
        }
        Ok(())
    }

    /// A kept table must not hold up the application by its foreign keys. They are noted, and come back with
    /// the table.
    async fn release_foreign_keys(&mut self, keep_database: &str, keep_table: &str) -> Result<(), StepError> {
        let kept = ObjectRef::new(keep_database, keep_table);
        for foreign_key in self.session.foreign_keys(kept).await.map_err(Error::from)? {
            let name = driver_mariadb::quote_identifier(&foreign_key.name);
            self.execute(&format!("ALTER TABLE {} DROP FOREIGN KEY {name}", kept.quoted())).await?;
        }
        Ok(())
    }

    /// Those of the columns that exist and hold data of their own. When an interrupted migration is taken
    /// back, columns whose data was put aside earlier and has not come back yet hold only defaults.
    async fn columns_to_keep(
        &mut self,
        plan: &Plan<'_>,
        key: &StatementKey,
        table: &str,
        columns: &[String],
    ) -> Result<Vec<String>, StepError> {
        let present = self.session.columns(ObjectRef::new(&self.database, table)).await.map_err(Error::from)?;
        let mut lost = Vec::new();
        for column in columns {
            let own = |one: &&driver_mariadb::Column| one.name.eq_ignore_ascii_case(column) && one.generated.is_none();
            let Some(found) = present.iter().find(own) else {
                continue;
            };
            let covers = |keeper: &Keeper| {
                matches!(keeper, Keeper::Columns { table: of, columns, .. }
                    if of == table && columns.iter().any(|one| one.eq_ignore_ascii_case(column)))
            };
            if !self.is_pending(plan, key, covers).await? {
                lost.push(found.name.clone());
            }
        }
        Ok(lost)
    }

    /// Whether, while a migration is taken back, earlier data of the same object still waits to come back.
    async fn is_pending(
        &self,
        plan: &Plan<'_>,
        key: &StatementKey,
        covers: impl Fn(&Keeper) -> bool,
    ) -> Result<bool, StepError> {
        if !plan.script.undo {
            return Ok(false);
        }
        let own = self.book.preservation_id(key);
        let kept = self.book.kept(plan.script.version()).await?;
        Ok(kept.iter().any(|one| one.id != own && covers(&one.keeper)))
    }

    async fn create_keep_database(&mut self) -> Result<String, StepError> {
        let name = self.keep_database();
        let quoted = driver_mariadb::quote_identifier(&name);
        if self.session.database_exists(&name).await.map_err(Error::from)? {
            return Ok(name);
        }
        self.execute_in_keep(&format!("CREATE DATABASE IF NOT EXISTS {quoted}")).await?;
        Ok(name)
    }

    /// Runs a statement that needs privileges which the application's own user may lack.
    async fn execute_in_keep(&mut self, sql: &str) -> Result<(), StepError> {
        let Err(error) = self.session.execute(sql).await else {
            return Ok(());
        };
        if !error.code().is_some_and(|code| DENIED.contains(&code)) {
            return Err(Error::from(error).into());
        }
        let user = self.ask("SELECT CURRENT_USER() AS user", &[]).await?;
        let user = user.first().and_then(|row| row.get("user")).and_then(|user| user.as_str()).unwrap_or_default();
        let (name, host) = user.rsplit_once('@').unwrap_or((user, "%"));
        let database = driver_mariadb::quote_identifier(&self.keep_database());
        Err(StepError::permanent(format!("data cannot be put aside: {error}"))
            .with_hint(format!("GRANT ALL PRIVILEGES ON {database}.* TO '{name}'@'{host}';")))
    }

    fn keep_name(&self, plan: &Plan<'_>, key: &StatementKey, table: &str) -> String {
        shortened(table, &format!("__{}__{}", shortened_version(plan.script.version()), self.book.short_id(key)))
    }
}

/// A copy, and what it is of.
struct Keep<'a> {
    /// The table, and quoted in its database.
    table: &'a str,
    from: &'a str,
    /// The copy, quoted in its database, and both names alone.
    into: &'a str,
    in_database: &'a str,
    in_table: &'a str,
}

/// Where the foreign keys of a moved table are noted.
pub(crate) fn foreign_keys_marker(marker: &str) -> String {
    format!("{marker}/foreign_keys")
}

fn shortened_version(version: &str) -> String {
    version.chars().take(24).collect()
}

/// The foreign keys of a definition as the server shows it, one a line.
fn foreign_keys(shown: &str) -> Vec<String> {
    shown
        .lines()
        .map(|line| line.trim().trim_end_matches(','))
        .filter(|line| line.starts_with("CONSTRAINT ") && line.contains(" FOREIGN KEY "))
        .map(str::to_owned)
        .collect()
}
