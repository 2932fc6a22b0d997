//! Facts about cutting scripts into statements.

use proptest::prelude::*;
use sql_script::{SplitErrorKind, split};

fn texts(script: &str) -> Vec<String> {
    split(script)
        .unwrap_or_else(|error| panic!("{error} in {script}"))
        .into_iter()
        .map(|statement| statement.text)
        .collect()
}

/// The script is one statement, whatever follows it.
#[track_caller]
fn whole(statement: &str) {
    let script = format!("SELECT 1;\n{statement};\nSELECT 2;");
    assert_eq!(texts(&script), ["SELECT 1", statement, "SELECT 2"]);
}

#[test]
fn delimiters_in_strings_identifiers_and_comments_do_not_split() {
    whole("SELECT ';', \";\", `;`");
    whole(r"SELECT 'it''s; fine', 'a\';b', 'a\\'");
    whole("SELECT \"a\"\"b;\", 'x\ny;'");
    whole("SELECT `a``;b`, 1 -- not; here\n, 2");
    whole("SELECT 1 # not; here\n, 2");
    whole("SELECT 1 /* not; 'here */, 2");
    whole("SELECT 1 --\t;\n, 2");
    // A backslash does not escape in an identifier.
    whole(r"SELECT `a\`");
    whole("SELECT 'ü;ß' AS naïve");
}

#[test]
fn two_dashes_without_space_are_operators() {
    assert_eq!(texts("SELECT 5--1; SELECT 2"), ["SELECT 5--1", "SELECT 2"]);
}

#[test]
fn comments_around_statements_are_left_out() {
    let script = "-- first\n/* second */ SELECT 1 /* third */ ; -- fourth\n--fifth;\n# sixth\n;;";
    assert_eq!(texts(script), ["SELECT 1"]);
    assert_eq!(texts("\u{feff} ; /* a */ ; -- b"), [""; 0]);
    assert_eq!(texts("SELECT 1 --"), ["SELECT 1"]);
}

#[test]
fn executable_comments_are_kept_and_hold_delimiters() {
    whole("/*!40101 SET NAMES utf8mb4 */");
    whole("/*M!100100 SELECT 1; */");
    whole("CREATE TABLE t (a INT /*!100301 INVISIBLE */)");
    whole(
        "/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER t BEFORE INSERT ON x FOR EACH ROW BEGIN SET NEW.a = 1; END */",
    );
    // MariaDB skips these like any comment, whatever they hold.
    assert_eq!(texts("/*!50701 it's; */ SELECT 1"), ["SELECT 1"]);
    assert_eq!(texts("/*M!999999\\- enable the sandbox mode */\nSELECT 1"), ["SELECT 1"]);
}

#[test]
fn delimiter_commands_are_obeyed() {
    let script = "DELIMITER //\nCREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END//\n\
                  SELECT 3//\n  delimiter ;\nSELECT 4;";
    assert_eq!(texts(script), ["CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END", "SELECT 3", "SELECT 4"]);
    // `$` belongs to words, and yet ends one here.
    assert_eq!(
        texts(
            "Delimiter $$\nCREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW BEGIN SET @a=1; END$$\nDELIMITER ;\nSELECT 1"
        ),
        ["CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW BEGIN SET @a=1; END", "SELECT 1"]
    );
    assert_eq!(texts("DELIMITER ;;\r\nSELECT 1; ;;\r\nDELIMITER ;\r\n"), ["SELECT 1;"]);
    assert_eq!(texts("DELIMITER '|'\nSELECT '|'|SELECT 2|"), ["SELECT '|'", "SELECT 2"]);
}

#[test]
fn the_word_delimiter_is_a_command_at_the_beginning_only() {
    whole("CREATE TABLE t (\n  delimiter INT,\n  b INT)");
    whole("SELECT delimiter FROM t");
}

