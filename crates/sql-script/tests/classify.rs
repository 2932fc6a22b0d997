//! Facts about what statements do.

use proptest::prelude::*;
use sql_script::{
    AlterAction, Effect, NonAtomic, PartitionAction, Rewrite, RoutineKind, TableName, TableRename, classify, non_atomic,
};

fn effect(statement: &str) -> Effect {
    classify(statement).effect
}

fn local(name: &str) -> TableName {
    TableName::local(name)
}

fn qualified(database: &str, name: &str) -> TableName {
    TableName { database: Some(database.into()), name: name.into() }
}

#[track_caller]
fn actions(statement: &str) -> Vec<AlterAction> {
    match effect(statement) {
        Effect::AlterTable { actions, .. } => actions,
        other => panic!("{statement}: {other:?}"),
    }
}

fn add(column: &str) -> AlterAction {
    AlterAction::AddColumn { column: column.into(), if_not_exists: false }
}

fn drop(column: &str) -> AlterAction {
    AlterAction::DropColumn { column: column.into(), if_exists: false }
}

#[test]
fn one_alter_holds_all_its_actions() {
    assert_eq!(
        effect(
            "alter table `my db`.users WAIT 5 ADD COLUMN IF NOT EXISTS a DECIMAL(10,2) DEFAULT (1+1), \
             add b enum('x,y','z') after a, DROP COLUMN IF EXISTS c, drop d, MODIFY e BIGINT(20) NOT NULL  AFTER d, \
             CHANGE COLUMN f g INT FIRST, RENAME COLUMN h TO i, ALGORITHM=INSTANT, LOCK=NONE;"
        ),
        Effect::AlterTable {
            table: qualified("my db", "users"),
            actions: vec![
                AlterAction::AddColumn { column: "a".into(), if_not_exists: true },
                add("b"),
                AlterAction::DropColumn { column: "c".into(), if_exists: true },
                drop("d"),
                AlterAction::ModifyColumn { column: "e".into(), definition: "BIGINT(20) NOT NULL".into() },
                AlterAction::ChangeColumn { from: "f".into(), to: "g".into(), definition: "INT".into() },
                AlterAction::RenameColumn { from: "h".into(), to: "i".into() },
            ],
        }
    );
    assert_eq!(
        actions("ALTER TABLE t ADD (a INT, b INT, KEY k (a))"),
        [add("a"), add("b"), AlterAction::AddIndex { index: Some("k".into()), if_not_exists: false }]
    );
}

#[test]
fn keys_and_constraints_are_told_apart() {
    assert_eq!(
        actions(
            "ALTER TABLE t ADD INDEX i (a), ADD UNIQUE (b), ADD CONSTRAINT u UNIQUE KEY (c), \
             ADD PRIMARY KEY (d), ADD CONSTRAINT fk FOREIGN KEY (e) REFERENCES o.p (id), \
             ADD FOREIGN KEY (f) REFERENCES q (id), ADD CONSTRAINT ck CHECK (a > 0), \
             DROP INDEX IF EXISTS i2, DROP KEY k2, DROP FOREIGN KEY fk2, DROP CONSTRAINT c2, \
             DROP PRIMARY KEY, RENAME INDEX x TO y, ALTER INDEX z NOT IGNORED, \
             ALTER COLUMN w SET DEFAULT 3, ALTER v DROP DEFAULT"
        ),
        [
            AlterAction::AddIndex { index: Some("i".into()), if_not_exists: false },
            AlterAction::AddIndex { index: None, if_not_exists: false },
            AlterAction::AddIndex { index: Some("u".into()), if_not_exists: false },
            AlterAction::AddPrimaryKey,
            AlterAction::AddForeignKey { name: Some("fk".into()), references: qualified("o", "p") },
            AlterAction::AddForeignKey { name: None, references: local("q") },
            AlterAction::AddCheck { name: Some("ck".into()) },
            AlterAction::DropIndex { index: "i2".into(), if_exists: true },
            AlterAction::DropIndex { index: "k2".into(), if_exists: false },
            AlterAction::DropForeignKey { name: "fk2".into(), if_exists: false },
            AlterAction::DropConstraint { name: "c2".into(), if_exists: false },
            AlterAction::DropPrimaryKey,
            AlterAction::RenameIndex { from: "x".into(), to: "y".into() },
            AlterAction::AlterIndex { index: "z".into() },
            AlterAction::AlterDefault { column: "w".into() },
            AlterAction::AlterDefault { column: "v".into() },
        ]
    );
}

