use driver_mariadb::{Error, Ledger, LedgerForm, ledgers};

use crate::ledgers::only;
use crate::{connect, database, run};

#[tokio::test]
async fn versions_are_listed_in_the_order_in_which_they_were_applied() {
    let target = database("ledger");
    let mut session = connect(&target).await;
    let ledger = Ledger::new(target.database());
    assert_eq!(ledger.form(&mut session).await.unwrap(), LedgerForm::Missing);
    assert_eq!(ledgers(&mut session, target.database()).await.unwrap(), []);
    ledger.ensure(&mut session).await.unwrap();
    ledger.ensure(&mut session).await.unwrap();
    for version in ["20250110001", "20240101001"] {
        ledger.insert(&mut session, version).await.unwrap();
    }
    let entries = only(&target).await.entries;
    let versions: Vec<&str> = entries.iter().map(|entry| entry.version.as_str()).collect();
    assert_eq!(versions, ["20250110001", "20240101001"]);
    assert!(entries.iter().all(|entry| entry.applied_at.is_some()));
    let twice = ledger.insert(&mut session, "20240101001").await.unwrap_err();
    assert_eq!(twice.code(), Some(1062));
}

#[tokio::test]
async fn a_removal_accepts_a_row_that_is_gone_already() {
    let target = database("removal");
    let mut session = connect(&target).await;
    let ledger = Ledger::new(target.database());
    assert!(!ledger.remove(&mut session, "1").await.unwrap());
    ledger.ensure(&mut session).await.unwrap();
    ledger.insert(&mut session, "1").await.unwrap();
    assert!(ledger.remove(&mut session, "1").await.unwrap());
    assert!(!ledger.remove(&mut session, "1").await.unwrap());
    assert!(!ledger.contains(&mut session, "1").await.unwrap());
}

#[tokio::test]
async fn a_row_that_the_server_keeps_is_an_error() {
    let target = database("stubborn");
    let mut session = connect(&target).await;
    let ledger = Ledger::new(target.database());
    ledger.ensure(&mut session).await.unwrap();
    ledger.insert(&mut session, "1").await.unwrap();
    run(
        &mut session,
        "CREATE TRIGGER stays BEFORE DELETE ON schema_migrations FOR EACH ROW \
         SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'it stays'",
    )
    .await;
    let error = ledger.remove(&mut session, "1").await.unwrap_err();
    assert_eq!(error.code(), Some(1644), "{error}");
    assert!(ledger.contains(&mut session, "1").await.unwrap());
}

#[tokio::test]
async fn ledger_rows_are_part_of_the_sessions_transaction() {
    let target = database("ledgertx");
    let mut session = connect(&target).await;
    let ledger = Ledger::new(target.database());
    ledger.ensure(&mut session).await.unwrap();
    session.begin().await.unwrap();
    ledger.insert(&mut session, "1").await.unwrap();
    session.rollback().await.unwrap();
    assert!(!ledger.contains(&mut session, "1").await.unwrap());
}

#[tokio::test]
async fn a_plain_list_of_versions_is_adopted() {
    let target = database("dbmate");
    let mut session = connect(&target).await;
    run(
        &mut session,
        "CREATE TABLE schema_migrations (version VARCHAR(128) PRIMARY KEY, note TEXT);
         INSERT INTO schema_migrations (version) VALUES ('2'), ('1')",
    )
    .await;
    let ledger = Ledger::new(target.database());
    ledger.ensure(&mut session).await.unwrap();
    let entries = only(&target).await.entries;
    assert_eq!(entries.iter().map(|entry| entry.version.as_str()).collect::<Vec<_>>(), ["1", "2"]);
    assert!(entries.iter().all(|entry| entry.applied_at.is_none()));
    ledger.insert(&mut session, "3").await.unwrap();
    assert!(ledger.remove(&mut session, "2").await.unwrap());
}

#[tokio::test]
async fn ledgers_of_other_tools_are_never_written() {
    for (columns, form) in [
        ("version BIGINT NOT NULL PRIMARY KEY, dirty BOOLEAN NOT NULL", LedgerForm::GolangMigrate),
        (
            "version VARCHAR(10) NOT NULL, checksum BLOB NOT NULL",
            LedgerForm::Other { columns: vec!["version".into(), "checksum".into()] },
        ),
    ] {
        let target = database("foreign");
        let mut session = connect(&target).await;
        run(&mut session, &format!("CREATE TABLE schema_migrations ({columns})")).await;
        let ledger = Ledger::new(target.database());
        assert_eq!(ledger.form(&mut session).await.unwrap(), form);
        for error in [
            ledger.ensure(&mut session).await.unwrap_err(),
            ledger.insert(&mut session, "1").await.unwrap_err(),
            ledger.remove(&mut session, "1").await.unwrap_err(),
        ] {
            assert!(matches!(error, Error::LedgerReadOnly { .. }), "{error}");
        }
    }
}