#[test]
fn compound_statements_stay_whole_without_delimiter() {
    whole("CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END");
    whole(
        "CREATE OR REPLACE DEFINER=`a`@`%` PROCEDURE IF NOT EXISTS db.p(IN a INT, OUT b VARCHAR(3)) SQL SECURITY INVOKER COMMENT 'x;' BEGIN END",
    );
    whole(
        "CREATE DEFINER = CURRENT_USER() TRIGGER t AFTER UPDATE ON x FOR EACH ROW FOLLOWS u BEGIN IF NEW.a THEN SET @x = 1; ELSEIF NEW.b THEN SET @x = 2; ELSE SET @x = 3; END IF; END",
    );
    whole(
        "CREATE FUNCTION f(a INT) RETURNS INT DETERMINISTIC BEGIN DECLARE x INT; CASE a WHEN 1 THEN SET x = 1; ELSE BEGIN END; END CASE; RETURN CASE WHEN x THEN 1 ELSE 2 END; END",
    );
    whole("CREATE FUNCTION f() RETURNS VARCHAR(9) CHARACTER SET utf8mb4 RETURN IF(1, 'a', REPEAT('b', 2))");
    whole("CREATE FUNCTION f(a INT) RETURNS INT RETURN CASE a WHEN 1 THEN 2 ELSE 3 END");
    whole("CREATE EVENT e ON SCHEDULE EVERY 1 DAY STARTS NOW() DO BEGIN DELETE FROM a; DELETE FROM b; END");
    whole("CREATE EVENT e ON SCHEDULE AT NOW() ON COMPLETION PRESERVE DO DELETE FROM a");
    whole("CREATE PROCEDURE p() l: LOOP SELECT 1; LEAVE l; END LOOP l");
    whole(
        "CREATE PROCEDURE p() BEGIN outer_: WHILE 1 DO inner_: REPEAT SET @a = 1; UNTIL @a > CASE 1 WHEN 1 THEN 0 END END REPEAT inner_; END WHILE outer_; FOR i IN 1..3 DO SELECT i; END FOR; END",
    );
    whole(
        "CREATE PROCEDURE p() BEGIN DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; RESIGNAL; END; DECLARE CONTINUE HANDLER FOR NOT FOUND SET @done = 1; SELECT t.end, t.`begin`, @if FROM t; END",
    );
    whole(
        "CREATE PROCEDURE p() BEGIN DECLARE c CURSOR FOR SELECT a FROM t FOR UPDATE; IF (1) THEN SELECT IF(1,2,3); END IF; END",
    );
    whole("CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW SET NEW.a = CASE WHEN NEW.b THEN 1 ELSE 2 END");
    whole("CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW INSERT INTO y VALUES (IF(NEW.a, 1, 2))");
    whole("BEGIN NOT ATOMIC SELECT 1; IF 1 THEN SELECT 2; END IF; END");
    whole("IF NOT EXISTS (SELECT 1) THEN SELECT 1; END IF");
    whole(
        "CREATE PACKAGE BODY k AS PROCEDURE a() AS x INT := 1; BEGIN SELECT x; END; FUNCTION b RETURN INT AS BEGIN RETURN 1; END; BEGIN SET @x = 1; END",
    );
    whole("CREATE PROCEDURE p(a INT) AS x INT := 5; BEGIN SELECT x; END");
}

#[test]
fn a_leading_begin_starts_a_transaction() {
    assert_eq!(
        texts("BEGIN; INSERT INTO t VALUES (1); COMMIT; BEGIN WORK; ROLLBACK"),
        ["BEGIN", "INSERT INTO t VALUES (1)", "COMMIT", "BEGIN WORK", "ROLLBACK"]
    );
}

#[test]
fn ordinary_statements_may_hold_words_that_open_blocks() {
    whole("ALTER TABLE t ADD COLUMN `begin` DATETIME, ADD COLUMN begin DATETIME");
    whole("CREATE TABLE if_then (a INT, begin INT)");
    whole("SELECT CASE WHEN 1 THEN 2 END, IF(1, 2, 3)");
    whole("DROP PROCEDURE IF EXISTS p");
    whole("CREATE DATABASE IF NOT EXISTS x");
    whole("REPLACE INTO t VALUES (1)");
    whole("ALTER PROCEDURE p COMMENT 'x'");
}

#[test]
fn statements_know_their_place() {
    let script = "-- ä\nSELECT 1;  SELECT\n 'ü'; SELECT 3";
    let found = split(script).unwrap();
    let places: Vec<_> = found.iter().map(|s| (s.line, s.column)).collect();
    assert_eq!(places, [(2, 1), (2, 12), (3, 7)]);
    for statement in found {
        assert!(script[statement.offset..].starts_with(&statement.text));
    }
}