#[test]
fn table_options_partitions_and_versioning_are_known() {
    assert_eq!(
        actions("ALTER TABLE t ENGINE=InnoDB ROW_FORMAT=DYNAMIC, COMMENT 'a, b', DEFAULT CHARACTER SET utf8mb4"),
        [
            AlterAction::Options { names: vec!["ENGINE".into(), "ROW_FORMAT".into()] },
            AlterAction::Options { names: vec!["COMMENT".into()] },
            AlterAction::Options { names: vec!["CHARSET".into()] },
        ]
    );
    for (statement, change) in [
        ("ALTER TABLE t DROP PARTITION p0, p1", PartitionAction::Remove),
        ("ALTER TABLE t ADD PARTITION (PARTITION p VALUES LESS THAN (3))", PartitionAction::Add),
        ("ALTER TABLE t ADD COLUMN a INT PARTITION BY HASH (a)", PartitionAction::Reorganize),
        ("ALTER TABLE t REMOVE PARTITIONING", PartitionAction::Reorganize),
    ] {
        assert_eq!(actions(statement), [AlterAction::Partition { change }], "{statement}");
    }
    assert_eq!(
        actions("ALTER TABLE t DROP SYSTEM VERSIONING, RENAME TO u.v, CONVERT TO CHARACTER SET utf8mb4"),
        [
            AlterAction::DropSystemVersioning,
            AlterAction::RenameTo { table: qualified("u", "v") },
            AlterAction::ConvertCharacterSet { character_set: "utf8mb4".into() },
        ]
    );
}

#[test]
fn created_and_dropped_objects_are_named() {
    let cases = [
        (
            "CREATE OR REPLACE TEMPORARY TABLE a.b (x INT)",
            Effect::CreateTable { table: qualified("a", "b"), if_not_exists: false, or_replace: true, temporary: true },
        ),
        (
            "DROP TABLE IF EXISTS a, `b``c`, d.e WAIT 3 CASCADE",
            Effect::DropTable {
                tables: vec![local("a"), local("b`c"), qualified("d", "e")],
                if_exists: true,
                temporary: false,
            },
        ),
        (
            "CREATE UNIQUE INDEX IF NOT EXISTS i USING BTREE ON t (a)",
            Effect::CreateIndex { table: local("t"), index: "i".into(), if_not_exists: true },
        ),
        ("DROP INDEX i ON t", Effect::DropIndex { table: local("t"), index: "i".into(), if_exists: false }),
        (
            "CREATE ALGORITHM=MERGE DEFINER=`a`@`%` SQL SECURITY INVOKER VIEW v AS SELECT 1",
            Effect::CreateView { view: local("v"), or_replace: false },
        ),
        (
            "CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW BEGIN SET NEW.a = 1; END",
            Effect::CreateTrigger { trigger: local("t"), or_replace: false },
        ),
        (
            "CREATE FUNCTION f() RETURNS INT RETURN GET_LOCK('a', 1)",
            Effect::CreateRoutine { routine: RoutineKind::Function, name: local("f"), or_replace: false },
        ),
        (
            "DROP PACKAGE BODY IF EXISTS p",
            Effect::DropRoutine { routine: RoutineKind::PackageBody, name: local("p"), if_exists: true },
        ),
        (
            "RENAME TABLE a TO b, c.d WAIT 2 TO e.f",
            Effect::RenameTable {
                renames: vec![
                    TableRename { from: local("a"), to: local("b") },
                    TableRename { from: qualified("c", "d"), to: qualified("e", "f") },
                ],
            },
        ),
        ("DROP SCHEMA IF EXISTS d", Effect::DropDatabase { database: "d".into() }),
        ("TRUNCATE TABLE t", Effect::Truncate { table: local("t") }),
    ];
    for (statement, expected) in cases {
        assert_eq!(effect(statement), expected, "{statement}");
        assert!(classify(statement).is_ddl(), "{statement}");
    }
}

