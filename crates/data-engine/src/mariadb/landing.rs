//! Where what a script makes is at its end: a name can be given on.

use sql_script::{AlterAction, Effect, TableName};

use super::run::Plan;

/// The tables and columns that a script makes, under the names that they have at first and at last.
#[derive(Debug, Default)]
pub(super) struct Landing {
    tables: Vec<Name>,
    columns: Vec<(Name, Name)>,
}

#[derive(Debug, Clone)]
struct Name {
    first: String,
    last: String,
}

impl Name {
    fn new(name: &str) -> Self {
        Self { first: name.to_owned(), last: name.to_owned() }
    }

    fn is_now(&self, name: &str) -> bool {
        self.last.eq_ignore_ascii_case(name)
    }

    fn give_on(&mut self, from: &str, to: &str) {
        if self.is_now(from) {
            to.clone_into(&mut self.last);
        }
    }
}

impl Landing {
    pub(super) fn of(plan: &Plan<'_>) -> Self {
        let mut landing = Self::default();
        plan.units.iter().for_each(|unit| landing.follow(&unit.effect));
        landing
    }

    /// Where rows belong that were in a table of this name.
    pub(super) fn table<'a>(&'a self, table: &'a str) -> &'a str {
        self.tables.iter().find(|one| one.first == table).map_or(table, |one| &one.last)
    }

    /// Where values belong that were in a column of this name: its table and its name there.
    pub(super) fn column<'a>(&'a self, table: &'a str, column: &'a str) -> (&'a str, &'a str) {
        let made = self.columns.iter().find(|(of, one)| of.first == table && one.first.eq_ignore_ascii_case(column));
        made.map_or((table, column), |(of, one)| (&of.last, &one.last))
    }

    fn follow(&mut self, effect: &Effect) {
        match effect {
            Effect::CreateTable { table, .. } => self.tables.push(Name::new(&table.name)),
            Effect::DropTable { tables, .. } => {
                self.tables.retain(|one| !tables.iter().any(|table| one.is_now(&table.name)));
                self.columns.retain(|(of, _)| !tables.iter().any(|table| of.is_now(&table.name)));
            }
            Effect::RenameTable { renames } => renames.iter().for_each(|rename| self.rename(&rename.from, &rename.to)),
            Effect::AlterTable { table, actions } => actions.iter().for_each(|action| self.alter(table, action)),
            _ => {}
        }
    }

    fn rename(&mut self, from: &TableName, to: &TableName) {
        self.tables.iter_mut().for_each(|one| one.give_on(&from.name, &to.name));
        self.columns.iter_mut().for_each(|(of, _)| of.give_on(&from.name, &to.name));
    }

    fn alter(&mut self, table: &TableName, action: &AlterAction) {
        match action {
            AlterAction::AddColumn { column, .. } => self.columns.push((Name::new(&table.name), Name::new(column))),
            AlterAction::DropColumn { column, .. } => {
                self.columns.retain(|(of, one)| !(of.is_now(&table.name) && one.is_now(column)));
            }
            AlterAction::RenameColumn { from, to } | AlterAction::ChangeColumn { from, to, .. } => {
                let of_table = self.columns.iter_mut().filter(|(of, _)| of.is_now(&table.name));
                of_table.for_each(|(_, one)| one.give_on(from, to));
            }
            AlterAction::RenameTo { table: to } => self.rename(table, to),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn landing(script: &str) -> Landing {
        let mut landing = Landing::default();
        crate::examine::sql::units(script).unwrap().iter().for_each(|unit| landing.follow(&unit.effect));
        landing
    }

    #[test]
    fn a_table_that_takes_the_place_of_another_is_found_there() {
        let landing = landing("CREATE TABLE new (id INT); RENAME TABLE old TO gone, new TO old; DROP TABLE gone");
        assert_eq!((landing.table("new"), landing.table("old"), landing.table("gone")), ("old", "old", "gone"));
    }

    #[test]
    fn a_column_is_found_under_its_last_name_in_the_table_that_has_it() {
        let landing = landing(
            "ALTER TABLE t ADD COLUMN a INT; ALTER TABLE t DROP COLUMN b; ALTER TABLE t RENAME COLUMN a TO b; ALTER TABLE t RENAME TO u",
        );
        assert_eq!(landing.column("t", "A"), ("u", "b"));
        assert_eq!(landing.column("t", "b"), ("t", "b"));
    }
}
