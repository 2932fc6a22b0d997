use serde_json::json;
use testkit::shared_mariadb;

use crate::{connect, database, run};

#[tokio::test]
async fn result_sets_are_returned_as_text_and_cut() {
    let target = database("results");
    let mut session = connect(&target).await;
    let done =
        session.execute("SELECT 1 AS one, NULL AS none, 'ü' AS text, X'FF00' AS bytes, 1.50 AS exact").await.unwrap();
    let set = &done.result_sets[0];
    assert_eq!(set.columns, ["one", "none", "text", "bytes", "exact"]);
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(set.rows, [[text("1"), None, text("ü"), text("0xff00"), text("1.50")]]);

    let many = session.execute("SELECT seq FROM seq_1_to_5000").await.unwrap();
    assert_eq!(many.result_sets[0].rows.len(), 1000);
    assert!(many.result_sets[0].truncated);
    let wide = session.execute("SELECT REPEAT('x', 600000) FROM seq_1_to_5").await.unwrap();
    assert_eq!(wide.result_sets[0].rows.len(), 1);
    assert!(wide.result_sets[0].truncated);

    run(&mut session, "CREATE TABLE t (a INT); INSERT INTO t VALUES (1), (2)").await;
    let done = session.execute("UPDATE t SET a = a + 1").await.unwrap();
    assert_eq!((done.rows_affected, done.result_sets.len()), (2, 0));
}

#[tokio::test]
async fn parameters_and_json_rows_keep_their_types() {
    let target = database("json");
    let mut session = connect(&target).await;
    let rows = session
        .query_json(
            "SELECT ? AS text, ? AS number, ? AS none, CAST(? AS DECIMAL(5,2)) AS exact, \
             CAST('2025-01-10 01:02:03' AS DATETIME) AS time, X'FF' AS bytes, 1.5e0 AS near",
            &[json!("a'b"), json!(-3), json!(null), json!("2.50")],
        )
        .await
        .unwrap();
    assert_eq!(
        serde_json::to_value(&rows).unwrap(),
        json!([{"text": "a'b", "number": -3, "none": null, "exact": "2.50",
                "time": "2025-01-10T01:02:03+00:00", "bytes": "0xff", "near": 1.5}])
    );
    session.query_json("SELECT seq FROM seq_1_to_10001", &[]).await.unwrap_err();
    assert_eq!(session.query_json("SELECT 1", &[]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn transactions_end_as_told() {
    let target = database("transactions");
    let mut session = connect(&target).await;
    run(&mut session, "CREATE TABLE t (a INT)").await;
    session.begin().await.unwrap();
    session.execute("INSERT INTO t VALUES (1)").await.unwrap();
    session.rollback().await.unwrap();
    session.begin().await.unwrap();
    session.execute("INSERT INTO t VALUES (2)").await.unwrap();
    session.commit().await.unwrap();
    let rows = session.query_json("SELECT a FROM t", &[]).await.unwrap();
    assert_eq!(serde_json::to_value(rows).unwrap(), json!([{"a": 2}]));
}

#[tokio::test]
async fn the_session_is_in_utc_and_keeps_the_servers_sql_mode() {
    let target = database("settings");
    let mut session = connect(&target).await;
    let rows = session
        .query_json(
            "SELECT @@time_zone AS zone, @@character_set_client AS charset, \
             @@sql_mode = @@global.sql_mode AS same_mode, @@lock_wait_timeout AS tables, \
             @@innodb_lock_wait_timeout AS `rows`, @@wait_timeout AS idle",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(
        serde_json::to_value(rows).unwrap(),
        json!([{"zone": "+00:00", "charset": "utf8mb4", "same_mode": 1,
                "tables": 5, "rows": 5, "idle": 60}])
    );
}

#[tokio::test]
async fn checksums_tell_equal_rows_from_changed_ones_in_any_order() {
    let target = database("checksum");
    let mut session = connect(&target).await;
    run(
        &mut session,
        "CREATE TABLE a (id INT, s VARCHAR(20), b BLOB, f DOUBLE, d DECIMAL(9,3), j JSON, t DATETIME(6));
         INSERT INTO a VALUES (1, 'ü', X'FF00', 0.1, 1.5, '{\"a\":1}', '2025-01-01 00:00:00.000001'),
                              (2, NULL, NULL, NULL, NULL, NULL, NULL), (2, NULL, NULL, NULL, NULL, NULL, NULL);
         CREATE TABLE b AS SELECT * FROM a ORDER BY id DESC",
    )
    .await;
    let columns = ["id", "s", "b", "f", "d", "j", "t"];
    let origin = session.checksum("a", &columns).await.unwrap();
    assert_eq!(origin.rows, 3);
    assert_eq!(session.checksum("b", &columns).await.unwrap(), origin);
    assert_eq!(session.checksum("a WHERE id = 2", &columns).await.unwrap().rows, 2);
    for change in [
        "UPDATE b SET s = '' WHERE id = 2 LIMIT 1",
        "UPDATE b SET d = 1.501 WHERE id = 1",
        "UPDATE b SET b = X'FF01' WHERE id = 1",
        "DELETE FROM b WHERE id = 2 LIMIT 1",
    ] {
        session.begin().await.unwrap();
        session.execute(change).await.unwrap();
        assert_ne!(session.checksum("b", &columns).await.unwrap(), origin, "{change}");
        session.rollback().await.unwrap();
    }
    run(&mut session, "DELETE FROM a").await;
    assert_eq!(session.checksum("a", &columns).await.unwrap().rows, 0);
}

#[tokio::test]
async fn the_right_to_create_databases_is_known() {
    let admin = database("rights");
    assert!(admin.can_create_database("backout_keep_1").await.unwrap());
    assert!(admin.server_version().await.unwrap().contains("MariaDB"));

    let server = shared_mariadb();
    let user = admin.database();
    server.execute(&format!("CREATE USER '{user}'@'%'")).unwrap();
    server.execute(&format!("GRANT ALL ON `{user}`.* TO '{user}'@'%'")).unwrap();
    let url = format!("mysql://{user}@127.0.0.1:{}/{user}", server.port());
    let plain = driver_mariadb::Target::new(url.into()).unwrap();
    assert!(!plain.can_create_database("backout_keep_1").await.unwrap());
    server.execute(&format!(r"GRANT CREATE ON `backout\_keep\_%`.* TO '{user}'@'%'")).unwrap();
    assert!(plain.can_create_database("backout_keep_1").await.unwrap());
    assert!(!plain.can_create_database("other").await.unwrap());
}
