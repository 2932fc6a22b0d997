//! Whether a statement can reach beyond the database that its session is in.

use std::collections::BTreeSet;

use sentence::{Sentence, sentence};

use crate::cursor::{Lexeme, lexemes};
use crate::token::Kind;

/// Words with which a statement, or the body of a routine, can do something outside of its database, or anything at all.
const REACHING: [&str; 13] = [
    "DUMPFILE",
    "EVENT",
    "GLOBAL",
    "GRANT",
    "IMMEDIATE",
    "INSTALL",
    "KILL",
    "OUTFILE",
    "PREPARE",
    "REVOKE",
    "SHUTDOWN",
    // What follows would be read otherwise than here.
    "SQL_MODE",
    "UNINSTALL",
];
/// Storage engines whose tables hold their rows themselves.
const ENGINES: [&str; 6] = ["ARIA", "CSV", "INNODB", "MEMORY", "MYISAM", "SEQUENCE"];

/// Why the statement could reach beyond its own database; `None` where it cannot. `databases` are those that there are: a
/// name in front of a dot may also be that of a table.
///
/// What a called routine, or a trigger, does is not looked into; its own definition has to be asked.
pub fn reaches_out(statement: &str, databases: &BTreeSet<String>) -> Option<Sentence> {
    let found = match lexemes(statement) {
        Ok(found) => found,
        Err(unclear) => return Some(unclear.0),
    };
    for (at, lexeme) in found.iter().enumerate() {
        let next = |ahead: usize| found.get(at + ahead);
        // Where double quotes are for names, they are in front of a dot too.
        let quoted = (lexeme.kind == Kind::Text).then(|| lexeme.text.trim_matches(['"', '\'']).to_owned());
        if let Some(name) = lexeme.identifier().or(quoted)
            && next(1).is_some_and(|next| next.is_symbol("."))
            && databases.iter().any(|database| database.eq_ignore_ascii_case(&name))
        {
            return Some(sentence!("it names database {database}", database = name));
        }
        if let Some(word) = REACHING.iter().find(|word| lexeme.is_keyword(word)) {
            return Some(sentence!("it says {word}", word));
        }
        if lexeme.is_keyword("ENGINE") {
            let engine = next(1).filter(|next| !next.is_symbol("=")).or_else(|| next(2));
            let is_known = |engine: &Lexeme<'_>| {
                ENGINES.iter().any(|known| engine.text.trim_matches(['\'', '`']).eq_ignore_ascii_case(known))
            };
            if let Some(engine) = engine.filter(|engine| !is_known(engine)) {
                return Some(sentence!("its table is of storage engine {engine}", engine = engine.text));
            }
        }
    }
    None
}

/// The statement without its `DEFINER = …`: whoever runs it becomes the definer.
pub fn without_definer(statement: &str) -> String {
    let Ok(found) = lexemes(statement) else { return statement.to_owned() };
    let Some(at) = found.iter().position(|lexeme| lexeme.is_keyword("DEFINER")) else { return statement.to_owned() };
    let is = |ahead: usize, symbol: &str| found.get(at + ahead).is_some_and(|lexeme| lexeme.is_symbol(symbol));
    if !is(1, "=") {
        return statement.to_owned();
    }
    // A role is one name, a user two with @ between them; CURRENT_USER and CURRENT_ROLE may have parentheses.
    let length = if is(3, "@") || is(3, "(") { 5 } else { 3 };
    let end = found.get(at + length).map_or(statement.len(), |next| next.start);
    format!("{}{}", &statement[..found[at].start], &statement[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(statement: &str) -> Option<String> {
        let databases = ["shop", "mysql"].map(str::to_owned).into();
        reaches_out(statement, &databases).map(|reason| reason.to_string())
    }

    #[test]
    fn names_of_databases_are_told_from_names_of_tables() {
        assert_eq!(reason("UPDATE users u SET u.name = 'shop.x' -- shop.y"), None);
        assert_eq!(reason("DELETE FROM Shop . users"), Some("it names database Shop".into()));
        assert_eq!(reason("CREATE VIEW v AS SELECT 1 FROM `shop`.`users`"), Some("it names database shop".into()));
        assert_eq!(reason("DELETE FROM \"shop\".\"users\""), Some("it names database shop".into()));
        assert_eq!(reason("SET sql_mode = 'ANSI_QUOTES'"), Some("it says SQL_MODE".into()));
    }

    #[test]
    fn whatever_can_do_anything_is_found_within_bodies_too() {
        let body = "CREATE PROCEDURE p() BEGIN PREPARE s FROM 'DROP DATABASE shop'; EXECUTE s; END";
        assert_eq!(reason(body), Some("it says PREPARE".into()));
        assert_eq!(reason("SELECT 1 INTO OUTFILE '/tmp/x'"), Some("it says OUTFILE".into()));
        assert_eq!(reason("SET GLOBAL event_scheduler = 1"), Some("it says GLOBAL".into()));
        assert!(reason("SELECT 'not closed").is_some());
    }

    #[test]
    fn tables_whose_rows_are_elsewhere_are_found_by_their_engine() {
        assert_eq!(reason("CREATE TABLE t (id INT) ENGINE=InnoDB"), None);
        assert_eq!(reason("CREATE TABLE t (id INT) ENGINE 'Aria'"), None);
        let federated = reason("CREATE TABLE t (id INT) ENGINE = FEDERATED CONNECTION='mysql://elsewhere/shop/t'");
        assert_eq!(federated, Some("its table is of storage engine FEDERATED".into()));
    }

    #[test]
    fn the_definer_is_left_out_however_it_is_written() {
        let trigger = "TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET NEW.x = 'DEFINER=y'";
        for definer in ["`root`@`localhost`", "root@localhost", "'a'@'%'", "CURRENT_USER", "CURRENT_USER()", "`a role`"]
        {
            assert_eq!(without_definer(&format!("CREATE DEFINER={definer} {trigger}")), format!("CREATE {trigger}"));
        }
        assert_eq!(without_definer(trigger), trigger);
    }
}
