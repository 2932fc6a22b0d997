use driver_mongodb::{Change, Error};
use serde_json::json;

use crate::support::{documents, insert, int, run, target};

#[tokio::test]
async fn going_up_and_down_again_gives_the_same_fingerprint() {
    let target = target("structure").await;
    insert(&target, "pages", json!([{"_id": int(1)}])).await;
    let before = target.fingerprint(&[]).await.unwrap();
    let index = json!({"key": {"meta.v": int(1)}, "name": "meta.v_1", "sparse": true});
    run(&target, json!({"createIndexes": "pages", "indexes": [index]})).await;
    run(&target, json!({"create": "tags", "validator": {"$jsonSchema": {"required": ["name"]}}})).await;
    let after = target.fingerprint(&[]).await.unwrap();
    let names: Vec<_> = before.diff(&after).into_iter().map(|d| d.object).collect();
    assert_eq!(names, ["collection tags", "index pages.meta.v_1", "index tags._id_"]);
    run(&target, json!({"dropIndexes": "pages", "index": "meta.v_1"})).await;
    run(&target, json!({"drop": "tags"})).await;
    let again = target.fingerprint(&[]).await.unwrap();
    assert_eq!(again, before);
    assert!(before.diff(&again).is_empty());
}

#[tokio::test]
async fn a_changed_validator_or_index_is_seen_and_documents_and_our_own_are_not() {
    let target = target("structure").await;
    run(&target, json!({"create": "a", "validator": {"x": {"$exists": true}}})).await;
    let before = target.fingerprint(&["migrations"]).await.unwrap();
    insert(&target, "a", json!([{"x": int(1)}])).await;
    insert(&target, "migrations", json!([{"version": "1"}])).await;
    insert(&target, "backout_keep_1", json!([{}])).await;
    assert_eq!(target.fingerprint(&["migrations"]).await.unwrap(), before);
    run(&target, json!({"collMod": "a", "validator": {"y": {"$exists": true}}})).await;
    let after = target.fingerprint(&["migrations"]).await.unwrap();
    let changes = before.diff(&after);
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].object, "collection a");
    assert!(matches!(&changes[0].change, Change::Changed { after, .. } if after.contains('y')));
}

#[tokio::test]
async fn a_collection_is_kept_by_name_with_its_indexes_and_comes_back() {
    let target = target("rename").await;
    insert(&target, "a", json!([{"_id": int(1)}])).await;
    run(&target, json!({"createIndexes": "a", "indexes": [{"key": {"x": int(1)}, "name": "x_1"}]})).await;
    let before = target.fingerprint(&[]).await.unwrap();
    assert!(target.keep_collection("a", "backout_keep_7_a").await.unwrap());
    assert!(!target.keep_collection("a", "backout_keep_7_a").await.unwrap());
    assert!(target.fingerprint(&[]).await.unwrap().objects.is_empty());
    assert!(target.restore_collection("backout_keep_7_a", "a").await.unwrap());
    assert!(!target.restore_collection("backout_keep_7_a", "a").await.unwrap());
    assert_eq!(target.fingerprint(&[]).await.unwrap(), before);
    assert_eq!(documents(&target, "a").await.len(), 1);
}

#[tokio::test]
async fn neither_of_two_collections_is_overwritten() {
    let target = target("rename").await;
    insert(&target, "a", json!([{}])).await;
    insert(&target, "backout_keep_7_a", json!([{}])).await;
    for error in [
        target.keep_collection("a", "backout_keep_7_a").await.unwrap_err(),
        target.restore_collection("backout_keep_7_a", "a").await.unwrap_err(),
        target.keep_collection("b", "backout_keep_7_b").await.unwrap_err(),
        target.drop_kept("a").await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::Unsafe { .. }), "{error:?}");
    }
    target.drop_kept("backout_keep_7_a").await.unwrap();
    target.drop_kept("backout_keep_7_a").await.unwrap();
    assert_eq!(target.collections().await.unwrap(), ["a"]);
}
