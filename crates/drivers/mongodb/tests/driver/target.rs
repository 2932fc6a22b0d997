use std::time::{Duration, Instant};

use driver_mongodb::{Error, Target};
use serde_json::json;

use crate::support::{documents, insert, int, refused, run, target, url};

#[tokio::test]
async fn commands_keep_types_in_both_directions() {
    let target = target("types").await;
    let document = json!({
        "_id": {"$oid": "65a1b2c3d4e5f60718293a4b"}, "l": {"$numberLong": "9007199254740993"}, "d": {"$numberDecimal": "1.10"},
        "r": {"$regularExpression": {"pattern": "^a/b", "options": "i"}}, "t": {"$date": {"$numberLong": "5"}},
        "u": {"$binary": {"base64": "ABEiM0RVZneImaq7zN3u/w==", "subType": "04"}}, "ts": {"$timestamp": {"t": 1, "i": 2}},
        "f": {"$numberDouble": "1.5"}, "i": int(3), "lo": {"$minKey": 1}, "n": null, "a": [int(1), {"x": true}],
    });
    insert(&target, "types", json!([document])).await;
    assert_eq!(documents(&target, "types").await, [document]);
    assert_eq!(target.collections().await.unwrap(), ["types"]);
    assert_eq!(target.count("types", &json!({"i": int(3)})).await.unwrap(), 1);
    assert_eq!(target.count("types", &json!({"i": int(4)})).await.unwrap(), 0);
}

#[tokio::test]
async fn write_errors_inside_an_ok_reply_are_errors_with_their_code() {
    let target = target("errors").await;
    insert(&target, "a", json!([{"_id": int(1)}])).await;
    let error = refused(&target, json!({"insert": "a", "documents": [{"_id": int(1)}]})).await;
    assert_eq!(error.code(), Some(11000));
    assert!(!error.is_transient());
}

#[tokio::test]
async fn dropping_what_is_not_there_has_the_documented_codes() {
    let target = target("codes").await;
    insert(&target, "a", json!([{}])).await;
    let missing_index = refused(&target, json!({"dropIndexes": "a", "index": "x_1"})).await;
    assert_eq!((missing_index.code(), missing_index.code_name()), (Some(27), Some("IndexNotFound")));
    let missing_collection = refused(&target, json!({"dropIndexes": "b", "index": "x_1"})).await;
    assert_eq!(missing_collection.code(), Some(26));
    assert!(target.indexes("b").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_comment_goes_along_and_the_server_s_clock_does_not_come_back() {
    let target = target("comment").await;
    let command = json!({"ping": 1});
    let reply = target.run(&command, Some("admin"), Some("job 1 step 2"), Duration::from_secs(5)).await.unwrap();
    assert!(reply.get("$clusterTime").is_none());
    assert!(target.server_version().await.unwrap().contains('.'));
}

#[tokio::test]
async fn what_is_no_extended_json_is_refused_before_it_is_sent() {
    let target = target("values").await;
    for command in [json!([1]), json!({"insert": "a", "documents": [{"_id": {"$oid": "12"}}]})] {
        assert!(matches!(refused(&target, command).await, Error::Value { .. }));
    }
    assert!(target.collections().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_transient_error_within_the_time_limit() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("mongodb://backout:hunter2@{address}/").into();
    let started = Instant::now();
    let error = Target::connect(&url, "shop").await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    assert!(!format!("{error:?} {error}").contains("hunter2"));
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_bad_connection_string_is_not_repeated() {
    let error = Target::connect(&"mongodb://u:hunter2@@/".into(), "shop").await.unwrap_err();
    assert!(!error.is_transient());
    assert!(!format!("{error:?} {error}").contains("hunter2"));
    assert!(Target::connect(&url(), "a.b").await.is_err());
}

#[tokio::test]
async fn a_ledger_is_read_in_order_of_application_and_changes_are_repeatable() {
    let target = target("ledger").await;
    insert(
        &target,
        "migrations",
        json!([
            {"version": "2", "name": "second", "applied_at": {"$date": {"$numberLong": "2000"}}},
            {"version": "1", "name": "first", "applied_at": {"$date": {"$numberLong": "1000"}}},
        ]),
    )
    .await;
    assert!(target.ledger_insert("migrations", "3", "third").await.unwrap());
    assert!(!target.ledger_insert("migrations", "3", "third").await.unwrap());
    let versions: Vec<String> =
        target.ledger_entries("migrations").await.unwrap().into_iter().map(|entry| entry.version).collect();
    assert_eq!(versions, ["1", "2", "3"]);
    assert!(target.ledger_remove("migrations", "3").await.unwrap());
    assert!(!target.ledger_remove("migrations", "3").await.unwrap());
    let entries = target.ledger_entries("migrations").await.unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!((entries[0].name.as_deref(), entries[0].applied_at_ms), (Some("first"), Some(1000)));
    run(&target, json!({"drop": "migrations"})).await;
    assert!(target.ledger_entries("migrations").await.unwrap().is_empty());
    assert!(!target.ledger_remove("migrations", "1").await.unwrap());
}