#[test]
fn statements_about_rows_name_their_tables() {
    let cases = [
        ("INSERT IGNORE INTO t (a) VALUES (1)", Effect::Insert { table: local("t"), updates_duplicates: false }),
        (
            "INSERT t SET a = 1 ON DUPLICATE KEY UPDATE a = 2",
            Effect::Insert { table: local("t"), updates_duplicates: true },
        ),
        ("REPLACE INTO a.t VALUES (1)", Effect::Replace { table: qualified("a", "t") }),
        (
            "UPDATE a JOIN (SELECT id, MAX(n) AS n FROM b GROUP BY id) AS m USING (id) SET a.n = m.n, a.`at` = NOW()",
            Effect::Update { tables: vec![local("a")], columns: vec!["n".to_owned(), "at".to_owned()] },
        ),
        (
            "UPDATE a AS x JOIN b ON a.set = b.set LEFT JOIN c.d USING (id), e SET x.y = 1",
            Effect::Update {
                tables: vec![local("a"), local("b"), qualified("c", "d"), local("e")],
                columns: vec!["y".to_owned()],
            },
        ),
        (
            "DELETE FROM schema_migrations WHERE version = '1'",
            Effect::Delete { tables: vec![local("schema_migrations")] },
        ),
        ("DELETE a.*, b FROM a JOIN b WHERE a.id = b.id", Effect::Delete { tables: vec![local("a"), local("b")] }),
        ("SET STATEMENT max_statement_time=5 FOR DELETE FROM t", Effect::Delete { tables: vec![local("t")] }),
    ];
    for (statement, expected) in cases {
        assert_eq!(effect(statement), expected, "{statement}");
        assert!(classify(statement).is_dml(), "{statement}");
    }
}

#[test]
fn statements_that_read_or_concern_the_session_are_told_apart() {
    for (statement, expected) in [
        ("SELECT * FROM t WHERE a = 'DROP TABLE x'", Effect::Select),
        ("(SELECT 1) UNION (SELECT 2)", Effect::Select),
        ("WITH RECURSIVE a (x) AS (SELECT 1), b AS (SELECT 2) SELECT * FROM a, b", Effect::Select),
        ("SHOW COLUMNS FROM users", Effect::Show),
        ("EXPLAIN DELETE FROM t", Effect::Show),
        ("SET NAMES utf8mb4", Effect::Set),
        ("SET @x = 1, SESSION sql_mode = '', @@session.foreign_key_checks := 0", Effect::Set),
        ("SET autocommit = 0", Effect::TransactionControl),
        ("START TRANSACTION READ ONLY", Effect::TransactionControl),
        ("BEGIN WORK;", Effect::TransactionControl),
        ("ROLLBACK TO SAVEPOINT a", Effect::TransactionControl),
        ("LOCK TABLES t WRITE", Effect::Lock),
        ("SELECT RELEASE_ALL_LOCKS()", Effect::Lock),
        ("USE `other`", Effect::Use { database: "other".into() }),
        ("/*!40101 SET NAMES utf8 */", Effect::Set),
    ] {
        assert_eq!(effect(statement), expected, "{statement}");
        assert!(!classify(statement).is_destructive(), "{statement}");
    }
}

#[test]
fn what_is_not_understood_is_unknown_and_counts_as_destructive() {
    for statement in [
        "",
        "CALL p()",
        "GRANT ALL ON *.* TO x",
        "LOAD DATA INFILE 'x' INTO TABLE t",
        "SELECT 1 INTO OUTFILE '/tmp/x'",
        "SET GLOBAL read_only = 1",
        "SET @@global.read_only = 1",
        "SET PASSWORD = 'x'",
        "ALTER TABLE t FROBNICATE x",
        "ALTER TABLE t ADD COLUMN a INT, ",
        "ALTER TABLE t DROP COLUMN a b",
        "ALTER TABLE t",
        "DROP TABLE a b",
        "SELECT 1; DROP TABLE t",
        "BEGIN NOT ATOMIC DROP TABLE t; END",
        "UPDATE (SELECT 1) x SET a = 1",
        "UPDATE a JOIN (b JOIN c) SET a.x = 1",
        "USE db\nDROP TABLE t",
        "SELECT 'a",
        "/*!110500 DROP TABLE t */",
        "/*! SELECT /*! 1 */",
        "ANALYZE DELETE FROM t",
        "EXECUTE IMMEDIATE 'DROP TABLE t'",
    ] {
        let classified = classify(statement);
        assert!(classified.is_unknown(), "{statement}: {classified:?}");
        assert!(classified.is_destructive(), "{statement}");
        assert!(!classified.is_read() && !classified.is_ddl() && !classified.is_dml());
    }
}

