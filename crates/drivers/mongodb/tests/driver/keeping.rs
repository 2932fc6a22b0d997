use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use driver_mongodb::{Error, Overwrite, Restored, Target, Turn, Unset, Verified};
use sentence::Sentence;
use serde_json::{Value, json};

use crate::support::{documents, insert, int, run, target};

const KEEP: &str = "backout_keep_1_pages";

fn fields() -> Vec<String> {
    vec!["meta.v".into(), "hidden".into()]
}

/// Documents with both fields, one, none, and things in the way.
fn pages() -> Value {
    json!([
        {"_id": int(1), "meta": {"v": int(1), "w": int(9)}, "hidden": true},
        {"_id": int(2), "meta": {"v": [int(1), int(2)]}},
        {"_id": int(3), "hidden": null},
        {"_id": int(4), "title": "none"},
        {"_id": int(5), "meta": [{"v": int(1)}]},
        {"_id": int(6), "meta": {"v": {"$numberDouble": "NaN"}}},
    ])
}

async fn with_pages() -> Target {
    let target = target("keep").await;
    insert(&target, "pages", pages()).await;
    target
}

async fn set(target: &Target, id: i32, change: Value) {
    let statement = json!({"q": {"_id": int(id)}, "u": change});
    run(target, json!({"update": "pages", "updates": [statement]})).await;
}

#[tokio::test]
async fn fields_go_and_come_back_as_they_were() {
    let target = with_pages().await;
    let everything = json!({});
    let kept = target.keep_fields("pages", &everything, &fields(), KEEP).await.unwrap();
    assert_eq!(kept.documents, 4);
    let verified = target.verify_kept("pages", &everything, &fields(), KEEP).await.unwrap();
    assert_eq!(verified, Verified { documents: 4, missing: 0, different: 0 });
    let unset = target.unset_where_equal("pages", &everything, &fields(), KEEP, 5).await.unwrap();
    assert_eq!(unset, Unset { values: 5, passes: 2 });
    assert_eq!(
        documents(&target, "pages").await,
        [
            json!({"_id": int(1), "meta": {"w": int(9)}}),
            json!({"_id": int(2), "meta": {}}),
            json!({"_id": int(3)}),
            json!({"_id": int(4), "title": "none"}),
            json!({"_id": int(5), "meta": [{"v": int(1)}]}),
            json!({"_id": int(6), "meta": {}}),
        ]
    );
    assert_eq!(target.kept(KEEP).await.unwrap(), kept);

    let restored = target.restore_fields(KEEP, "pages", &fields()).await.unwrap();
    assert_eq!(restored, Restored { restored: 5, ..Restored::default() });
    let back = documents(&target, "pages").await;
    // Equal but for the place of a restored field among the others.
    assert_eq!(json!(back), pages());
    let again = target.restore_fields(KEEP, "pages", &fields()).await.unwrap();
    assert_eq!(again, Restored { already_there: 5, ..Restored::default() });
}

#[tokio::test]
async fn what_the_application_did_meanwhile_is_respected_when_restoring() {
    let target = with_pages().await;
    target.keep_fields("pages", &json!({}), &fields(), KEEP).await.unwrap();
    target.unset_where_equal("pages", &json!({}), &fields(), KEEP, 5).await.unwrap();
    set(&target, 1, json!({"$set": {"meta.v": int(7)}})).await;
    set(&target, 2, json!({"$set": {"meta": "text"}})).await;
    run(&target, json!({"delete": "pages", "deletes": [{"q": {"_id": int(3)}, "limit": 1}]})).await;
    let restored = target.restore_fields(KEEP, "pages", &fields()).await.unwrap();
    assert_eq!(restored, Restored { restored: 2, already_there: 0, missing: 1, conflicts: 2 });
    let now = documents(&target, "pages").await;
    assert_eq!(now[0], json!({"_id": int(1), "meta": {"w": int(9), "v": int(7)}, "hidden": true}));
    assert_eq!(now[1], json!({"_id": int(2), "meta": "text"}));
}

