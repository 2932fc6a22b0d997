//! Copies what a statement destroys while the application goes on writing, so that the table is locked only for what was
//! written since.
//!
//! The copy is made in pieces by primary key, each a transaction of its own. Nothing relies on these pieces: with the table
//! locked the number of rows and a sum over their hashes are compared; where they differ, each row is compared to the byte
//! and copied again where it differs, and number and sum are compared once more.

use std::time::{Duration, Instant};

use driver_mariadb::{Checksum, ObjectRef, quote_identifier};
use saga::StepError;
use sentence::{Sentence, sentence};
use serde_json::{Value, json};

use super::restore::FAITHFUL;
use super::session::{Run, list};
use crate::error::Error;

/// Tables with fewer rows are copied at once, with the table locked: that takes a moment.
const FEW: u64 = 10_000;
/// Rows of the first piece, and of the largest.
const FIRST: u64 = 1_000;
const LARGEST: u64 = 50_000;
/// How long a piece should take: so long the server is busy with it at most.
const PIECE: Duration = Duration::from_millis(500);
/// How often it is told how far the copy is.
const TOLD: Duration = Duration::from_secs(2);

/// A copy of some columns of a table.
pub(super) struct Copy<'a> {
    /// The table.
    pub(super) table: &'a str,
    /// The same, quoted in its database.
    pub(super) from: &'a str,
    /// The copy, quoted in its database. It has a primary key of the same columns.
    pub(super) into: &'a str,
    /// Primary key.
    pub(super) key: &'a [String],
    /// The other columns.
    pub(super) columns: &'a [String],
}

impl Run {
    /// Copies a large table's rows without locking it, and says what the copy is. One that was begun is gone on with. Small
    /// tables are left to [`Run::catch_up`].
    pub(super) async fn copy_ahead(&mut self, copy: &Copy<'_>) -> Result<Option<Checksum>, StepError> {
        let (few, estimate) = self.size_of(copy).await?;
        if few < FEW {
            return Ok(None);
        }
        let from_end = copy.key.iter().map(|name| format!("{} DESC", quote_identifier(name))).collect::<Vec<_>>();
        // What is appended meanwhile is not run after.
        self.execute("SET @backout_end = NULL").await?;
        let first = quote_identifier(&copy.key[0]);
        let order = &from_end[0];
        self.execute(&format!("SELECT {first} INTO @backout_end FROM {} ORDER BY {order} LIMIT 1", copy.from)).await?;
        let relaxed = self.may_read_committed().await?;
        let (begun, mut told) = (Instant::now(), Instant::now());
        let (mut copied, mut rows) = (0, FIRST);
        loop {
            self.book.go_on()?;
            self.assert_lock().await?;
            let largest = self.pace.map_or(LARGEST, |pace| u64::from(pace).min(LARGEST));
            rows = rows.clamp(1, largest);
            let started = Instant::now();
            let is_begun = self.find_end(copy, &from_end.join(", ")).await?;
            // A script may have switched autocommit off.
            self.execute("COMMIT").await?;
            if relaxed {
                // Rows that are read are not locked for the application.
                self.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED").await?;
            }
            let inserted = self.execute(&copy.piece(is_begun, rows)).await?;
            self.execute("COMMIT").await?;
            copied += inserted;
            let is_last = inserted < rows;
            if told.elapsed() > TOLD || (is_last && copied > FIRST) {
                told = Instant::now();
                let news = json!({ "copying": copy.table, "rows": copied, "of_about": estimate });
                self.book.cx.progress(news).await?;
            }
            if is_last {
                return self.sum_of(copy, copy.into).await.map(Some);
            }
            rows = next_size(rows, started.elapsed());
            self.keep_pace(copied, begun).await?;
        }
    }

    /// With the table locked, and the copy too, also as `k`: brings the copy up to date and compares it; `None` where it is
    /// not the same in the end. `ahead` is what [`Run::copy_ahead`] said of the same columns.
    pub(super) async fn catch_up(
        &mut self,
        copy: &Copy<'_>,
        ahead: Option<Checksum>,
    ) -> Result<Option<Checksum>, StepError> {
        let own = self.sum_of(copy, copy.from).await?;
        if ahead.as_ref() == Some(&own) {
            return Ok(ahead);
        }
        self.execute(&copy.renew()).await?;
        let mut copied = self.sum_of(copy, copy.into).await?;
        // It has each of the rows now, and may have others.
        if copied.rows != own.rows {
            self.execute(&copy.forget()).await?;
            copied = self.sum_of(copy, copy.into).await?;
        }
        Ok((copied == own).then_some(own))
    }