#[test]
fn code_in_executable_comments_counts_and_code_in_others_does_not() {
    assert_eq!(actions("ALTER TABLE t /* DROP COLUMN a, */ DROP /*!40000 COLUMN */ b"), [drop("b")]);
    assert_eq!(actions("ALTER TABLE t ADD a INT /*!50000 , DROP b */"), [add("a"), drop("b")]);
    assert_eq!(actions("ALTER TABLE t ADD a INT /*!80000 , DROP b */"), [add("a")]);
}

#[test]
fn destructive_statements_are_marked() {
    for statement in [
        "ALTER TABLE t ADD a INT, DROP b",
        "ALTER TABLE t MODIFY a TINYINT",
        "ALTER TABLE t DROP PARTITION p",
        "DROP TABLE t",
        "DROP DATABASE d",
        "TRUNCATE t",
        "DELETE FROM t",
        "UPDATE t SET a = 1",
        "REPLACE INTO t VALUES (1)",
        "INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a = 2",
        "CREATE OR REPLACE TABLE t (a INT)",
    ] {
        assert!(classify(statement).is_destructive(), "{statement}");
    }
    for statement in [
        "ALTER TABLE t ADD a INT",
        "CREATE TABLE t (a INT)",
        "DROP INDEX i ON t",
        "INSERT INTO t VALUES (1)",
        "DROP TEMPORARY TABLE t",
    ] {
        assert!(!classify(statement).is_destructive(), "{statement}");
    }
}

#[test]
fn a_drop_of_several_tables_is_split_into_atomic_ones() {
    assert_eq!(
        non_atomic(&classify("DROP TABLE IF EXISTS a, d.`x``y`")),
        Some(Rewrite::Split {
            reason: NonAtomic::MultiDrop,
            statements: vec!["DROP TABLE IF EXISTS `a`".into(), "DROP TABLE IF EXISTS `d`.`x``y`".into(),],
        })
    );
    for (statement, reason) in [
        ("CREATE OR REPLACE TABLE t (a INT)", NonAtomic::CreateOrReplaceTable),
        ("DROP DATABASE d", NonAtomic::DropDatabase),
        ("ALTER TABLE t DROP PARTITION p", NonAtomic::Partitioning),
    ] {
        assert_eq!(non_atomic(&classify(statement)), Some(Rewrite::Refuse { reason }));
    }
    for statement in ["DROP TABLE a", "ALTER TABLE t DROP a, DROP b", "CREATE TABLE t (a INT)"] {
        assert_eq!(non_atomic(&classify(statement)), None, "{statement}");
    }
}

proptest! {
    #[test]
    fn no_input_makes_the_classifier_panic(statement in "(?s).{0,200}") {
        let _ = classify(&statement);
    }

    #[test]
    fn no_sequence_of_tokens_makes_the_classifier_panic(pieces in prop::collection::vec(
        prop::sample::select(vec![
            "ALTER", "TABLE", "CREATE", "DROP", "t", "`a`", ".", ",", "(", ")", "ADD", "COLUMN", "=",
            "INT", "IF", "EXISTS", "NOT", "KEY", "FOREIGN", "REFERENCES", "CONSTRAINT", "UPDATE",
            "SET", "DELETE", "FROM", "@", "WITH", "AS", "SELECT", ";", "RENAME", "TO", "'x'", "1",
            "PARTITION", "BY", "CONVERT", "INDEX", "PRIMARY", "*", "DEFINER", "VIEW", "/*!", "*/",
        ]), 0..16,
    )) {
        let classified = classify(&pieces.join(" "));
        prop_assert!(!(classified.is_read() && classified.is_destructive()));
    }
}
