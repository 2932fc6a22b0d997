//! The statements that bring copied rows back into their table, each row unless somebody changed it since.

use driver_mariadb::{Cascade, OnDelete, quote_identifier};

use super::copies::{Captured, numbered};
use super::restore::FAITHFUL;
use super::session::{list, quoted};

/// What becomes of a copied row: it comes back.
const BACK: u8 = 1;
/// It was changed since, and stays as it is.
pub(super) const CHANGED: u8 = 2;
/// It is gone, or was never there, and stays away.
const AWAY: u8 = 3;
/// It came back earlier.
const DONE: u8 = 4;

/// Why rows come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// The migration goes the other way now: what its statements inserted is that script's business.
    Opposite,
    /// The statement itself is taken back, with what it inserted.
    Undo,
}

/// A column outside the key, and where its copies are.
pub(super) struct Place {
    /// Number of the copies' columns.
    pub(super) number: usize,
    pub(super) name: String,
    /// Whether it changes by itself with its row, so that it tells nothing about who changed what.
    pub(super) is_stamp: bool,
    /// Whether what a collation takes for equal is not the same.
    pub(super) is_text: bool,
}

impl Place {
    fn equal(&self, one: &str, other: &str) -> String {
        if self.is_text { format!("BINARY {one} <=> BINARY {other}") } else { format!("{one} <=> {other}") }
    }
}

/// The statements that bring rows back. In them `t` is the table, `k` the copy, `u0`, `u1`, … are the copies that the
/// running script has made.
pub(super) struct Merge<'a> {
    /// Quoted, in its database.
    pub(super) table: String,
    pub(super) copies: &'a Captured,
    /// The columns that come back.
    pub(super) columns: Vec<Place>,
    pub(super) through: &'a [Captured],
    /// Foreign keys by which other rows would go with those that are removed.
    pub(super) cascades: &'a [Cascade],
    pub(super) way: Way,
}

