//! Copies the rows that a statement changes or removes, while it does so.
//!
//! Triggers of ours note each row as it was and as it became, in the statement's own transaction: exactly the rows that
//! it touched, whatever its conditions say, while the application goes on writing. They do nothing in other sessions and
//! are gone afterwards.

use domain::ids::PreservationId;
use driver_mariadb::{Column, ObjectRef, quote_identifier};
use saga::{Keeper, Preservation, StatementKey, StepError};
use sentence::{Sentence, sentence};
use serde_json::{Value, json};
use sql_script::Effect;

use super::copies::{Captured, Event, events, numbered};
use super::follow::{self, Follower};
use super::run::Plan;
use super::session::{Run, quoted};
use super::statement::{Work, at_place, refused};
use crate::error::Error;
use crate::examine::sql::{Conversion, Treatment, Unit};
use crate::kept::unreadable_note;

impl Run {
    /// Changes rows after arranging that each is copied.
    pub(super) async fn change_kept_rows(
        &mut self,
        plan: &Plan<'_>,
        unit: &Unit,
        key: &StatementKey,
        tables: &[String],
    ) -> Result<(), StepError> {
        let captured = self.copies_for(plan, unit, key, tables).await?;
        self.create_keep_database().await?;
        self.assert_lock().await?;
        self.book.intent(key).await?;
        let marker = self.book.marker(key);
        let followers = captured.iter().flat_map(|one| one.followers.iter().map(|follower| &follower.copies));
        let note: Vec<&Captured> = captured.iter().map(|one| &one.copies).chain(followers).collect();
        self.mark_anew(&rows_marker(&marker), 0, Some(&json!(note).to_string())).await?;
        for one in &captured {
            self.arm(plan, unit, one).await?;
        }
        let fence = self.fence(key);
        let prepare = [format!("SET @backout_capture = '{fence}', @backout_seen = 0")];
        // Of the others the server counts otherwise.
        let counted = tables.len() == 1 && matches!(unit.effect, Effect::Update { .. } | Effect::Delete { .. });
        let statements = std::slice::from_ref(&unit.text);
        let work = Work { prepare: &prepare, statements, counted, ..Work::default() };
        let changed = self.transaction(&work, &marker).await.map_err(|error| at_place(plan, unit, error));
        // On a lost connection this fails as well, and whoever goes on does it.
        let settled = self.settle_rows(plan, unit, key).await;
        let rows = changed?;
        settled?;
        self.book.done(key, rows).await
    }

    /// Takes the triggers of a statement away and writes down what it put aside, if anything. Can be repeated.
    pub(super) async fn settle_rows(
        &mut self,
        plan: &Plan<'_>,
        unit: &Unit,
        key: &StatementKey,
    ) -> Result<(), StepError> {
        let mut preserved = None;
        for (number, copies) in self.captured(key).await?.iter().enumerate() {
            let follow = events(&unit.effect).contains(&Event::Delete).then(|| follow::trigger_name(copies));
            for name in events(&unit.effect).iter().map(|event| copies.trigger(*event)).chain(follow) {
                let trigger = quoted(&self.database, &name);
                self.execute_patiently(&format!("DROP TRIGGER IF EXISTS {trigger}"))
                    .await
                    .map_err(|error| refused(plan, unit, &error))?;
            }
            if !self.session.table_exists(copies.copy()).await.map_err(Error::from)? {
                continue;
            }
            let rows = self.keep_copies(plan, key, number, copies, format!("rows of {}", copies.table)).await?;
            if rows > 0 {
                *preserved.get_or_insert(0) += rows;
            } else if self.is_empty(copies).await? {
                self.execute_in_keep(&format!("DROP TABLE {}", copies.copy().quoted())).await?;
            }
        }
        match preserved {
            Some(rows) => self.mark_anew(&self.preserved_marker(key), rows, None).await,
            None => Ok(()),
        }
    }

