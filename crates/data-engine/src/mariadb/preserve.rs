//! Puts aside what a statement is about to destroy, and fails where that cannot be done: tables, and what columns
//! need as well.

use driver_mariadb::{ObjectRef, Trigger, quote_identifier};
use saga::{Keeper, Preservation, StatementKey, StepError};
use sentence::{Sentence, sentence};
use serde_json::json;

use super::run::Plan;
use super::session::{Run, quoted, shortened};
use super::statement::{at_place, refused, unclear};
use crate::book::early_marker;
use crate::error::Error;
use crate::examine::sql::Unit;
use crate::script::sha256;

/// Access denied: to a database, for a user, to a table.
pub(super) const DENIED: [u16; 3] = [1044, 1045, 1142];
/// What stands for the checksum of a table that is moved and not copied.
const MOVED: &str = "moved";

impl Run {
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
        if !exists {
            return self.run_plain(plan, unit, key).await;
        }
        let covers = |keeper: &Keeper| matches!(keeper, Keeper::Table { table: kept, .. } if kept == table);
        let earlier = self.earlier(plan, key, covers).await?;
        if earlier == Earlier::Untouched && self.drop_if_empty(plan, unit, key, own).await? {
            return Ok(());
        }
        let cannot = |why: Sentence| {
            let place = plan.place(unit);
            StepError::permanent(sentence!("{place}: table {table} cannot be put aside: {why}", place, table, why))
        };
        let referencing = self.session.referencing_foreign_keys(own).await.map_err(Error::from)?;
        if let Some(other) = referencing.first() {
            return Err(cannot(sentence!(
                "foreign key {name} of {table} points at it",
                name = &other.name,
                table = format!("{}.{}", other.database, other.table)
            )));
        }
        self.assert_triggers_can_return(own).await.map_err(|error| at_place(plan, unit, error))?;
        let shown = self.session.show_create_table(own).await.map_err(Error::from)?;
        let counted = self.ask(&format!("SELECT COUNT(*) AS n FROM {}", own.quoted()), &[]).await?;
        let rows = counted.first().and_then(|row| row.get("n")).and_then(serde_json::Value::as_u64).unwrap_or_default();
        let keep_database = self.create_keep_database().await?;
        let keep_table = self.keep_name(plan, key, table);
        let marker = foreign_keys_marker(&self.book.marker(key));
        self.mark_anew(&marker, 0, Some(&json!(foreign_keys(&shown)).to_string())).await?;
        let marker = self.preserved_marker(key);
        self.mark_anew(&marker, rows, None).await?;
        if earlier == Earlier::Untouched {
            self.mark(&early_marker(self.book.preservation_id(key)), 0, None).await?;
        }
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
        self.drop_triggers(plan, unit, key, own).await?;
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
            return Err(unclear(
                plan,
                unit,
                &sentence!("table {table} is gone, and not where it was to be put aside", table),
            ));
        }
        Ok(())
    }

    /// Fails where a trigger of the table could be dropped and not be made again, because it belongs to somebody else.
    async fn assert_triggers_can_return(&mut self, own: ObjectRef<'_>) -> Result<(), StepError> {
        /// Naming another definer needs SET USER or SUPER.
        const NOT_ALLOWED: u16 = 1227;
        for trigger in self.session.triggers(own).await.map_err(Error::from)? {
            let Some(definer) = definer(&trigger.create) else { continue };
            // The server is asked by a view of the same definer: grants may come by roles.
            let keep_database = self.create_keep_database().await?;
            let view = quoted(&keep_database, "backout_definer");
            let Err(error) =
                self.session.execute(&format!("CREATE OR REPLACE DEFINER={definer} VIEW {view} AS SELECT 1")).await
            else {
                self.execute_in_keep(&format!("DROP VIEW IF EXISTS {view}")).await?;
                continue;
            };
            if error.code() != Some(NOT_ALLOWED) {
                return Err(Error::from(error).into());
            }
            let grantee = self.grantee().await?;
            return Err(StepError::permanent(sentence!(
                "trigger {trigger} of {table} goes with it, and could not be made again, since it belongs to {definer}",
                trigger = &trigger.name,
                table = own.name,
                definer
            ))
            .with_command(format!("GRANT SET USER ON *.* TO {grantee};")));
        }
        Ok(())
    }

    /// Takes a table's triggers away, with which it cannot leave its database. They are noted for whoever takes this back.
    async fn drop_triggers(
        &mut self,
        plan: &Plan<'_>,
        unit: &Unit,
        key: &StatementKey,
        own: ObjectRef<'_>,
    ) -> Result<(), StepError> {
        for trigger in self.session.triggers(own).await.map_err(Error::from)? {
            // Under its name: when this is repeated, those that are gone are noted already.
            let marker = format!("{}{}", triggers_marker(&self.book.marker(key)), sha256(trigger.name.as_bytes()));
            self.mark(&marker, 0, Some(&json!(trigger).to_string())).await?;
            let name = quoted(own.database, &trigger.name);
            let drop = format!("DROP TRIGGER IF EXISTS {name}");
            self.execute_patiently(&drop).await.map_err(|error| refused(plan, unit, &error))?;
        }
        Ok(())
    }

    /// Gives a table back the triggers that were taken from it.
    pub(super) async fn triggers_back(&mut self, key: &StatementKey) -> Result<(), StepError> {
        // In the order in which they were noted: of two for the same event the first fires first.
        let pattern = format!("{}%", triggers_marker(&self.book.marker(key)));
        let triggers: Vec<Trigger> = self.notes(&pattern).await?;
        let database = self.database.clone();
        for trigger in triggers {
            let name = ObjectRef::new(&database, &trigger.name);
            if !self.session.trigger_exists(name).await.map_err(Error::from)? {
                let mode = trigger.sql_mode.replace('\'', "''");
                let create = format!("SET STATEMENT sql_mode = '{mode}' FOR {}", trigger.create);
                self.execute_patiently(&create).await.map_err(Error::from)?;
            }
        }
        Ok(())
    }

    /// A kept table must not hold up the application by its foreign keys. They are noted, and come back with
    /// the table.
    async fn release_foreign_keys(&mut self, keep_database: &str, keep_table: &str) -> Result<(), StepError> {
        let kept = ObjectRef::new(keep_database, keep_table);
        for foreign_key in self.session.foreign_keys(kept).await.map_err(Error::from)? {
            let name = quote_identifier(&foreign_key.name);
            self.execute(&format!("ALTER TABLE {} DROP FOREIGN KEY {name}", kept.quoted())).await?;
        }
        Ok(())
    }

    /// Drops a table that has no rows, and says whether it did. It is locked in between.
    async fn drop_if_empty(
        &mut self,
        plan: &Plan<'_>,
        unit: &Unit,
        key: &StatementKey,
        own: ObjectRef<'_>,
    ) -> Result<bool, StepError> {
        let lock = format!("LOCK TABLES {} WRITE", own.quoted());
        self.execute_patiently(&lock).await.map_err(|error| refused(plan, unit, &error))?;
        let dropped = match self.ask(&format!("SELECT 1 AS one FROM {} LIMIT 1", own.quoted()), &[]).await {
            Ok(rows) if rows.is_empty() => self.run_plain(plan, unit, key).await.map(|()| true),
            Ok(_) => Ok(false),
            Err(error) => Err(error),
        };
        let unlocked = self.execute("UNLOCK TABLES").await;
        let dropped = dropped?;
        unlocked?;
        Ok(dropped)
    }

    /// What has become of earlier data of the same object while a migration is taken back.
    pub(super) async fn earlier(
        &mut self,
        plan: &Plan<'_>,
        key: &StatementKey,
        covers: impl Fn(&Keeper) -> bool,
    ) -> Result<Earlier, StepError> {
        if !plan.script.undo {
            return Ok(Earlier::None);
        }
        let own = self.book.preservation_id(key);
        let kept = self.book.kept(plan.script.version()).await?;
        let mut earlier = Earlier::None;
        for one in kept.iter().filter(|one| one.id != own && covers(&one.keeper)) {
            // What has come back does not wait, and of what was tried in vain it is noted why.
            if self.marked(&self.book.warning_marker(one.id)).await?.is_some() {
                return Ok(Earlier::Tried);
            }
            earlier = Earlier::Untouched;
        }
        Ok(earlier)
    }

    pub(super) async fn create_keep_database(&mut self) -> Result<String, StepError> {
        let name = self.keep_database();
        let quoted = quote_identifier(&name);
        if self.session.database_exists(&name).await.map_err(Error::from)? {
            return Ok(name);
        }
        self.execute_in_keep(&format!("CREATE DATABASE IF NOT EXISTS {quoted}")).await?;
        Ok(name)
    }

    /// Runs a statement that needs privileges which the application's own user may lack.
    pub(super) async fn execute_in_keep(&mut self, sql: &str) -> Result<(), StepError> {
        let Err(error) = self.session.execute(sql).await else {
            return Ok(());
        };
        if !error.code().is_some_and(|code| DENIED.contains(&code)) {
            return Err(Error::from(error).into());
        }
        let (grantee, database) = (self.grantee().await?, quote_identifier(&self.keep_database()));
        Err(StepError::permanent(sentence!("data cannot be put aside: {error}", error = error.sentence()))
            .with_command(format!("GRANT ALL PRIVILEGES ON {database}.* TO {grantee};")))
    }

    /// Who we are, as `GRANT` names it.
    pub(super) async fn grantee(&mut self) -> Result<String, StepError> {
        let user = self.ask("SELECT CURRENT_USER() AS user", &[]).await?;
        let user = user.first().and_then(|row| row.get("user")).and_then(|user| user.as_str()).unwrap_or_default();
        let (name, host) = user.rsplit_once('@').unwrap_or((user, "%"));
        Ok(format!("'{name}'@'{host}'"))
    }

    pub(super) fn keep_name(&self, plan: &Plan<'_>, key: &StatementKey, table: &str) -> String {
        shortened(table, &format!("__{}__{}", shortened_version(plan.script.version()), self.book.short_id(key)))
    }
}

/// What has become of data of the same object that was put aside earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Earlier {
    /// There is none that waits.
    None,
    /// It waits, and nothing of it has been put back yet: the object holds what the script, or somebody else, wrote.
    Untouched,
    /// It was tried to bring it back, and all or some of it stayed; the object may have been in use since.
    Tried,
}

/// Whose a trigger is, as its definition says it.
fn definer(create: &str) -> Option<&str> {
    create.split_once("DEFINER=")?.1.split_once(" TRIGGER ").map(|(definer, _)| definer.trim())
}

/// How the markers begin that have the triggers of a moved table.
fn triggers_marker(marker: &str) -> String {
    format!("{marker}/triggers/")
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