    /// Number of rows of the table or its copy, and a sum over their hashes of 64 bits. It costs half of what
    /// [`driver_mariadb::Session::checksum`] does, which counts while others wait.
    async fn sum_of(&mut self, copy: &Copy<'_>, of: &str) -> Result<Checksum, StepError> {
        let database = self.database.clone();
        let present = self.session.columns(ObjectRef::new(&database, copy.table)).await.map_err(Error::from)?;
        let is_float = |name: &String| {
            let mut found = present.iter().filter(|column| column.name.eq_ignore_ascii_case(name));
            found.any(|column| column.column_type.starts_with("float"))
        };
        let cells: Vec<String> = copy
            .key
            .iter()
            .chain(copy.columns)
            // As text a FLOAT has fewer digits than it has.
            .map(|name| match (quote_identifier(name), is_float(name)) {
                (name, true) => format!("CAST({name} AS DOUBLE)"),
                (name, false) => name,
            })
            .collect();
        let each = |part: fn(&String) -> String| cells.iter().map(part).collect::<Vec<_>>().join(", ");
        // Backwards the same polynomial gives another hash. NULL has no length, and CONCAT_WS leaves it out.
        let sql = format!(
            "SELECT COUNT(*) AS n, CAST(COALESCE(SUM(CRC32(CONCAT_WS(',', {}, {})) * 4294967296 + \
             CRC32(CONCAT_WS(',', {}))), 0) AS CHAR) AS sum FROM {of}",
            each(|cell| format!("IFNULL(OCTET_LENGTH({cell}), 'NULL')")),
            each(|cell| format!("CRC32({cell})")),
            each(|cell| format!("CRC32(REVERSE(BINARY {cell}))"))
        );
        let answer = self.ask(&sql, &[]).await?;
        let sum = answer.first().and_then(|row| row.get("sum")).and_then(Value::as_str).map(str::to_owned);
        match (number(&answer, "n"), sum) {
            (Some(rows), Some(sum)) => Ok(Checksum { rows, sum }),
            _ => Err(StepError::permanent(sentence!("the server counted nothing"))),
        }
    }

    /// How many rows there are, counted up to [`FEW`], and about how many.
    async fn size_of(&mut self, copy: &Copy<'_>) -> Result<(u64, u64), StepError> {
        let sql = format!(
            "SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM {} LIMIT {FEW}) AS few) AS few, \
             (SELECT CAST(COALESCE(MAX(TABLE_ROWS), 0) AS UNSIGNED) FROM information_schema.TABLES \
              WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?) AS about",
            copy.from
        );
        let database = self.database.clone();
        let answer = self.ask(&sql, &[json!(database), json!(copy.table)]).await?;
        Ok((number(&answer, "few").unwrap_or_default(), number(&answer, "about").unwrap_or_default()))
    }

    /// Whether a statement that writes may read without locks: where the binary log has statements and not rows, it may not.
    async fn may_read_committed(&mut self) -> Result<bool, StepError> {
        let sql = "SELECT CAST(@@log_bin AND @@binlog_format = 'STATEMENT' AS UNSIGNED) AS n";
        Ok(number(&self.ask(sql, &[]).await?, "n") == Some(0))
    }

    /// Notes the largest key of the copy in the session; `false` where there is none yet.
    async fn find_end(&mut self, copy: &Copy<'_>, from_end: &str) -> Result<bool, StepError> {
        let variables = (1..=copy.key.len()).map(|at| format!("@backout_{at}")).collect::<Vec<_>>().join(", ");
        let sql = format!("SELECT {} INTO {variables} FROM {} ORDER BY {from_end} LIMIT 1", list(copy.key), copy.into);
        Ok(self.execute(&sql).await? > 0)
    }

    /// Waits until so many rows may have been copied since `begun`.
    async fn keep_pace(&mut self, copied: u64, begun: Instant) -> Result<(), StepError> {
        let Some(pace) = self.pace else { return Ok(()) };
        let due = Duration::from_millis(copied.saturating_mul(1_000) / u64::from(pace.max(1)));
        tokio::select! {
            () = tokio::time::sleep(due.saturating_sub(begun.elapsed())) => Ok(()),
            () = self.book.cx.stop().cancelled() => self.book.go_on(),
        }
    }
}

