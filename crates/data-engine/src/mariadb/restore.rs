//! Brings back what was put aside, once there is a place for it again.

use sentence::{Sentence, sentence};
use std::collections::HashSet;

use domain::ledger::Direction;
use driver_mariadb::{ObjectRef, quote_identifier};
use saga::{Keeper, Preservation, StepError};
use serde_json::json;

use super::copies::Captured;
use super::landing::Landing;
use super::merge::Way;
use super::rows_back::changed_since;
use super::run::Plan;
use super::session::{Run, list, quoted};
use super::statement::Work;
use crate::book::early_marker;
use crate::error::Error;
use crate::kept::{Choice, Comes, choose, older, stays, unreadable_note};

/// Why kept data stays where it is.
#[derive(Debug)]
pub(crate) enum Stays {
    /// There is no place for it: its column or table does not exist.
    NoPlace(Sentence),
    /// What is there stands in the way.
    Conflict(Sentence),
    /// The restoring failed.
    Failed(StepError),
}

impl<E> From<E> for Stays
where
    StepError: From<E>,
{
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Run {
    /// Brings back what an earlier run of the opposite script put aside and this migration has made room
    /// for. What cannot come back stays kept and is reported.
    pub(crate) async fn restore_kept(&mut self, plan: &Plan<'_>) -> Result<(), StepError> {
        let own: HashSet<_> = plan.units.iter().flat_map(|unit| self.ids_of(plan, unit)).collect();
        let version = plan.script.version();
        let mut kept = self.book.kept(version).await?;
        kept.retain(|one| !own.contains(&one.id) && comes_with(&one.keeper, plan.script.direction));
        if kept.is_empty() {
            return Ok(());
        }
        let choices = self.choices(version, &kept).await?;
        let landing = Landing::of(plan);
        // Told first: what comes back in their place is not taken for something that the script wrote.
        for choice in choices.iter().filter(|choice| choice.comes != Comes::Whole) {
            if let Some(one) = kept.iter().find(|one| one.id == choice.id) {
                self.report(one, &older(one)).await?;
            }
        }
        for choice in choices {
            // What is not there any more has come back before an interruption.
            let Some(one) = kept.iter().find(|one| one.id == choice.id) else {
                continue;
            };
            self.book.go_on()?;
            match choice.comes {
                Comes::Whole => match Captured::of(&one.keeper) {
                    Some(copies) => self.rows_return(plan, one, &copies).await?,
                    None => self.restore_or_report(one, None, &landing).await?,
                },
                Comes::Columns(columns) => self.restore_or_report(one, Some(&columns), &landing).await?,
                Comes::Nothing => {}
            }
        }
        Ok(())
    }

    /// Brings back the rows that the opposite script changed or removed, but for those that others changed since.
    async fn rows_return(&mut self, plan: &Plan<'_>, kept: &Preservation, copies: &Captured) -> Result<(), StepError> {
        let through = self.captured_by(plan, &copies.table).await?;
        let marker = self.rows_back_marker(kept.id);
        self.note_return(kept.id, copies).await?;
        match self.rows_back(copies, &through, Way::Opposite, &marker).await {
            Ok(0) => self.book.restored(kept.id).await,
            Ok(changed) => self.report(kept, &changed_since(changed, copies)).await,
            Err(Stays::Failed(error)) => Err(error),
            Err(Stays::NoPlace(why) | Stays::Conflict(why)) => self.report(kept, &why).await,
        }
    }

    /// Which copies come back. Decided once, since those that have come back before an interruption count for it too.
    async fn choices(&mut self, version: &str, kept: &[Preservation]) -> Result<Vec<Choice>, StepError> {
        let marker = self.book.choices_marker(version);
        if let Some(noted) = self.note(&marker).await? {
            return serde_json::from_str(&noted).map_err(|error| unreadable_note(&marker, &error));
        }
        let mut early = HashSet::new();
        for one in kept {
            if self.marked(&early_marker(one.id)).await?.is_some() {
                early.insert(one.id);
            }
        }
        let choices = choose(kept, &early);
        self.mark(&marker, 0, Some(&json!(choices).to_string())).await?;
        Ok(choices)
    }

    pub(crate) async fn restore_or_report(
        &mut self,
        kept: &Preservation,
        part: Option<&[String]>,
        landing: &Landing,
    ) -> Result<(), StepError> {
        let restored = match part {
            None => self.restore(kept, landing).await,
            Some(columns) => self.restore_part(kept, columns, landing).await,
        };
        match restored {
            Ok(()) => Ok(()),
            Err(Stays::Failed(error)) => Err(error),
            Err(Stays::NoPlace(why) | Stays::Conflict(why)) => self.report(kept, &why).await,
        }
    }

    /// Tells that something stays put aside: to those who watch, and in the step's output.
    pub(super) async fn report(&mut self, kept: &Preservation, why: &Sentence) -> Result<(), StepError> {
        tracing::warn!(store = %self.book.store, object = %kept.object, %why, "kept data stays put aside");
        let note = json!(stays(kept, why)).to_string();
        self.mark_anew(&self.book.warning_marker(kept.id), 0, Some(&note)).await?;
        self.book.cx.progress(json!({ "stays_put_aside": kept.object, "reason": why })).await
    }

    /// Notes in the journal what came back before an interruption kept it from being noted.
    pub(crate) async fn settle_restored(&mut self, version: &str) -> Result<(), StepError> {
        for one in self.book.kept(version).await? {
            if self.marked(&self.restored_marker(one.id)).await?.is_some() {
                self.book.restored(one.id).await?;
            }
        }
        Ok(())
    }

    /// Brings one thing back, in one transaction with a marker, to where the script that made room for it has left that.
    pub(crate) async fn restore(&mut self, kept: &Preservation, landing: &Landing) -> Result<(), Stays> {
        let marker = self.restored_marker(kept.id);
        if self.marked(&marker).await?.is_none() {
            self.assert_lock().await?;
            match &kept.keeper {
                Keeper::Columns { table, columns, key, keep_database, keep_table } => {
                    let keep = ObjectRef::new(keep_database, keep_table);
                    self.restore_columns(&places(landing, table, columns), key, keep, &marker).await?;
                }
                Keeper::Table { table, keep_database, keep_table } => {
                    let keep = ObjectRef::new(keep_database, keep_table);
                    self.restore_rows(landing.table(table), keep, &marker).await?;
                }
                Keeper::Rows { .. }
                | Keeper::Fields { .. }
                | Keeper::Collection { .. }
                | Keeper::Documents { .. }
                | Keeper::Indexes { .. } => {
                    return Err(Stays::Conflict(sentence!("it belongs to another kind of data store")));
                }
            }
        }
        self.book.restored(kept.id).await?;
        Ok(())
    }

    /// Brings some columns of a copy back. It stays kept for the others.
    async fn restore_part(&mut self, kept: &Preservation, columns: &[String], landing: &Landing) -> Result<(), Stays> {
        let Keeper::Columns { table, key, keep_database, keep_table, .. } = &kept.keeper else {
            return Err(Stays::Conflict(sentence!("it has no columns")));
        };
        let marker = format!("{}/part", self.restored_marker(kept.id));
        if self.marked(&marker).await?.is_none() {
            self.assert_lock().await?;
            let keep = ObjectRef::new(keep_database, keep_table);
            self.restore_columns(&places(landing, table, columns), key, keep, &marker).await?;
        }
        Ok(())
    }

    async fn restore_columns(
        &mut self,
        (table, columns): &(String, Vec<Column>),
        key: &[String],
        keep: ObjectRef<'_>,
        marker: &str,
    ) -> Result<(), Stays> {
        let database = self.database.clone();
        let own = ObjectRef::new(&database, table);
        let present = self.session.columns(own).await.map_err(Error::from)?;
        let has = |column: &&Column| present.iter().any(|one| one.name.eq_ignore_ascii_case(&column.place));
        if let Some(missing) = columns.iter().find(|column| !has(column)) {
            return Err(Stays::NoPlace(sentence!(
                "there is no column {column}",
                column = format!("{table}.{}", missing.place)
            )));
        }
        self.assert_copy(keep).await?;
        let primary = self.session.primary_key(own).await.map_err(Error::from)?;
        if primary != key {
            return Err(Stays::Conflict(sentence!("the primary key of {table} is another one than it was", table)));
        }
        let pair = |column: &Column| (quote_identifier(&column.place), quote_identifier(&column.copy));
        let mut settings: Vec<String> =
            columns.iter().map(pair).map(|(place, copy)| format!("t.{place} = k.{copy}")).collect();
        // Bringing data back is no change that a "changed at" should show.
        let comes = |name: &str| columns.iter().any(|column| column.place == name);
        let stamps =
            present.iter().filter(|one| one.extra.to_ascii_lowercase().contains("on update") && !comes(&one.name));
        settings.extend(stamps.map(|one| format!("t.{0} = t.{0}", quote_identifier(&one.name))));
        let joined = format!("{} AS t JOIN {} AS k ON {}", own.quoted(), keep.quoted(), matching(key));
        let update = format!("{FAITHFUL} UPDATE {joined} SET {}", settings.join(", "));
        let check = format!("SELECT COUNT(*) AS n FROM {joined} WHERE {}", differing(columns.iter().map(pair)));
        self.bring_back(&[update], &check, marker).await
    }

    async fn restore_rows(&mut self, table: &str, keep: ObjectRef<'_>, marker: &str) -> Result<(), Stays> {
        let database = self.database.clone();
        let own = ObjectRef::new(&database, table);
        if !self.session.table_exists(own).await.map_err(Error::from)? {
            return Err(Stays::NoPlace(sentence!("there is no table {table}", table)));
        }
        self.assert_copy(keep).await?;
        let present = self.session.columns(own).await.map_err(Error::from)?;
        let kept = self.session.columns(keep).await.map_err(Error::from)?;
        let columns: Vec<String> =
            kept.iter().filter(|one| one.generated.is_none()).map(|one| one.name.clone()).collect();
        let has = |name: &String| present.iter().any(|one| one.name == *name && one.generated.is_none());
        if let Some(missing) = columns.iter().find(|name| !has(name)) {
            return Err(Stays::Conflict(sentence!(
                "table {table} has no column {column} any more",
                table,
                column = missing
            )));
        }
        let primary = self.session.primary_key(own).await.map_err(Error::from)?;
        let same_key = !primary.is_empty() && primary == self.session.primary_key(keep).await.map_err(Error::from)?;
        let names = list(&columns);
        let insert = format!("{FAITHFUL} INSERT INTO {} ({names}) SELECT {names} FROM {}", own.quoted(), keep.quoted());
        if same_key {
            // Rows that the script itself put into the new table give way to what was there.
            let over: Vec<String> = columns.iter().map(|name| format!("{0} = k.{0}", quote_identifier(name))).collect();
            let joined = format!("{} AS t JOIN {} AS k ON {}", own.quoted(), keep.quoted(), matching(&primary));
            let over = format!(
                "{FAITHFUL} UPDATE {joined} SET {}",
                over.iter().map(|one| format!("t.{one}")).collect::<Vec<_>>().join(", ")
            );
            let first = quote_identifier(&primary[0]);
            let insert = format!(
                "{FAITHFUL} INSERT INTO {} ({names}) SELECT {} FROM {} AS k LEFT JOIN {} AS t ON {} WHERE t.{first} IS NULL",
                own.quoted(),
                columns.iter().map(|name| format!("k.{}", quote_identifier(name))).collect::<Vec<_>>().join(", "),
                keep.quoted(),
                own.quoted(),
                matching(&primary)
            );
            let check = format!(
                "SELECT COUNT(*) AS n FROM {} AS k LEFT JOIN {} AS t ON {} WHERE t.{first} IS NULL OR {}",
                keep.quoted(),
                own.quoted(),
                matching(&primary),
                differing(columns.iter().map(|name| (quote_identifier(name), quote_identifier(name))))
            );
            return self.bring_back(&[over, insert], &check, marker).await;
        }
        let found = self.ask(&format!("SELECT 1 AS one FROM {} LIMIT 1", own.quoted()), &[]).await?;
        if !found.is_empty() {
            return Err(Stays::Conflict(sentence!(
                "table {table} has rows already, and no key tells them apart",
                table
            )));
        }
        let check = format!(
            "SELECT CAST((SELECT COUNT(*) FROM {}) <> (SELECT COUNT(*) FROM {}) AS UNSIGNED) AS n",
            own.quoted(),
            keep.quoted()
        );
        self.bring_back(&[insert], &check, marker).await
    }

    async fn bring_back(&mut self, statements: &[String], check: &str, marker: &str) -> Result<(), Stays> {
        let work = Work { statements, check: Some(check), ..Work::default() };
        match self.transaction(&work, marker).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind == saga::ErrorKind::Permanent => Err(Stays::Conflict(error.message)),
            Err(error) => Err(Stays::Failed(error)),
        }
    }

    async fn assert_copy(&mut self, keep: ObjectRef<'_>) -> Result<(), Stays> {
        if self.session.table_exists(keep).await.map_err(Error::from)? {
            return Ok(());
        }
        Err(Stays::Conflict(sentence!("the copy {copy} is missing", copy = quoted(keep.database, keep.name))))
    }
}

