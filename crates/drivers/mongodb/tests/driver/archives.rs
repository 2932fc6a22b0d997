use std::sync::atomic::AtomicU64;

use driver_mongodb::{Error, Existing, Target, verify};
use serde_json::{Value, json};

use crate::support::{documents, insert, int, run, target};

async fn filled() -> Target {
    let target = target("archive").await;
    run(&target, json!({"create": "pages", "validator": {"title": {"$exists": true}}})).await;
    let many: Vec<Value> = (0..1500)
        .map(|id| json!({"_id": int(id), "title": "t", "long": {"$numberLong": "9007199254740993"}}))
        .collect();
    for part in many.chunks(500) {
        insert(&target, "pages", json!(part)).await;
    }
    let indexes = json!([{"key": {"title": int(1), "n": int(-1)}, "name": "title_1_n_-1", "unique": false}]);
    run(&target, json!({"createIndexes": "pages", "indexes": indexes})).await;
    run(&target, json!({"create": "empty"})).await;
    run(&target, json!({"create": "all_pages", "viewOn": "pages", "pipeline": []})).await;
    insert(&target, "backout_locks", json!([{"_id": "x"}])).await;
    target
}

#[tokio::test]
async fn a_backup_restores_documents_options_indexes_and_views() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shop.jsonl.zst");
    let source = filled().await;
    let archive = source.backup(&path, &AtomicU64::new(0)).await.unwrap();
    let counts: Vec<_> = archive.collections.iter().map(|(n, c)| (n.as_str(), *c)).collect();
    assert_eq!(counts, [("all_pages", 0), ("empty", 0), ("pages", 1500)]);
    assert_eq!(archive.bytes, std::fs::metadata(&path).unwrap().len());
    assert_eq!(verify(&path, &archive.sha256).await.unwrap(), archive.collections);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);

    let other = target("restored").await;
    other.restore(&path, &archive.sha256, Existing::Refuse).await.unwrap();
    let fingerprints = (source.fingerprint(&[]).await.unwrap(), other.fingerprint(&[]).await.unwrap());
    assert_eq!(fingerprints.0, fingerprints.1);
    let first = &documents(&other, "pages").await[0];
    assert_eq!(first, &documents(&source, "pages").await[0]);
    assert_eq!(other.count("all_pages", &json!({})).await.unwrap(), 1500);

    let again = other.restore(&path, &archive.sha256, Existing::Refuse).await.unwrap_err();
    assert!(matches!(again, Error::Unsafe { .. }));
    run(&other, json!({"delete": "pages", "deletes": [{"q": {}, "limit": 0}]})).await;
    other.restore(&path, &archive.sha256, Existing::Replace).await.unwrap();
    assert_eq!(other.count("pages", &json!({})).await.unwrap(), 1500);
}

#[tokio::test]
async fn a_damaged_or_cut_archive_is_refused_and_nothing_is_restored() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shop.jsonl.zst");
    let archive = filled().await.backup(&path, &AtomicU64::new(0)).await.unwrap();
    let whole = std::fs::read(&path).unwrap();
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    let other = target("damaged").await;
    for content in [&damaged, &whole[..whole.len() - 20].to_vec(), &Vec::new()] {
        std::fs::write(&path, content).unwrap();
        assert!(verify(&path, &archive.sha256).await.is_err());
        assert!(other.restore(&path, &archive.sha256, Existing::Replace).await.is_err());
    }
    assert!(other.collections().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_archive_without_its_end_is_refused_even_with_the_right_checksum() {
    use sha2::Digest;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cut.jsonl.zst");
    let header = r#"{"archive":{"format":"backout-mongodb-archive","version":1,"database":"d","server_version":"8","created_at":""}}"#;
    let bytes = zstd::encode_all(format!("{header}\n").as_bytes(), 1).unwrap();
    std::fs::write(&path, &bytes).unwrap();
    let sha256 = hex::encode(sha2::Sha256::digest(&bytes));
    let error = verify(&path, &sha256).await.unwrap_err();
    assert!(error.to_string().contains("its end is missing"), "{error}");
}

#[tokio::test]
async fn a_backup_that_cannot_be_written_leaves_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("missing").join("shop.jsonl.zst");
    let error = filled().await.backup(&path, &AtomicU64::new(0)).await.unwrap_err();
    assert!(matches!(error, Error::File { .. }), "{error:?}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}
