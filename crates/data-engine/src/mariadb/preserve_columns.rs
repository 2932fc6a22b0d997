//! Puts columns aside before an `ALTER TABLE` drops them.

use driver_mariadb::{Checksum, ObjectRef, quote_identifier};
use saga::{Keeper, Preservation, StatementKey, StepError};
use sentence::{Sentence, sentence};

use super::ahead::Copy;
use super::preserve::Earlier;
use super::run::Plan;
use super::session::{Run, list, quoted};
use super::statement::refused;
use crate::book::early_marker;
use crate::error::Error;
use crate::examine::sql::Unit;

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
        let candidates = self.candidates(plan, key, table, columns).await?;
        if candidates.is_empty() {
            return self.run_plain(plan, unit, key).await;
        }
        let cannot = |why: Sentence| {
            let place = plan.place(unit);
            StepError::permanent(sentence!("{place}: columns of {table} cannot be put aside: {why}", place, table, why))
        };
        let primary = self.session.primary_key(ObjectRef::new(&self.database, table)).await.map_err(Error::from)?;
        if primary.is_empty() {
            return Err(cannot(sentence!("the table has no primary key by which they could come back")));
        }
        if candidates.iter().any(|one| primary.iter().any(|part| part.eq_ignore_ascii_case(&one.name))) {
            return Err(cannot(sentence!("they are a part of the primary key")));
        }
        let keep_database = self.create_keep_database().await?;
        let keep_table = self.keep_name(plan, key, table);
        let (from, keep) = (quoted(&self.database, table), quoted(&keep_database, &keep_table));
        let all: Vec<String> = primary.iter().chain(candidates.iter().map(|one| &one.name)).cloned().collect();
        // The columns are still there, so a copy that is found is one that was begun.
        let copy = ObjectRef::new(&keep_database, &keep_table);
        let present = self.session.columns(copy).await.map_err(Error::from)?;
        let is_begun = present.iter().map(|column| &column.name).eq(&all);
        if !is_begun && !present.is_empty() {
            self.execute_in_keep(&format!("DROP TABLE {keep}")).await?;
        }
        if !is_begun {
            self.execute_in_keep(&format!(
                "CREATE TABLE {keep} (PRIMARY KEY ({})) ENGINE=InnoDB AS SELECT {} FROM {from} WHERE FALSE",
                list(&primary),
                list(&all)
            ))
            .await?;
        }
        let copy = Keep { table, from: &from, into: &keep, in_database: &keep_database, in_table: &keep_table };
        // Of what was not in use it is seen once the table is locked whether it holds anything.
        let mut ahead = None;
        if candidates.iter().any(|one| one.earlier != Earlier::Untouched) {
            ahead = self.copy_ahead(&copy.of(&primary, &all[primary.len()..])).await?;
        }
        let lock = format!("LOCK TABLES {from} WRITE, {keep} WRITE, {keep} AS k READ, {} WRITE", self.markers());
        self.execute_patiently(&lock).await.map_err(|error| refused(plan, unit, &error))?;
        let dropped = self.copy_and_drop(plan, unit, key, &copy, (&primary, &candidates), ahead).await;
        // Where the connection is lost, so are its locks.
        let unlocked = self.execute("UNLOCK TABLES").await;
        let rows = dropped?;
        unlocked?;
        if rows.is_none() {
            self.execute_in_keep(&format!("DROP TABLE {keep}")).await?;
        }
        self.book.done(key, rows.unwrap_or_default()).await
    }

    /// With the tables locked: copies, compares, journals, drops. The rows of the copy, or `None` where none is
    /// needed.
    async fn copy_and_drop(
        &mut self,
        plan: &Plan<'_>,
        unit: &Unit,
        key: &StatementKey,
        kept: &Keep<'_>,
        (primary, candidates): (&[String], &[Candidate]),
        ahead: Option<Checksum>,
    ) -> Result<Option<u64>, StepError> {
        // One that has been in use makes the copy of all of them the newest.
        let (mut lost, mut early) = (Vec::new(), true);
        for one in candidates {
            if self.holds_values(kept.from, one).await? {
                early &= one.earlier == Earlier::Untouched;
                lost.push(one.name.clone());
            }
        }
        if lost.is_empty() {
            self.assert_lock().await?;
            self.book.intent(key).await?;
            self.session.execute(&unit.text).await.map_err(|error| refused(plan, unit, &error))?;
            return Ok(None);
        }
        let copied = kept.of(primary, &lost);
        let Some(copy) = self.catch_up(&copied, ahead.filter(|_| lost.len() == candidates.len())).await? else {
            return Err(copied.differs(&plan.place(unit)));
        };
        let marker = self.preserved_marker(key);
        self.mark_anew(&marker, copy.rows, None).await?;
        if early {
            self.mark(&early_marker(self.book.preservation_id(key)), 0, None).await?;
        }
        let objects: Vec<String> = lost.iter().map(|column| format!("column {}.{column}", kept.table)).collect();
        let preservation = Preservation {
            id: self.book.preservation_id(key),
            store: self.book.store.clone(),
            migration: plan.script.version().to_owned(),
            object: objects.join(", "),
            keeper: Keeper::Columns {
                table: kept.table.to_owned(),
                columns: lost,
                key: primary.to_vec(),
                keep_database: kept.in_database.to_owned(),
                keep_table: kept.in_table.to_owned(),
            },
            rows: copy.rows,
            checksum: format!("{}/{}", copy.rows, copy.sum),
        };
        self.book.keep(&preservation).await?;
        self.assert_lock().await?;
        self.book.intent(key).await?;
        self.session.execute(&unit.text).await.map_err(|error| refused(plan, unit, &error))?;
        Ok(Some(copy.rows))
    }

    /// Those of the columns that exist and can hold data of their own.
    async fn candidates(
        &mut self,
        plan: &Plan<'_>,
        key: &StatementKey,
        table: &str,
        columns: &[String],
    ) -> Result<Vec<Candidate>, StepError> {
        let present = self.session.columns(ObjectRef::new(&self.database, table)).await.map_err(Error::from)?;
        let mut candidates = Vec::new();
        for column in columns {
            let own = |one: &&driver_mariadb::Column| one.name.eq_ignore_ascii_case(column) && one.generated.is_none();
            let Some(found) = present.iter().find(own) else {
                continue;
            };
            let covers = |keeper: &Keeper| {
                matches!(keeper, Keeper::Columns { table: of, columns, .. }
                    if of == table && columns.iter().any(|one| one.eq_ignore_ascii_case(column)))
            };
            let earlier = self.earlier(plan, key, covers).await?;
            candidates.push(Candidate { name: found.name.clone(), default: found.default.clone(), earlier });
        }
        Ok(candidates)
    }

    /// Whether dropping the column could lose anything. Only of one whose earlier data waits untouched is it known
    /// what it holds otherwise: its default.
    async fn holds_values(&mut self, from: &str, column: &Candidate) -> Result<bool, StepError> {
        let (Earlier::Untouched, Some(default)) = (column.earlier, &column.default) else {
            return Ok(true);
        };
        let name = quote_identifier(&column.name);
        // BINARY: what a collation takes for equal is not the same.
        let sql = format!("SELECT 1 AS one FROM {from} WHERE NOT (BINARY {name} <=> BINARY ({default})) LIMIT 1");
        Ok(!self.ask(&sql, &[]).await?.is_empty())
    }
}

/// A column that a statement drops.
struct Candidate {
    name: String,
    /// As the server writes it: an expression.
    default: Option<String>,
    earlier: Earlier,
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

impl Keep<'_> {
    /// The part of it that these columns are.
    fn of<'a>(&'a self, key: &'a [String], columns: &'a [String]) -> Copy<'a> {
        Copy { table: self.table, from: self.from, into: self.into, key, columns }
    }
}