#[test]
fn what_is_not_closed_is_an_error_with_its_place() {
    for (script, kind, line, column) in [
        ("SELECT 1;\n SELECT 'a", SplitErrorKind::UnterminatedString, 2, 9),
        ("SELECT \"a\\\"", SplitErrorKind::UnterminatedString, 1, 8),
        ("SELECT `a", SplitErrorKind::UnterminatedIdentifier, 1, 8),
        ("SELECT 1 /* a", SplitErrorKind::UnterminatedComment, 1, 10),
        ("SELECT 1; /*!40000 a", SplitErrorKind::UnterminatedComment, 1, 11),
        ("\nCREATE PROCEDURE p() BEGIN SELECT 1;", SplitErrorKind::UnterminatedBlock, 2, 1),
        ("SELECT 1;\nDELIMITER \nSELECT 2", SplitErrorKind::InvalidDelimiter, 2, 1),
    ] {
        let error = split(script).unwrap_err();
        assert_eq!((error.kind, error.line, error.column), (kind, line, column), "{script}");
    }
}

/// Statements of many kinds, none with a `;` outside strings, comments and blocks.
fn statement() -> impl Strategy<Value = String> {
    let literal = prop_oneof![
        "[a-z0-9 ;'äß-]{0,8}".prop_map(|text| format!("'{}'", text.replace('\'', "''"))),
        "[a-z ;`\"#]{1,8}".prop_map(|text| format!("`{}`", text.replace('`', "``"))),
        "[a-z ;*]{0,8}".prop_map(|text| format!("/* {text} */ 1")),
        "[a-z ;']{0,8}".prop_map(|text| format!("# {text}\n 1")),
        Just("CASE WHEN 1 THEN 2 END".to_owned()),
    ];
    let select = prop::collection::vec(literal, 1..4).prop_map(|literals| format!("SELECT {}", literals.join(", ")));
    let simple = prop_oneof![
        select,
        Just("BEGIN".to_owned()),
        Just("ALTER TABLE t DROP COLUMN c".to_owned()),
        Just("INSERT INTO t VALUES ('a\\';')".to_owned()),
    ];
    let inner = simple.clone().prop_filter("a block", |text| text != "BEGIN");
    let body = inner.prop_recursive(3, 12, 3, |inner| {
        prop::collection::vec(inner, 1..3).prop_flat_map(|statements| {
            let body = statements.join("; ");
            prop_oneof![
                Just(format!("BEGIN {body}; END")),
                Just(format!("IF 1 THEN {body}; END IF")),
                Just(format!("l: LOOP {body}; END LOOP l")),
                Just(format!("REPEAT {body}; UNTIL 1 END REPEAT")),
                Just(format!("CASE 1 WHEN 1 THEN {body}; END CASE")),
            ]
        })
    });
    prop_oneof![
        simple,
        body.clone().prop_map(|body| format!("CREATE PROCEDURE p(a INT) BEGIN {body}; END")),
        body.prop_map(|body| format!("BEGIN NOT ATOMIC {body}; END")),
    ]
}

proptest! {
    #[test]
    fn statements_joined_by_a_delimiter_split_back(
        statements in prop::collection::vec(statement(), 0..6),
        gap in "[ \n\t]{0,3}",
    ) {
        prop_assert_eq!(texts(&statements.join(&format!(";{gap}"))), &statements[..]);
        let script = format!("DELIMITER $$\n{}", statements.join(&format!("$${gap}")));
        prop_assert_eq!(texts(&script), statements);
    }

    #[test]
    fn no_input_makes_the_splitter_panic(script in "(?s).{0,200}") {
        let _ = split(&script);
    }

    #[test]
    fn scripts_of_awkward_pieces_keep_their_text(pieces in prop::collection::vec(
        prop::sample::select(vec![
            "'", "\"", "`", "\\", ";", "--", "-- ", "#", "/*", "*/", "/*!", "/*!50001 ", "/*M!", "\n",
            "DELIMITER //\n", "DELIMITER ;\n", "//", "BEGIN", " ", "END", "CREATE PROCEDURE p()",
            "IF", "CASE", "ü", "a.b", "@", ":", "(", ")",
        ]), 0..24,
    )) {
        let script = pieces.concat();
        if let Ok(statements) = split(&script) {
            let mut end = 0;
            for statement in statements {
                // In order, without overlap, byte for byte, and never empty.
                prop_assert!(statement.offset >= end);
                end = statement.offset + statement.text.len();
                prop_assert_eq!(&script[statement.offset..end], &statement.text);
                prop_assert!(!statement.text.trim().is_empty());
            }
        }
    }
}