    /// Writes down the values that a change of types does not leave as they are, before it. Their number of rows.
    pub(super) async fn keep_values(
        &mut self,
        plan: &Plan<'_>,
        key: &StatementKey,
        copies: &Captured,
        conversion: &Conversion,
    ) -> Result<u64, StepError> {
        let rows = self.keep_copies(plan, key, 0, copies, conversion.objects().join(", ")).await?;
        if rows > 0 {
            let marker = rows_marker(&self.book.marker(key));
            self.mark_anew(&marker, 0, Some(&json!([copies]).to_string())).await?;
            self.mark_anew(&self.preserved_marker(key), rows, None).await?;
            return Ok(rows);
        }
        // Before an interruption there may have been something, which the application has changed meanwhile.
        let id = self.book.part_id(key, 0);
        if self.book.kept(plan.script.version()).await?.iter().any(|one| one.id == id) {
            self.book.restored(id).await?;
        }
        Ok(0)
    }

    /// Writes down what a copy holds of rows that were there before; nothing where it holds none. Their number.
    async fn keep_copies(
        &mut self,
        plan: &Plan<'_>,
        key: &StatementKey,
        number: usize,
        copies: &Captured,
        object: String,
    ) -> Result<u64, StepError> {
        let had = format!("{} WHERE had", copies.copy().quoted());
        let names: Vec<String> = numbered("k", copies.key.len()).chain(numbered("o", copies.columns.len())).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let copy = self.session.checksum(&had, &names).await.map_err(Error::from)?;
        if copy.rows > 0 {
            let preservation = Preservation {
                id: self.book.part_id(key, number),
                store: self.book.store.clone(),
                migration: plan.script.version().to_owned(),
                object,
                keeper: copies.keeper(),
                rows: copy.rows,
                checksum: format!("{}/{}", copy.rows, copy.sum),
            };
            self.book.keep(&preservation).await?;
        }
        Ok(copy.rows)
    }

    /// The copies that a statement made, or was about to make.
    pub(super) async fn captured(&mut self, key: &StatementKey) -> Result<Vec<Captured>, StepError> {
        let marker = rows_marker(&self.book.marker(key));
        let Some(note) = self.note(&marker).await? else { return Ok(Vec::new()) };
        serde_json::from_str(&note).map_err(|error| unreadable_note(&marker, &error))
    }

    /// The copies of a table's rows that a script's statements have made so far, in their order.
    pub(super) async fn captured_by(&mut self, plan: &Plan<'_>, table: &str) -> Result<Vec<Captured>, StepError> {
        let mut all = Vec::new();
        for unit in &plan.units {
            if !unit.is_dml {
                continue;
            }
            for copies in self.captured(&plan.key(unit)).await? {
                if copies.table == table && self.session.table_exists(copies.copy()).await.map_err(Error::from)? {
                    all.push(copies);
                }
            }
        }
        Ok(all)
    }

    /// The ids of all that a statement can put aside.
    pub(super) fn ids_of(&self, plan: &Plan<'_>, unit: &Unit) -> Vec<PreservationId> {
        let key = plan.key(unit);
        let parts = match &unit.treatment {
            // With the rows that follow.
            Treatment::KeepRows { .. } => follow::MOST,
            Treatment::Convert(_) => 1,
            _ => usize::from(unit.is_dml),
        };
        let parts = (0..parts).map(|number| self.book.part_id(&key, number));
        parts.chain(std::iter::once(self.book.preservation_id(&key))).collect()
    }

    /// The table into which rows are inserted for whose sake others wait: what the script inserts gives way to them.
    pub(super) async fn awaited(&mut self, plan: &Plan<'_>, unit: &Unit) -> Result<Option<String>, StepError> {
        let Effect::Insert { table, .. } = &unit.effect else { return Ok(None) };
        if self.waiting.is_none() {
            let kept = self.book.kept(plan.script.version()).await?;
            let tables = kept.into_iter().filter_map(|one| match one.keeper {
                Keeper::Rows { table, .. } => Some(table),
                _ => None,
            });
            self.waiting = Some(tables.collect());
        }
        let waits = self.waiting.iter().flatten().any(|one| *one == table.name);
        Ok((waits && table.database.is_none()).then(|| table.name.clone()))
    }