impl Copy<'_> {
    /// Copies the rows behind the last that was copied, or the first ones. A row that is there already is left to the
    /// comparison.
    fn piece(&self, is_begun: bool, rows: u64) -> String {
        let all = self.all();
        let behind = if is_begun { format!("({}) AND ", self.behind()) } else { String::new() };
        let first = quote_identifier(&self.key[0]);
        format!(
            "{FAITHFUL} INSERT IGNORE INTO {} ({all}) SELECT {all} FROM {} FORCE INDEX (PRIMARY) \
             WHERE {behind}{first} <= @backout_end ORDER BY {} LIMIT {rows}",
            self.into,
            self.from,
            list(self.key)
        )
    }

    /// `(a > x) OR (a = x AND b > y) OR …`: the form of which the server makes a range of the key.
    fn behind(&self) -> String {
        let names: Vec<String> = self.key.iter().map(|name| quote_identifier(name)).collect();
        let one = |at: usize| {
            let equal = names[..at].iter().zip(1..).map(|(name, number)| format!("{name} = @backout_{number}"));
            let greater = format!("{} > @backout_{}", names[at], at + 1);
            format!("({})", equal.chain([greater]).collect::<Vec<_>>().join(" AND "))
        };
        (0..names.len()).map(one).collect::<Vec<_>>().join(" OR ")
    }

    /// Copies the rows again that the copy does not have, or has otherwise.
    fn renew(&self) -> String {
        let all: Vec<String> = self.key.iter().chain(self.columns).map(|name| quote_identifier(name)).collect();
        let own = |name: &String| format!("{}.{name}", self.from);
        // BINARY: what a collation takes for equal is not the same; and as text a FLOAT has fewer digits than it has.
        let differs: Vec<String> = all
            .iter()
            .map(|name| format!("NOT ({0} <=> k.{name} AND BINARY {0} <=> BINARY k.{name})", own(name)))
            .collect();
        let settings: Vec<String> = all.iter().map(|name| format!("{name} = VALUES({name})")).collect();
        format!(
            "{FAITHFUL} INSERT INTO {} ({}) SELECT {} FROM {} LEFT JOIN {} AS k ON {} WHERE k.{} IS NULL OR {} \
             ON DUPLICATE KEY UPDATE {}",
            self.into,
            all.join(", "),
            all.iter().map(own).collect::<Vec<_>>().join(", "),
            self.from,
            self.into,
            self.same_row("k"),
            all[0],
            differs.join(" OR "),
            settings.join(", ")
        )
    }

    /// Removes copies of rows that are gone.
    fn forget(&self) -> String {
        let (into, from) = (self.into, self.from);
        let first = quote_identifier(&self.key[0]);
        format!("DELETE {into} FROM {into} LEFT JOIN {from} ON {} WHERE {from}.{first} IS NULL", self.same_row(into))
    }

    // Tables that are locked by their names cannot be given others.
    fn same_row(&self, copy: &str) -> String {
        let pairs = self.key.iter().map(|name| quote_identifier(name));
        pairs.map(|name| format!("{}.{name} = {copy}.{name}", self.from)).collect::<Vec<_>>().join(" AND ")
    }

    fn all(&self) -> String {
        list(&self.key.iter().chain(self.columns).cloned().collect::<Vec<_>>())
    }

    /// What is told where the copy is not the same in the end.
    pub(super) fn differs(&self, place: &Sentence) -> StepError {
        StepError::permanent(sentence!(
            "{place}: the copy of columns {columns} of {table} differs from them, so nothing was changed",
            place,
            columns = self.columns.join(", "),
            table = self.table
        ))
    }
}

/// As many rows as should take [`PIECE`], and at most twice as many as before.
fn next_size(rows: u64, took: Duration) -> u64 {
    let fitting = u128::from(rows) * PIECE.as_micros() / took.as_micros().max(1);
    u64::try_from(fitting).unwrap_or(u64::MAX).min(rows * 2)
}

fn number(answer: &[serde_json::Map<String, Value>], name: &str) -> Option<u64> {
    answer.first().and_then(|row| row.get(name)).and_then(Value::as_u64)
}