#[tokio::test]
async fn a_value_written_after_the_copy_is_copied_before_it_goes() {
    let target = with_pages().await;
    target.keep_fields("pages", &json!({}), &fields(), KEEP).await.unwrap();
    // The array now holds the value of the copy, which a plain comparison would take for equal.
    set(&target, 1, json!({"$set": {"meta.v": [int(1)]}})).await;
    let verified = target.verify_kept("pages", &json!({}), &fields(), KEEP).await.unwrap();
    assert_eq!(verified, Verified { documents: 4, missing: 0, different: 1 });
    target.unset_where_equal("pages", &json!({}), &fields(), KEEP, 5).await.unwrap();
    target.restore_fields(KEEP, "pages", &fields()).await.unwrap();
    assert_eq!(documents(&target, "pages").await[0]["meta"]["v"], json!([int(1)]));
}

#[tokio::test]
async fn removing_can_be_resumed_after_a_part_of_it_without_losing_copies() {
    let target = with_pages().await;
    let kept = target.keep_fields("pages", &json!({}), &fields(), KEEP).await.unwrap();
    set(&target, 1, json!({"$unset": {"meta.v": ""}})).await;
    let again = target.keep_fields("pages", &json!({}), &fields(), KEEP).await.unwrap();
    assert_eq!(again, kept);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fields_written_while_they_are_removed_are_kept_or_reported() {
    let target = target("keep").await;
    let many: Vec<Value> = (0..60).map(|id| json!({"_id": int(id), "hidden": int(0)})).collect();
    insert(&target, "pages", json!(many)).await;
    let writer = target.clone();
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let writing = tokio::spawn(async move {
        let mut round = 0;
        while matches!(stopped.try_recv(), Err(tokio::sync::oneshot::error::TryRecvError::Empty)) {
            round += 1;
            set(&writer, round % 60, json!({"$inc": {"hidden": int(1000)}})).await;
        }
    });
    let hidden = vec!["hidden".to_owned()];
    let outcome = target.unset_where_equal("pages", &json!({}), &hidden, KEEP, 3).await;
    stop.send(()).unwrap();
    writing.await.unwrap();
    assert!(matches!(outcome, Ok(_) | Err(Error::StillChanging { passes: 3, .. })), "{outcome:?}");
    let settled = target.unset_where_equal("pages", &json!({}), &hidden, KEEP, 3).await.unwrap();
    assert!(settled.passes <= 2);
    assert_eq!(target.kept(KEEP).await.unwrap().documents, 60);
    assert_eq!(target.count("pages", &json!({"hidden": {"$exists": true}})).await.unwrap(), 0);
}

#[tokio::test]
async fn more_documents_than_a_page_holds_are_kept() {
    let target = target("keep").await;
    for start in [0, 600] {
        let many: Vec<Value> = (start..start + 600).map(|id| json!({"_id": int(id), "hidden": int(id)})).collect();
        insert(&target, "pages", json!(many)).await;
    }
    let hidden = vec!["hidden".to_owned()];
    let odd = json!({"hidden": {"$mod": [int(2), int(1)]}});
    let kept = target.keep_fields("pages", &odd, &hidden, KEEP).await.unwrap();
    assert_eq!(kept.documents, 600);
    let unset = target.unset_where_equal("pages", &odd, &hidden, KEEP, 3).await.unwrap();
    assert_eq!(unset.values, 600);
    let restored = target.restore_fields(KEEP, "pages", &hidden).await.unwrap();
    assert_eq!(restored.restored, 600);
}

#[tokio::test]
async fn values_of_every_type_go_and_come_back() {
    let target = target("keep").await;
    let values = json!([
        int(1), {"$numberLong": "1"}, {"$numberDouble": "1.0"}, {"$numberDecimal": "1.10"}, "", null, false,
        {"$date": {"$numberLong": "5"}}, {"$oid": "65a1b2c3d4e5f60718293a4b"}, {"$minKey": 1}, {"$maxKey": 1},
        {"$regularExpression": {"pattern": "^a", "options": "i"}}, {"$timestamp": {"t": 1, "i": 2}},
        {"$binary": {"base64": "aGk=", "subType": "00"}}, {"$code": "x"}, {"a": {"b": [int(1)]}}, [], [[int(1)], int(1)],
    ]);
    let documents_with = |values: &Value| {
        let values = values.as_array().unwrap().iter().enumerate();
        values.map(|(id, value)| json!({"_id": int(i32::try_from(id).unwrap()), "v": value})).collect::<Vec<Value>>()
    };
    insert(&target, "pages", json!(documents_with(&values))).await;
    let field = vec!["v".to_owned()];
    let unset = target.unset_where_equal("pages", &json!({}), &field, KEEP, 3).await.unwrap();
    assert_eq!(unset, Unset { values: 18, passes: 2 });
    target.restore_fields(KEEP, "pages", &field).await.unwrap();
    assert_eq!(documents(&target, "pages").await, documents_with(&values));
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused_before_anything_is_removed() {
    let target = with_pages().await;
    let refused = |field: &str| vec![field.to_owned()];
    for field in ["meta.0", "meta.$[].v", "_id", ""] {
        let error = target.unset_where_equal("pages", &json!({}), &refused(field), KEEP, 3).await.unwrap_err();
        assert!(matches!(error, Error::Unsafe { .. }), "{field}: {error:?}");
    }
    let not_ours = target.keep_fields("pages", &json!({}), &fields(), "pages_copy").await.unwrap_err();
    assert!(matches!(not_ours, Error::Unsafe { .. }));
    assert_eq!(json!(documents(&target, "pages").await), pages());
}

#[tokio::test]
async fn whole_documents_come_back_after_deletion_and_after_change() {
    let target = with_pages().await;
    let filter = json!({"_id": {"$lte": int(3)}});
    let kept = target.keep_documents("pages", &filter, KEEP).await.unwrap();
    assert_eq!(kept.documents, 3);
    run(&target, json!({"delete": "pages", "deletes": [{"q": {"_id": int(1)}, "limit": 1}]})).await;
    set(&target, 2, json!({"$set": {"meta": "new"}})).await;
    target.restore_documents(KEEP, "pages", Overwrite::Never).await.unwrap();
    let now = documents(&target, "pages").await;
    assert_eq!((now.len(), &now[0]["hidden"], &now[1]["meta"]), (6, &json!(true), &json!("new")));
    target.restore_documents(KEEP, "pages", Overwrite::Always).await.unwrap();
    assert_eq!(json!(documents(&target, "pages").await), pages());
}

#[tokio::test]
async fn each_page_is_asked_for_and_none_is_written_after_a_refusal() {
    let target = target("paged").await;
    let many: Vec<_> = (0..1_200).map(|id| json!({ "_id": int(id), "hidden": true })).collect();
    insert(&target, "pages", json!(many)).await;
    let hidden = vec!["hidden".to_owned()];
    let asked = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&asked);
    let watched = target.watched("job/1/r/7/down/0", move |turn| {
        let refused = turn == Turn::Write && counter.fetch_add(1, Ordering::SeqCst) >= 4;
        Box::pin(async move { if refused { Err(Error::Stopped(Sentence::verbatim("taken over"))) } else { Ok(()) } })
    });
    // Three pages are copied, and of those to be removed only the first is.
    watched.keep_fields("pages", &json!({}), &hidden, KEEP).await.unwrap();
    let error = watched.unset_where_equal("pages", &json!({}), &hidden, KEEP, 5).await.unwrap_err();
    assert!(matches!(&error, Error::Stopped(why) if *why == "taken over"), "{error}");
    assert_eq!(target.count("pages", &json!({ "hidden": true })).await.unwrap(), 700);
    assert!(watched.restore_fields(KEEP, "pages", &hidden).await.is_err());
    assert_eq!(target.count("pages", &json!({ "hidden": true })).await.unwrap(), 700);
}