    /// What the copies of a statement's rows will be like; an error where they could not come back.
    pub(super) async fn copies_for(
        &mut self,
        plan: &Plan<'_>,
        unit: &Unit,
        key: &StatementKey,
        tables: &[String],
    ) -> Result<Vec<Source>, StepError> {
        let mut sources: Vec<Source> = Vec::with_capacity(tables.len());
        for (number, table) in tables.iter().enumerate() {
            let (copies, columns) = self.copies_of(plan, unit, key, number, table).await?;
            self.assert_no_update_follows(plan, unit, table).await?;
            let mut followers = Vec::new();
            if events(&unit.effect).contains(&Event::Delete) {
                let first = tables.len() + sources.iter().map(|one| one.followers.len()).sum::<usize>();
                followers = self.followers(plan, unit, key, table, first).await?;
            }
            sources.push(Source { copies, columns, followers });
        }
        Ok(sources)
    }

    /// What the copies of a table's rows will be like; an error where they could not come back.
    pub(super) async fn copies_of(
        &mut self,
        plan: &Plan<'_>,
        unit: &Unit,
        key: &StatementKey,
        number: usize,
        table: &str,
    ) -> Result<(Captured, Vec<Column>), StepError> {
        let database = self.database.clone();
        let own = ObjectRef::new(&database, table);
        let refuse = |why: Sentence| cannot(plan, unit, table, &why);
        match self.engine_of(own).await?.as_deref() {
            Some("InnoDB") => {}
            Some(_) => return Err(refuse(sentence!("table {table} knows no transactions", table))),
            None => return Err(refuse(sentence!("there is no table {table}", table))),
        }
        let primary = self.session.primary_key(own).await.map_err(Error::from)?;
        if primary.is_empty() {
            return Err(refuse(sentence!("the table has no primary key by which they could come back")));
        }
        let columns = self.session.columns(own).await.map_err(Error::from)?;
        let data = |column: &&Column| column.generated.is_none() && !primary.contains(&column.name);
        let copies = Captured {
            table: table.to_owned(),
            columns: columns.iter().filter(data).map(|column| column.name.clone()).collect(),
            key: primary,
            direction: plan.script.direction,
            keep_database: self.keep_database(),
            keep_table: self.keep_name(plan, key, &format!("{table}_{number}")),
            fence: self.fence(key),
            number,
        };
        Ok((copies, columns))
    }

    fn fence(&self, key: &StatementKey) -> String {
        format!("backout_{}", self.book.short_id(key))
    }

    /// Makes the copies' tables and the triggers that fill them. What is there is left over: nothing was committed with it.
    async fn arm(&mut self, plan: &Plan<'_>, unit: &Unit, source: &Source) -> Result<(), StepError> {
        let followers = source.followers.iter().map(|follower| (&follower.copies, &follower.columns));
        for (copies, columns) in std::iter::once((&source.copies, &source.columns)).chain(followers).collect::<Vec<_>>()
        {
            let data: Vec<&Column> =
                copies.columns.iter().filter_map(|name| columns.iter().find(|column| column.name == *name)).collect();
            self.execute_in_keep(&format!("DROP TABLE IF EXISTS {}", copies.copy().quoted())).await?;
            self.execute_in_keep(&copies.create(columns, (data.clone(), data))).await?;
        }
        let database = self.database.clone();
        let mut triggers: Vec<(String, String)> = events(&unit.effect)
            .iter()
            .map(|event| (source.copies.trigger(*event), source.copies.trigger_sql(&database, *event)))
            .collect();
        if !source.followers.is_empty() {
            let create = follow::trigger_sql(&database, &source.copies, &source.followers);
            triggers.push((follow::trigger_name(&source.copies), create));
        }
        for (name, create) in triggers {
            for sql in [format!("DROP TRIGGER IF EXISTS {}", quoted(&database, &name)), create] {
                if let Err(error) = self.execute_patiently(&sql).await {
                    return Err(self.cannot_arm(plan, unit, &error).await?);
                }
            }
        }
        Ok(())
    }

