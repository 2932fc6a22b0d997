//! What the ledgers of other tools say, half-failed states among it. The rows are those that the tools write; where a tool
//! can be had, `ledger_tools` has it write them itself. golang-migrate, Flyway and Atlas cannot be had from the registries.

use chrono::{DateTime, Utc};
use domain::ledger::{EntryState, LedgerTool, TargetEntry, TargetLedger};
use driver_mariadb::{Error, Session, Target, ledgers};

use crate::{connect, database, run};

/// A database with this in it, and a session.
pub(crate) async fn holding(prefix: &str, script: &str) -> (Target, Session) {
    let target = database(prefix);
    let mut session = connect(&target).await;
    run(&mut session, script).await;
    (target, session)
}

/// The only ledger of a database.
pub(crate) async fn only(target: &Target) -> TargetLedger {
    let mut session = connect(target).await;
    let mut found = ledgers(&mut session, target.database()).await.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

pub(crate) fn ids(ledger: &TargetLedger) -> Vec<(&str, EntryState)> {
    ledger.entries.iter().map(|entry| (entry.id.as_str(), entry.state)).collect()
}

fn detail(entry: &TargetEntry) -> String {
    entry.detail.as_ref().unwrap().to_string()
}

fn at(time: &str) -> DateTime<Utc> {
    time.parse().unwrap()
}

const FLYWAY: &str = "CREATE TABLE flyway_schema_history (installed_rank INT NOT NULL PRIMARY KEY, version VARCHAR(50), \
    description VARCHAR(200) NOT NULL, type VARCHAR(20) NOT NULL, script VARCHAR(1000) NOT NULL, checksum INT, \
    installed_by VARCHAR(100) NOT NULL, installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, \
    execution_time INT NOT NULL, success BOOL NOT NULL);";

fn flyway_row(rank: u32, row: &str, success: u8) -> String {
    format!("INSERT INTO flyway_schema_history VALUES ({rank}, {row}, 'root', '2026-01-02 03:04:05', 7, {success});")
}

#[tokio::test]
async fn a_failed_migration_of_flyway_is_unfinished() {
    let rows = [
        flyway_row(1, "'1', '<< Flyway Baseline >>', 'BASELINE', '<< Flyway Baseline >>', NULL", 1),
        flyway_row(2, "'2.1', 'add users', 'SQL', 'V2_1__add_users.sql', -1562364", 1),
        flyway_row(3, "'3', 'broken', 'SQL', 'V3__broken.sql', 42", 0),
    ];
    let (target, _) = holding("flyway", &format!("{FLYWAY}{}", rows.concat())).await;
    let ledger = only(&target).await;
    assert_eq!((ledger.tool, ledger.place.as_str()), (LedgerTool::Flyway, "flyway_schema_history"));
    let applied = EntryState::Applied;
    assert_eq!(ids(&ledger), [("1", applied), ("2.1", applied), ("3", EntryState::Unfinished)]);
    assert_eq!(detail(&ledger.entries[0]), "a baseline: everything up to it counts as applied");
    let second = &ledger.entries[1];
    assert_eq!((second.name.as_deref(), second.checksum.as_deref()), (Some("add users"), Some("-1562364")));
    assert_eq!(second.applied_at, Some(at("2026-01-02T03:04:05Z")));
}

#[tokio::test]
async fn later_rows_of_flyway_take_earlier_ones_back() {
    let rows = [
        flyway_row(0, "NULL, '<< Flyway Schema Creation >>', 'SCHEMA', '`shop`', NULL", 1),
        flyway_row(1, "'1', 'one', 'SQL', 'V1__one.sql', 1", 1),
        flyway_row(2, "'2', 'two', 'SQL', 'V2__two.sql', 2", 1),
        flyway_row(3, "NULL, 'views', 'SQL', 'R__views.sql', 3", 1),
        flyway_row(4, "NULL, 'views', 'SQL', 'R__views.sql', 4", 1),
        flyway_row(5, "'2', 'two', 'UNDO_SQL', 'U2__two.sql', 5", 1),
        flyway_row(6, "'1', 'one', 'UNDO_SQL', 'U1__one.sql', 6", 0),
        flyway_row(7, "NULL, 'gone', 'SQL', 'R__gone.sql', 7", 1),
        flyway_row(8, "NULL, 'gone', 'DELETE', 'R__gone.sql', NULL", 1),
    ];
    let (target, _) = holding("flyway", &format!("{FLYWAY}{}", rows.concat())).await;
    let ledger = only(&target).await;
    assert_eq!(ids(&ledger), [("R__views.sql", EntryState::Applied), ("1", EntryState::Unfinished)]);
    assert_eq!(ledger.entries[0].checksum.as_deref(), Some("4"));
    assert_eq!(detail(&ledger.entries[1]), "taking it back has failed");
}

#[tokio::test]
async fn a_dirty_version_of_golang_migrate_is_unfinished() {
    let create = "CREATE TABLE schema_migrations (version BIGINT NOT NULL PRIMARY KEY, dirty BOOLEAN NOT NULL);";
    let (target, mut session) =
        holding("golang", &format!("{create} INSERT INTO schema_migrations VALUES (7, 0)")).await;
    let ledger = only(&target).await;
    assert_eq!(ledger.tool, LedgerTool::GolangMigrate);
    assert_eq!(ids(&ledger), [("7", EntryState::Applied)]);
    run(&mut session, "UPDATE schema_migrations SET version = 8, dirty = 1").await;
    assert_eq!(ids(&only(&target).await), [("8", EntryState::Unfinished)]);
}

#[tokio::test]
async fn a_file_of_atlas_of_which_statements_lack_is_unfinished() {
    let create = "CREATE TABLE atlas_schema_revisions (version VARCHAR(255) NOT NULL PRIMARY KEY, \
        description VARCHAR(255) NOT NULL, type BIGINT UNSIGNED NOT NULL DEFAULT 2, applied BIGINT NOT NULL DEFAULT 0, \
        total BIGINT NOT NULL DEFAULT 0, executed_at TIMESTAMP NOT NULL, execution_time BIGINT NOT NULL, \
        error LONGTEXT, error_stmt LONGTEXT, hash VARCHAR(255) NOT NULL, partial_hashes JSON, \
        operator_version VARCHAR(255) NOT NULL);";
    let row = |row: &str, end: &str| {
        format!(
            "INSERT INTO atlas_schema_revisions VALUES ({row}, '2026-01-02 03:04:05', 9, {end}, NULL, 'Atlas CLI');"
        )
    };
    let rows = [
        row("'.atlas_cloud_identifier', 'd1', 2, 0, 0", "NULL, NULL, ''"),
        row("'1', 'initial', 1, 0, 0", "NULL, NULL, ''"),
        row("'2', 'users', 2, 3, 3", "'', '', 'h1:abc='"),
        row("'3', 'broken', 2, 1, 2", "'Error 1050', 'CREATE TABLE t', 'h1:def='"),
        row("'4', 'killed', 2, 1, 2", "NULL, NULL, 'h1:ghi='"),
    ];
    let (target, _) = holding("atlas", &format!("{create}{}", rows.concat())).await;
    let ledger = only(&target).await;
    let (applied, unfinished) = (EntryState::Applied, EntryState::Unfinished);
    assert_eq!(ids(&ledger), [("1", applied), ("2", applied), ("3", unfinished), ("4", unfinished)]);
    assert_eq!((&ledger.entries[0].checksum, ledger.entries[1].checksum.as_deref()), (&None, Some("h1:abc=")));
    assert_eq!(detail(&ledger.entries[2]), "1 of 2 statements are applied: Error 1050");
    assert_eq!(detail(&ledger.entries[3]), "1 of 2 statements are applied");
}

#[tokio::test]
async fn a_changeset_of_liquibase_that_failed_is_unfinished_and_a_lock_row_that_was_left_is_told() {
    let script = "CREATE TABLE DATABASECHANGELOG (ID VARCHAR(255) NOT NULL, AUTHOR VARCHAR(255) NOT NULL, \
        FILENAME VARCHAR(255) NOT NULL, DATEEXECUTED DATETIME NOT NULL, ORDEREXECUTED INT NOT NULL, \
        EXECTYPE VARCHAR(10) NOT NULL, MD5SUM VARCHAR(35), DESCRIPTION VARCHAR(255), COMMENTS VARCHAR(255), \
        TAG VARCHAR(255), LIQUIBASE VARCHAR(20), CONTEXTS VARCHAR(255), LABELS VARCHAR(255), DEPLOYMENT_ID VARCHAR(10)); \
        INSERT INTO DATABASECHANGELOG (ID, AUTHOR, FILENAME, DATEEXECUTED, ORDEREXECUTED, EXECTYPE, MD5SUM) VALUES \
        ('2', 'ada', 'b.sql', NOW(), 2, 'FAILED', '8:two'), ('1', 'ada', 'a.sql', NOW(), 1, 'EXECUTED', '8:one'), \
        ('3', 'ada', 'c.sql', NOW(), 3, 'MARK_RAN', NULL), ('4', 'ada', 'd.sql', NOW(), 4, 'SKIPPED', '8:four'); \
        CREATE TABLE DATABASECHANGELOGLOCK (ID INT NOT NULL PRIMARY KEY, `LOCKED` BIT(1) NOT NULL, \
        LOCKGRANTED DATETIME, LOCKEDBY VARCHAR(255)); \
        INSERT INTO DATABASECHANGELOGLOCK VALUES (1, 0, NULL, NULL)";
    let (target, mut session) = holding("liquibase", script).await;
    let ledger = only(&target).await;
    let applied = EntryState::Applied;
    let expected = [("a.sql::1::ada", applied), ("b.sql::2::ada", EntryState::Unfinished), ("c.sql::3::ada", applied)];
    assert_eq!(ids(&ledger), expected);
    assert_eq!((ledger.entries[0].version.as_str(), ledger.entries[0].checksum.as_deref()), ("1", Some("8:one")));
    assert_eq!(ledger.lock, None);
    run(&mut session, "UPDATE DATABASECHANGELOGLOCK SET `LOCKED` = 1, LOCKEDBY = 'pod-1', LOCKGRANTED = NOW()").await;
    let lock = only(&target).await.lock.unwrap();
    assert_eq!((lock.by.as_deref(), lock.since.is_some()), (Some("pod-1"), true));
}

#[tokio::test]
async fn a_script_of_sqlx_without_a_time_of_execution_is_unfinished() {
    let script = "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL, \
        installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, success BOOLEAN NOT NULL, checksum BLOB NOT NULL, \
        execution_time BIGINT NOT NULL); \
        INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES \
        (1, 'one', 1, X'00FF', 5), (2, 'died', 1, X'01', -1), (3, 'failed', 0, X'02', -1)";
    let (target, _) = holding("sqlx", script).await;
    let ledger = only(&target).await;
    let unfinished = EntryState::Unfinished;
    assert_eq!(ids(&ledger), [("1", EntryState::Applied), ("2", unfinished), ("3", unfinished)]);
    assert_eq!(ledger.entries[0].checksum.as_deref(), Some("00ff"));
}

#[tokio::test]
async fn every_head_of_alembic_is_read() {
    let script = "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY); \
        INSERT INTO alembic_version VALUES ('b2'), ('a1')";
    let (target, _) = holding("alembic", script).await;
    assert_eq!(ids(&only(&target).await), [("a1", EntryState::Applied), ("b2", EntryState::Applied)]);
}

#[tokio::test]
async fn the_list_of_versions_comes_first_and_tables_of_other_columns_are_no_ledgers() {
    let script = "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY); \
        CREATE TABLE schema_migrations (version VARCHAR(128) PRIMARY KEY); INSERT INTO schema_migrations VALUES ('1'); \
        CREATE TABLE atlas_schema_revisions (version INT)";
    let (target, mut session) = holding("several", script).await;
    let found = ledgers(&mut session, target.database()).await.unwrap();
    assert_eq!(found.iter().map(|ledger| ledger.tool).collect::<Vec<_>>(), [LedgerTool::Versions, LedgerTool::Alembic]);
    assert_eq!(ids(&found[0]), [("1", EntryState::Applied)]);
    run(&mut session, "DROP TABLE schema_migrations; CREATE TABLE schema_migrations (id INT)").await;
    let error = ledgers(&mut session, target.database()).await.unwrap_err();
    assert!(matches!(error, Error::LedgerReadOnly { .. }), "{error}");
}

#[tokio::test]
async fn a_database_without_ledgers_has_none() {
    let (target, mut session) = holding("bare", "CREATE TABLE users (version INT)").await;
    assert_eq!(ledgers(&mut session, target.database()).await.unwrap(), []);
}
