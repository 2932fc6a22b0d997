use driver_mongodb::{DocumentChange, DocumentWrite, Restored, ScriptWrites, Target};
use serde_json::{Value, json};

use crate::support::{documents, insert, int, run, target};

const KEEP: &str = "backout_keep_1_pages";

fn update(filter: Value, update: Value) -> DocumentChange {
    change(filter, DocumentWrite::Update { update, array_filters: None, upsert: false })
}

fn change(filter: Value, write: DocumentWrite) -> DocumentChange {
    DocumentChange {
        collection: "pages".into(),
        filter,
        many: true,
        sort: None,
        collation: None,
        variables: None,
        unvalidated: false,
        write,
    }
}

async fn pages() -> Target {
    let target = target("images").await;
    let documents = json!([
        {"_id": int(1), "n": int(1), "t": ["a", "b"], "m": {"v": int(1), "w": int(2)}},
        {"_id": int(2), "n": int(2), "t": []},
        {"_id": int(3), "d": {"$numberDecimal": "1.10"}, "x": {"$numberDouble": "NaN"}},
    ]);
    insert(&target, "pages", documents).await;
    target
}

async fn carry_out(target: &Target, change: &DocumentChange) {
    target.keep_images(change, KEEP).await.unwrap();
    let written = target.write_images(change, KEEP, 5).await.unwrap();
    assert!(written.unclear.is_empty());
}

#[tokio::test]
async fn updates_of_every_kind_are_written_once_and_taken_back() {
    for operators in [
        json!({"$inc": {"n": int(5)}}),
        json!({"$push": {"t": "c"}}),
        json!({"$rename": {"n": "m"}}),
        json!({"$set": {"m.v": int(9)}, "$currentDate": {"at": true}}),
        json!([{"$set": {"twice": {"$multiply": ["$n", int(2)]}}}, {"$unset": ["m"]}]),
        json!({"$unset": {"m.w": ""}, "$mul": {"n": int(3)}}),
    ] {
        let target = pages().await;
        let before = documents(&target, "pages").await;
        let change = update(json!({"n": {"$exists": true}}), operators.clone());
        carry_out(&target, &change).await;
        let after = documents(&target, "pages").await;
        assert_ne!(after, before, "{operators}");
        carry_out(&target, &change).await;
        assert_eq!(documents(&target, "pages").await, after, "{operators}");
        assert_eq!(target.kept_images(KEEP).await.unwrap().documents, 2);
        let restored = target.restore_images(KEEP, "pages", &ScriptWrites::default(), None).await.unwrap();
        assert_eq!(restored, Restored { restored: 2, ..Restored::default() }, "{operators}");
        assert_eq!(json!(documents(&target, "pages").await).to_string(), json!(before).to_string());
    }
}

#[tokio::test]
async fn removed_documents_come_back_unless_there_is_another() {
    let target = pages().await;
    let before = documents(&target, "pages").await;
    let change = change(json!({}), DocumentWrite::Delete);
    carry_out(&target, &change).await;
    assert!(documents(&target, "pages").await.is_empty());
    insert(&target, "pages", json!([{"_id": int(2), "new": true}])).await;
    let restored = target.restore_images(KEEP, "pages", &ScriptWrites::default(), None).await.unwrap();
    assert_eq!(restored, Restored { restored: 2, conflicts: 1, ..Restored::default() });
    let now = documents(&target, "pages").await;
    assert_eq!([&now[0], &now[1], &now[2]], [&before[0], &json!({"_id": int(2), "new": true}), &before[2]]);
}

#[tokio::test]
async fn an_upsert_inserts_once_and_goes_again() {
    let target = pages().await;
    let upsert = DocumentWrite::Update { update: json!({"$inc": {"n": int(1)}}), array_filters: None, upsert: true };
    let change = DocumentChange { many: false, ..change(json!({"k": "new"}), upsert) };
    carry_out(&target, &change).await;
    carry_out(&target, &change).await;
    assert_eq!(target.count("pages", &json!({"k": "new", "n": int(1)})).await.unwrap(), 1);
    target.restore_images(KEEP, "pages", &ScriptWrites::default(), None).await.unwrap();
    assert_eq!(documents(&target, "pages").await.len(), 3);
}

#[tokio::test]
async fn a_document_changed_after_the_copy_is_copied_again() {
    let target = pages().await;
    let change = update(json!({}), json!({"$set": {"n": int(0)}}));
    target.keep_images(&change, KEEP).await.unwrap();
    let statement = json!({"q": {"_id": int(1)}, "u": {"$set": {"n": int(77)}}});
    run(&target, json!({"update": "pages", "updates": [statement]})).await;
    target.write_images(&change, KEEP, 5).await.unwrap();
    target.restore_images(KEEP, "pages", &ScriptWrites::default(), None).await.unwrap();
    assert_eq!(documents(&target, "pages").await[0]["n"], int(77));
}

#[tokio::test]
async fn what_was_about_to_be_written_is_told_by_the_fields_that_the_statement_changes() {
    for (now, is_unclear, n) in [
        (json!({"n": int(6), "title": "new"}), false, int(6)),
        (json!({"n": int(1), "title": "new"}), false, int(6)),
        (json!({"n": int(44)}), true, int(44)),
    ] {
        let target = pages().await;
        let change = update(json!({"_id": int(1)}), json!({"$inc": {"n": int(5)}}));
        target.keep_images(&change, KEEP).await.unwrap();
        // As a worker leaves it that dies around the write.
        let about = json!({"q": {}, "u": {"$set": {"state": "about"}}, "multi": true});
        run(&target, json!({"update": KEEP, "updates": [about]})).await;
        run(&target, json!({"update": "pages", "updates": [{"q": {"_id": int(1)}, "u": {"$set": now}}]})).await;
        let written = target.write_images(&change, KEEP, 5).await.unwrap();
        assert_eq!(!written.unclear.is_empty(), is_unclear);
        assert_eq!(documents(&target, "pages").await[0]["n"], n);
    }
}