/// Whether what is kept comes back with a script of that direction: rows that a script changed come back with its
/// opposite, everything else with whatever makes room for it.
fn comes_with(keeper: &Keeper, direction: Direction) -> bool {
    !matches!(keeper, Keeper::Rows { direction: of, .. } if *of == direction)
}

/// Values come back as they were, even those that the strict mode of today would refuse; what it would have
/// refused for good reason is found by the check.
pub(super) const FAITHFUL: &str = "SET STATEMENT sql_mode = 'NO_AUTO_VALUE_ON_ZERO' FOR";

fn matching(key: &[String]) -> String {
    key.iter().map(|name| format!("t.{0} = k.{0}", quote_identifier(name))).collect::<Vec<_>>().join(" AND ")
}

/// Whether a row of the table differs from its copy in one of these pairs of columns, each quoted.
fn differing(columns: impl Iterator<Item = (String, String)>) -> String {
    columns.map(|(place, copy)| format!("NOT (BINARY t.{place} <=> BINARY k.{copy})")).collect::<Vec<_>>().join(" OR ")
}

/// A kept column: its name in the copy, and the one under which it comes back.
struct Column {
    copy: String,
    place: String,
}

/// The table and the columns in it to which copied columns belong. Those of which the script says nothing stay with the
/// table of the others.
fn places(landing: &Landing, table: &str, columns: &[String]) -> (String, Vec<Column>) {
    let places: Vec<_> = columns.iter().map(|column| (column, landing.column(table, column))).collect();
    let home = places.iter().map(|(_, (home, _))| *home).find(|home| *home != table).unwrap_or(table);
    let columns = places.iter().map(|(copy, (_, place))| Column { copy: (*copy).clone(), place: (*place).to_owned() });
    (home.to_owned(), columns.collect())
}