    /// The error of a trigger that could not be made, with what would allow it.
    async fn cannot_arm(
        &mut self,
        plan: &Plan<'_>,
        unit: &Unit,
        error: &driver_mariadb::Error,
    ) -> Result<StepError, StepError> {
        /// Binary logging is on, and only SUPER may make triggers.
        const LOGGED: u16 = 1419;
        let refused = refused(plan, unit, error);
        Ok(match error.code() {
            Some(LOGGED) => refused.with_command("SET GLOBAL log_bin_trust_function_creators = 1;".to_owned()),
            Some(code) if super::preserve::DENIED.contains(&code) => {
                let grantee = self.grantee().await?;
                let database = quote_identifier(&self.database);
                refused.with_command(format!("GRANT TRIGGER ON {database}.* TO {grantee};"))
            }
            _ => refused,
        })
    }

    /// Whether the copies are there and have no row that was there before the statement.
    pub(super) async fn is_used_up(&mut self, copies: &Captured) -> Result<bool, StepError> {
        if !self.session.table_exists(copies.copy()).await.map_err(Error::from)? {
            return Ok(false);
        }
        let sql = format!("SELECT 1 AS one FROM {} WHERE had LIMIT 1", copies.copy().quoted());
        Ok(self.ask(&sql, &[]).await?.is_empty())
    }

    async fn is_empty(&mut self, copies: &Captured) -> Result<bool, StepError> {
        let sql = format!("SELECT 1 AS one FROM {} LIMIT 1", copies.copy().quoted());
        Ok(self.ask(&sql, &[]).await?.is_empty())
    }

    /// Fails where the statement would change what others point at, and they along with it.
    async fn assert_no_update_follows(&mut self, plan: &Plan<'_>, unit: &Unit, table: &str) -> Result<(), StepError> {
        if !events(&unit.effect).contains(&Event::Update) {
            return Ok(());
        }
        let assigned: &[String] = match &unit.effect {
            Effect::Update { columns, .. } => columns,
            _ => &[],
        };
        let database = self.database.clone();
        let keys = self.session.cascades(ObjectRef::new(&database, table)).await.map_err(Error::from)?;
        let changes =
            |column: &String| assigned.is_empty() || assigned.iter().any(|one| one.eq_ignore_ascii_case(column));
        let follows = keys.iter().find(|key| key.on_update && key.columns.iter().any(|(_, column)| changes(column)));
        let Some(key) = follows else { return Ok(()) };
        let name = format!("{} ({}.{})", key.name, key.database, key.table);
        let why = sentence!(
            "foreign key {name} would change rows of its table along with them; change those in a statement before",
            name
        );
        Err(cannot(plan, unit, table, &why))
    }

    pub(super) async fn engine_of(&mut self, table: ObjectRef<'_>) -> Result<Option<String>, StepError> {
        let sql = "SELECT ENGINE AS engine FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? \
                   AND TABLE_TYPE <> 'VIEW'";
        let rows = self.ask(sql, &[json!(table.database), json!(table.name)]).await?;
        Ok(rows.first().and_then(|row| row.get("engine")).and_then(Value::as_str).map(str::to_owned))
    }
}

/// A table that a statement changes, with what its copies need.
pub(super) struct Source {
    copies: Captured,
    columns: Vec<Column>,
    /// The tables whose rows follow, each behind the one that it points at.
    followers: Vec<Follower>,
}

/// The error of rows that could not come back.
pub(super) fn cannot(plan: &Plan<'_>, unit: &Unit, table: &str, why: &Sentence) -> StepError {
    let place = plan.place(unit);
    StepError::permanent(sentence!("{place}: rows of {table} cannot be put aside: {why}", place, table, why))
}

/// The marker that has a statement's copies.
fn rows_marker(marker: &str) -> String {
    format!("{marker}/rows")
}
