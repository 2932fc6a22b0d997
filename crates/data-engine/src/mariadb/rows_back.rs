//! Brings rows back that a statement changed or removed: each unless somebody changed it since.

use domain::ids::PreservationId;
use driver_mariadb::{Cascade, ObjectRef};
use saga::StepError;
use sentence::{Sentence, sentence};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::convert::Kind;
use super::copies::Captured;
use super::merge::{CHANGED, Merge, Place, Way};
use super::restore::Stays;
use super::run::Plan;
use super::session::Run;
use super::statement::Work;
use crate::error::Error;

impl Run {
    /// Brings rows back in one transaction with the marker. `through` are copies that statements of the script which runs
    /// now have made of rows of the same table: what they changed is not taken for somebody else's change. Says how many
    /// rows were changed by others and stay as they are.
    pub(super) async fn rows_back(
        &mut self,
        copies: &Captured,
        through: &[Captured],
        way: Way,
        marker: &str,
    ) -> Result<u64, Stays> {
        let copy = copies.copy();
        if !self.session.table_exists(copy).await.map_err(Error::from)? {
            return Err(Stays::Conflict(sentence!("the copy {copy} is missing", copy = copy.to_string())));
        }
        if self.marked(marker).await?.is_none() {
            let columns = self.columns_for(copies).await?;
            let cascades = self.cascades_of(copies).await?;
            let table = self.own(&copies.table).quoted();
            let merge = Merge { table, copies, columns, through, cascades: &cascades, way };
            self.assert_lock().await?;
            let prepare = [merge.settle_earlier(), merge.decide()];
            let statements = merge.bring_back();
            let check = merge.check();
            let afterwards = [merge.doubt()];
            let work = Work {
                prepare: &prepare,
                statements: &statements,
                afterwards: &afterwards,
                check: Some(&check),
                counted: false,
            };
            match self.transaction(&work, marker).await {
                Ok(_) => {}
                Err(error) if error.kind == saga::ErrorKind::Permanent => return Err(Stays::Conflict(error.message)),
                Err(error) => return Err(Stays::Failed(error)),
            }
        }
        let sql = format!("SELECT COUNT(*) AS n FROM {} WHERE fate = {CHANGED}", copy.quoted());
        let rows = self.ask(&sql, &[]).await?;
        Ok(rows.first().and_then(|row| row.get("n")).and_then(Value::as_u64).unwrap_or_default())
    }

    /// Notes that rows are about to come back, for whoever takes that back.
    pub(super) async fn note_return(&mut self, id: PreservationId, copies: &Captured) -> Result<(), StepError> {
        let note = json!(Return { id, copies: copies.clone() }).to_string();
        let marker = format!("{}{NOTED}", self.restored_marker(id));
        self.mark_anew(&marker, 0, Some(&note)).await
    }

    /// Puts aside again what came back at the end of the script that is now taken back: before anything else, since it
    /// came after everything else.
    pub(super) async fn take_returns_back(&mut self, forth: &Plan<'_>) -> Result<(), StepError> {
        let returns: Vec<Return> = self.notes(&format!("{}%{NOTED}", self.book.marker_prefix())).await?;
        // What came back last goes first.
        for Return { id, copies } in returns.into_iter().rev() {
            let came = self.rows_back_marker(id);
            if self.marked(&came).await?.is_none() {
                continue;
            }
            let marker = format!("{came}/away");
            if self.marked(&marker).await?.is_none() {
                let columns = match self.columns_for(&copies).await {
                    Ok(columns) => columns,
                    Err(Stays::Failed(error)) => return Err(error),
                    Err(Stays::NoPlace(why) | Stays::Conflict(why)) => return Err(StepError::unknown(why)),
                };
                let table = self.own(&copies.table).quoted();
                let cascades = self.cascades_of(&copies).await?;
                let through = &self.captured_by(forth, &copies.table).await?;
                let merge = Merge { table, copies: &copies, columns, through, cascades: &cascades, way: Way::Undo };
                self.assert_lock().await?;
                let work = Work { statements: &merge.take_away(), ..Work::default() };
                self.transaction(&work, &marker).await?;
            }
            self.book.away_again(id).await?;
        }
        Ok(())
    }

    async fn cascades_of(&mut self, copies: &Captured) -> Result<Vec<Cascade>, StepError> {
        let database = self.database.clone();
        Ok(self.session.cascades(ObjectRef::new(&database, &copies.table)).await.map_err(Error::from)?)
    }

    /// The copied columns that the table still has; an error where one is gone that matters.
    async fn columns_for(&mut self, copies: &Captured) -> Result<Vec<Place>, Stays> {
        let database = self.database.clone();
        let own = ObjectRef::new(&database, &copies.table);
        let present = self.session.columns(own).await.map_err(Error::from)?;
        if present.is_empty() {
            return Err(Stays::NoPlace(sentence!("there is no table {table}", table = &copies.table)));
        }
        if self.session.primary_key(own).await.map_err(Error::from)? != copies.key {
            let table = &copies.table;
            return Err(Stays::Conflict(sentence!("the primary key of {table} is another one than it was", table)));
        }
        let mut columns = Vec::with_capacity(copies.columns.len());
        for (number, name) in (1..).zip(&copies.columns) {
            if let Some(found) = present.iter().find(|one| one.name == *name && one.generated.is_none()) {
                let is_stamp = found.extra.to_ascii_lowercase().contains("on update");
                let is_text = Kind::of(&found.column_type).is_none();
                columns.push(Place { number, name: name.clone(), is_stamp, is_text });
            } else if self.matters(copies, number).await? {
                let column = format!("{}.{name}", copies.table);
                return Err(Stays::NoPlace(sentence!("there is no column {column}", column)));
            }
        }
        Ok(columns)
    }

    /// Whether the statement changed the column, or removed rows that had a value there.
    async fn matters(&mut self, copies: &Captured, number: usize) -> Result<bool, StepError> {
        let sql = format!(
            "SELECT 1 AS one FROM {} WHERE had AND IF(has, NOT (BINARY o{number} <=> BINARY n{number}), \
             o{number} IS NOT NULL) LIMIT 1",
            copies.copy().quoted()
        );
        Ok(!self.ask(&sql, &[]).await?.is_empty())
    }
}

/// Ends the marker of a return that is about to happen.
const NOTED: &str = "/rows/of";

/// Rows of an earlier job that come back.
#[derive(Serialize, Deserialize)]
struct Return {
    id: PreservationId,
    copies: Captured,
}

/// What is told of rows that others changed.
pub(super) fn changed_since(rows: u64, copies: &Captured) -> Sentence {
    sentence!(
        "{rows} rows of {table} were changed since and stay as they are; as they were they are in {place}",
        rows,
        table = &copies.table,
        place = copies.copy().to_string()
    )
}