impl Merge<'_> {
    /// Leaves alone what came back earlier.
    pub(super) fn settle_earlier(&self) -> String {
        format!("UPDATE {} SET fate = {DONE} WHERE fate = {BACK}", self.copies.copy().quoted())
    }

    /// Decides about each row of the copy that has not come back yet.
    pub(super) fn decide(&self) -> String {
        let each = |condition: &dyn Fn(&Place) -> String| {
            let telling = self.columns.iter().filter(|column| !column.is_stamp);
            all(&telling.map(condition).collect::<Vec<_>>())
        };
        let absent = self.absent();
        let inserted = match self.way {
            Way::Opposite => AWAY.to_string(),
            Way::Undo => {
                let is_as_left = each(&|column| self.is_as_left(column));
                format!("IF({absent}, {AWAY}, IF({is_as_left} AND {}, {BACK}, {CHANGED}))", self.is_alone())
            }
        };
        // What is there again already does not come back, so that nobody takes it away again.
        let here = match self.way {
            Way::Opposite => format!(" OR ({})", each(&|column| same(column, "o"))),
            Way::Undo => String::new(),
        };
        format!(
            "UPDATE {} AS k LEFT JOIN {} AS t ON {} {} SET k.fate = CASE \
             WHEN k.had AND k.has THEN IF({absent}{here}, {AWAY}, IF({}, {BACK}, {CHANGED})) \
             WHEN k.had THEN IF({absent} OR ({}) OR ({} AND {}), {BACK}, {CHANGED}) \
             WHEN k.has THEN {inserted} ELSE {AWAY} END WHERE k.fate <> {DONE}",
            self.copies.copy().quoted(),
            self.table,
            self.keys("t"),
            self.joins(),
            each(&|column| self.is_untouched(column)),
            each(&|column| same(column, "o")),
            self.is_inserted_now(),
            each(&|column| self.is_last(column)),
        )
    }

    /// Changes, inserts and removes the rows of which it was decided that they come back.
    pub(super) fn bring_back(&self) -> Vec<String> {
        let copy = self.copies.copy().quoted();
        let mut statements = Vec::new();
        if !self.columns.is_empty() {
            // Naming a column keeps a "changed at" from changing.
            let settings: Vec<String> = self.columns.iter().map(|column| self.setting(column)).collect();
            statements.push(format!(
                "{FAITHFUL} UPDATE {} AS t JOIN {copy} AS k ON {} {} SET {} WHERE k.fate = {BACK} AND k.had",
                self.table,
                self.keys("t"),
                self.joins(),
                settings.join(", ")
            ));
        }
        let names: Vec<String> =
            self.copies.key.iter().chain(self.columns.iter().map(|column| &column.name)).cloned().collect();
        let values: Vec<String> = numbered("k", self.copies.key.len())
            .chain(self.columns.iter().map(|column| format!("o{}", column.number)))
            .map(|name| format!("k.{name}"))
            .collect();
        statements.push(format!(
            "{FAITHFUL} INSERT INTO {} ({}) SELECT {} FROM {copy} AS k LEFT JOIN {} AS t ON {} \
             WHERE k.fate = {BACK} AND k.had AND NOT k.has AND {}",
            self.table,
            list(&names),
            values.join(", "),
            self.table,
            self.keys("t"),
            self.absent()
        ));
        if self.way == Way::Undo {
            statements.push(format!(
                "DELETE t FROM {} AS t JOIN {copy} AS k ON {} WHERE k.fate = {BACK} AND k.has AND NOT k.had",
                self.table,
                self.keys("t")
            ));
            // The row is as it was before all of it: a copy of what the statement had left there is of no use any more.
            for (at, other) in self.through.iter().enumerate() {
                statements.push(format!(
                    "DELETE u{at} FROM {} AS u{at} JOIN {copy} AS k ON {} WHERE k.fate = {BACK} AND k.has AND {}",
                    other.copy().quoted(),
                    self.copied_keys(at),
                    self.holds_what_was_left(at, other)
                ));
            }
        }
        statements
    }

    /// Takes away again what came back, but for what others changed meanwhile.
    pub(super) fn take_away(&self) -> Vec<String> {
        let copy = self.copies.copy().quoted();
        let telling = self.columns.iter().filter(|column| !column.is_stamp);
        let as_came = all(&telling.map(|column| same(column, "o")).collect::<Vec<_>>());
        let settings: Vec<String> = self
            .columns
            .iter()
            .map(|column| {
                let name = quote_identifier(&column.name);
                format!("t.{name} = IF({}, {}, t.{name})", same(column, "o"), self.found(column))
            })
            .collect();
        let joined = format!("{} AS t JOIN {copy} AS k ON {} {}", self.table, self.keys("t"), self.joins());
        let rows = format!("{joined} WHERE k.fate = {BACK}");
        let mut statements =
            vec![format!("DELETE t FROM {rows} AND k.had AND NOT k.has AND {as_came} AND {}", self.is_alone())];
        if !settings.is_empty() {
            let settings = settings.join(", ");
            statements
                .push(format!("{FAITHFUL} UPDATE {joined} SET {settings} WHERE k.fate = {BACK} AND k.had AND k.has"));
        }
        statements.push(format!("UPDATE {copy} SET fate = 0 WHERE fate IN ({BACK}, {CHANGED}, {AWAY})"));
        statements
    }

    /// Takes those for changed that did not become what they were: a trigger of the application's was faster, or a type
    /// has become too narrow.
    pub(super) fn doubt(&self) -> String {
        let came = |column: &Place| {
            let number = column.number;
            let was_not_changed = column.equal(&format!("k.o{number}"), &format!("k.n{number}"));
            format!("((k.has AND {was_not_changed}) OR {})", same(column, "o"))
        };
        let telling = self.columns.iter().filter(|column| !column.is_stamp);
        format!(
            "UPDATE {} AS k JOIN {} AS t ON {} SET k.fate = {CHANGED} WHERE k.fate = {BACK} AND k.had AND NOT ({})",
            self.copies.copy().quoted(),
            self.table,
            self.keys("t"),
            all(&telling.map(came).collect::<Vec<_>>())
        )
    }

    /// Counts rows that should be there and are not.
    pub(super) fn check(&self) -> String {
        format!(
            "SELECT COUNT(*) AS n FROM {} AS k LEFT JOIN {} AS t ON {} WHERE k.fate = {BACK} AND k.had AND {}",
            self.copies.copy().quoted(),
            self.table,
            self.keys("t"),
            self.absent()
        )
    }

    /// What the column is given.
    fn setting(&self, column: &Place) -> String {
        let (number, name) = (column.number, quote_identifier(&column.name));
        let stays = if column.is_stamp {
            format!("NOT {}", self.is_untouched(column))
        } else {
            column.equal(&format!("k.o{number}"), &format!("k.n{number}"))
        };
        format!("t.{name} = IF(k.has AND {stays}, t.{name}, k.o{number})")
    }

    /// What was in the column when the row came back, where the statement had changed it: what the running script wrote
    /// there last, else what the statement had left.
    fn found(&self, column: &Place) -> String {
        let number = column.number;
        let left = self.through.iter().enumerate().fold(format!("k.n{number}"), |otherwise, (at, other)| {
            let Some(theirs) = position(other, &column.name) else { return otherwise };
            format!("IF({} IS NULL, {otherwise}, u{at}.n{theirs})", first_key(at))
        });
        format!("IF({}, k.o{number}, {left})", column.equal(&format!("k.o{number}"), &format!("k.n{number}")))
    }

    /// Whether nobody else changed what the statement had changed in this column.
    fn is_untouched(&self, column: &Place) -> String {
        let number = column.number;
        format!("(BINARY k.o{number} <=> BINARY k.n{number} OR {} OR {})", same(column, "o"), self.is_as_left(column))
    }

    /// Whether the column is as the statement had left it, but for what the running script did to it.
    fn is_as_left(&self, column: &Place) -> String {
        format!("({} OR ({} AND {}))", same(column, "n"), self.is_first(column), self.is_last(column))
    }

    /// Whether the running script found in the row what the statement had left there.
    fn is_first(&self, column: &Place) -> String {
        self.through.iter().enumerate().rev().fold("FALSE".to_owned(), |otherwise, (at, other)| {
            let Some(theirs) = position(other, &column.name) else { return otherwise };
            let found = column.equal(&format!("u{at}.o{theirs}"), &format!("k.n{}", column.number));
            format!("IF({} IS NULL, {otherwise}, u{at}.had AND {found})", first_key(at))
        })
    }

    /// Whether the row has what the running script wrote there last.
    fn is_last(&self, column: &Place) -> String {
        self.through.iter().enumerate().fold("FALSE".to_owned(), |otherwise, (at, other)| {
            let Some(theirs) = position(other, &column.name) else { return otherwise };
            let is_it = column.equal(&format!("t.{}", quote_identifier(&column.name)), &format!("u{at}.n{theirs}"));
            format!("IF({} IS NULL, {otherwise}, u{at}.has AND {is_it})", first_key(at))
        })
    }

    /// Whether another copy has the row as the statement had left it, and nothing of anybody else's.
    fn holds_what_was_left(&self, at: usize, other: &Captured) -> String {
        let telling = self.columns.iter().filter(|column| !column.is_stamp);
        let pairs = telling.filter_map(|column| Some((column.number, position(other, &column.name)?)));
        all(&pairs.map(|(number, theirs)| format!("BINARY u{at}.o{theirs} <=> BINARY k.n{number}")).collect::<Vec<_>>())
    }

    /// Whether the running script made the row.
    fn is_inserted_now(&self) -> String {
        (0..self.through.len()).rev().fold("FALSE".to_owned(), |otherwise, at| {
            format!("IF({} IS NULL, {otherwise}, NOT u{at}.had)", first_key(at))
        })
    }

    /// Whether removing the row takes no other along, which somebody has written meanwhile.
    fn is_alone(&self) -> String {
        let follows = |cascade: &Cascade| {
            let pairs = cascade.columns.iter().map(|(column, points_at)| {
                format!("f.{} = t.{}", quote_identifier(column), quote_identifier(points_at))
            });
            let table = quoted(&cascade.database, &cascade.table);
            format!("NOT EXISTS (SELECT 1 FROM {table} AS f WHERE {})", all(&pairs.collect::<Vec<_>>()))
        };
        let taking = self.cascades.iter().filter(|cascade| cascade.on_delete != OnDelete::Refuse);
        all(&taking.map(follows).collect::<Vec<_>>())
    }

    fn joins(&self) -> String {
        let join = |(at, other): (usize, &Captured)| {
            format!("LEFT JOIN {} AS u{at} ON {}", other.copy().quoted(), self.copied_keys(at))
        };
        self.through.iter().enumerate().map(join).collect::<Vec<_>>().join(" ")
    }

    /// The copy's key beside the table's.
    fn keys(&self, alias: &str) -> String {
        let pairs = self.copies.key.iter().zip(numbered("k", self.copies.key.len()));
        all(&pairs.map(|(name, copied)| format!("{alias}.{} = k.{copied}", quote_identifier(name))).collect::<Vec<_>>())
    }

    fn copied_keys(&self, at: usize) -> String {
        all(&numbered("k", self.copies.key.len()).map(|key| format!("u{at}.{key} = k.{key}")).collect::<Vec<_>>())
    }

    fn absent(&self) -> String {
        let first = self.copies.key.first().map(|name| quote_identifier(name)).unwrap_or_default();
        format!("t.{first} IS NULL")
    }
}

fn first_key(at: usize) -> String {
    format!("u{at}.k1")
}

/// The number of a column in another copy.
fn position(copies: &Captured, name: &str) -> Option<usize> {
    copies.columns.iter().position(|one| one == name).map(|at| at + 1)
}

/// Whether the table's column is what the copy has, to the byte.
fn same(column: &Place, letter: &str) -> String {
    column.equal(&format!("t.{}", quote_identifier(&column.name)), &format!("k.{letter}{}", column.number))
}

fn all(conditions: &[String]) -> String {
    if conditions.is_empty() { "TRUE".to_owned() } else { conditions.join(" AND ") }
}
