//! Rows of other tables that go with the rows of a statement: `ON DELETE CASCADE`, or lose what they point at: `ON DELETE
//! SET NULL`.
//!
//! InnoDB does this without triggers, so that the copies are made by a trigger on the statement's own table, right before
//! each row goes and takes the others along.

use driver_mariadb::{Cascade, Column, ObjectRef, OnDelete, quote_identifier};
use saga::{StatementKey, StepError};
use sentence::{Sentence, sentence};

use super::capture::cannot;
use super::copies::{Captured, numbered};
use super::run::Plan;
use super::session::{Run, quoted};
use crate::error::Error;
use crate::examine::sql::Unit;

/// How many tables one statement may reach, its own ones among them.
pub(super) const MOST: usize = 64;

/// A table whose rows follow those of the statement's own table.
pub(super) struct Follower {
    pub(super) copies: Captured,
    pub(super) columns: Vec<Column>,
    /// The foreign keys from the statement's own table to this one.
    path: Vec<Cascade>,
}

impl Run {
    /// The tables whose rows follow when rows of `table` are removed; an error where they could not come back. Their
    /// copies have the numbers from `first` on.
    pub(super) async fn followers(
        &mut self,
        plan: &Plan<'_>,
        unit: &Unit,
        key: &StatementKey,
        table: &str,
        first: usize,
    ) -> Result<Vec<Follower>, StepError> {
        let refuse = |why: Sentence| cannot(plan, unit, table, &why);
        let database = self.database.clone();
        let mut followers: Vec<Follower> = Vec::new();
        let mut open = vec![(table.to_owned(), Vec::new())];
        while let Some((above, path)) = open.pop() {
            for cascade in self.session.cascades(ObjectRef::new(&database, &above)).await.map_err(Error::from)? {
                if cascade.on_delete == OnDelete::Refuse {
                    continue;
                }
                let (name, child) = (cascade.name.clone(), cascade.table.clone());
                if cascade.database != database {
                    return Err(refuse(sentence!("foreign key {name} takes rows of another database along", name)));
                }
                let is_known = followers.iter().any(|one| one.copies.table == child);
                if child == table || is_known {
                    return Err(refuse(sentence!(
                        "foreign key {name} takes rows of {child} along that something else reaches as well; remove those \
                         in a statement before",
                        name,
                        child
                    )));
                }
                if cascade.on_delete == OnDelete::SetNull {
                    self.assert_nothing_follows(plan, unit, &cascade).await?;
                }
                let number = first + followers.len();
                if number >= MOST {
                    return Err(refuse(sentence!("it takes rows of more than {most} tables along", most = MOST)));
                }
                let path: Vec<Cascade> = path.iter().cloned().chain([cascade.clone()]).collect();
                if cascade.on_delete == OnDelete::Remove {
                    open.push((child.clone(), path.clone()));
                }
                let (copies, columns) = self.copies_of(plan, unit, key, number, &child).await?;
                followers.push(Follower { copies, columns, path });
            }
        }
        Ok(followers)
    }

    /// Fails where a row that no longer points anywhere would change rows that point at those columns.
    async fn assert_nothing_follows(
        &mut self,
        plan: &Plan<'_>,
        unit: &Unit,
        cascade: &Cascade,
    ) -> Result<(), StepError> {
        let child = ObjectRef::new(&cascade.database, &cascade.table);
        let further = self.session.cascades(child).await.map_err(Error::from)?;
        let is_pointed_at = |column: &String| {
            further.iter().any(|one| one.on_update && one.columns.iter().any(|(_, points_at)| points_at == column))
        };
        if cascade.columns.iter().any(|(column, _)| is_pointed_at(column)) {
            let name = &cascade.name;
            let why = sentence!("foreign key {name} changes columns that others point at", name);
            return Err(cannot(plan, unit, &cascade.table, &why));
        }
        Ok(())
    }
}

/// The name of the trigger that copies what follows rows of a table.
pub(super) fn trigger_name(of: &Captured) -> String {
    format!("{}_{}_follow", of.fence, of.number)
}

/// The trigger on the statement's own table that copies the rows which follow.
pub(super) fn trigger_sql(database: &str, of: &Captured, followers: &[Follower]) -> String {
    let copies: Vec<String> = followers.iter().map(|follower| follower.copy_sql(database)).collect();
    format!(
        "SET STATEMENT sql_mode = 'NO_AUTO_VALUE_ON_ZERO' FOR CREATE TRIGGER {} BEFORE DELETE ON {} FOR EACH ROW BEGIN \
         IF @backout_capture = '{}' THEN {}; END IF; END",
        quoted(database, &trigger_name(of)),
        quoted(database, &of.table),
        of.fence,
        copies.join("; ")
    )
}

impl Follower {
    /// Copies the rows that are reached from `OLD` over the path: `f1` is the table next to it, the last one is this one.
    fn copy_sql(&self, database: &str) -> String {
        let last = self.path.len();
        let own = |name: &String| format!("f{last}.{}", quote_identifier(name));
        let is_set_null = self.path.last().is_some_and(|cascade| cascade.on_delete == OnDelete::SetNull);
        let loses = |name: &String| {
            self.path.last().is_some_and(|cascade| cascade.columns.iter().any(|(column, _)| column == name))
        };
        let after = self
            .copies
            .columns
            .iter()
            .map(|name| if !is_set_null || loses(name) { "NULL".to_owned() } else { own(name) });
        let (keys, columns) = (self.copies.key.len(), self.copies.columns.len());
        let names = numbered("k", keys).chain(numbered("o", columns)).chain(numbered("n", columns));
        let values = self.copies.key.iter().map(own).chain(self.copies.columns.iter().map(own)).chain(after);
        let table = |at: usize| format!("{} AS f{at}", quoted(database, &self.path[at - 1].table));
        let points = |at: usize| -> String {
            let above = if at == 1 { "OLD".to_owned() } else { format!("f{}", at - 1) };
            let pairs = self.path[at - 1].columns.iter().map(|(column, points_at)| {
                format!("f{at}.{} = {above}.{}", quote_identifier(column), quote_identifier(points_at))
            });
            pairs.collect::<Vec<_>>().join(" AND ")
        };
        let from = (2..=last).fold(table(1), |from, at| format!("{from} JOIN {} ON {}", table(at), points(at)));
        format!(
            "INSERT INTO {} (had, has, {}) SELECT 1, {}, {} FROM {from} WHERE {}",
            self.copies.copy().quoted(),
            names.collect::<Vec<_>>().join(", "),
            u8::from(is_set_null),
            values.collect::<Vec<_>>().join(", "),
            points(1)
        )
    }
}
