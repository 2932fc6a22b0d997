//! Releases, their migrations, and how they are found.

use std::sync::Arc;

use backout_store::{Error, Registered, ReleaseQuery, StoredMigration};
use domain::ids::{MigrationId, ReleaseId};
use serde_json::{Value, json};

use crate::support::{ACTOR, Shop, cursor, new_release};

fn full(version: &str) -> Value {
    json!({
        "version": version,
        "released_at": "2025-01-10T08:00:00.123456Z",
        "notes": "Two-factor login, 100% done_",
        "notes_zh": "两步验证 🔐",
        "git": { "tag": "release/v0.8.2", "commit": "abc" },
        "images": { "web": "cms:1" },
        "image_digests": { "web": "sha256:abc" },
        "schema": { "main": {
            "engine": "mariadb",
            "runs_on": { "min": "001" },
            "migrations": [
                { "version": "001", "name": "users", "up": "CREATE TABLE u (a INT)", "down": "DROP TABLE u" },
                { "version": "002", "name": "irreversible", "up": "DROP TABLE v" },
            ],
        } },
        "config": { "production": { "web": { "LOG": { "plain": "info" }, "KEY": { "secret": "sealed:k1:x" } } } },
        "requires": { "mariadb": ">=10.6" },
    })
}

async fn versions(shop: &Shop, query: ReleaseQuery) -> Vec<String> {
    let page = shop.database.releases(shop.application, &query, &cursor(None, 100)).await.unwrap();
    page.items.iter().map(|release| release.version.to_string()).collect()
}

#[tokio::test]
async fn a_release_comes_back_as_it_was_registered() {
    let shop = Shop::open().await;
    assert_eq!(shop.register(full("v0.8.2")).await, Registered::New);
    let stored = shop.database.release(shop.application, &"0.8.2".parse().unwrap()).await.unwrap();
    assert_eq!((stored.notes.as_str(), stored.notes_zh.as_str()), ("Two-factor login, 100% done_", "两步验证 🔐"));
    assert_eq!(stored.released_at.to_rfc3339(), "2025-01-10T08:00:00.123456+00:00");
    assert_eq!((stored.git.tag.as_deref(), stored.images["web"].as_str()), (Some("release/v0.8.2"), "cms:1"));
    assert_eq!((stored.image_digests["web"].as_str(), stored.requires["mariadb"].as_str()), ("sha256:abc", ">=10.6"));
    assert_eq!(stored.config["production"]["web"].len(), 2);
    let schema = &stored.schema["main"];
    assert_eq!(schema.runs_on.min.as_deref(), Some("001"));
    let [users, irreversible] = schema.migrations.as_slice() else { panic!("{schema:?}") };
    let migration = shop.database.migration(users.id).await.unwrap();
    assert!(migration.is_intact());
    assert_eq!((migration.up.as_str(), migration.down.as_deref()), ("CREATE TABLE u (a INT)", Some("DROP TABLE u")));
    assert_eq!((&migration.reference, migration.store.as_str()), (users, "main"));
    assert_eq!(irreversible.down_sha256, None);
    assert_eq!(shop.database.migration(irreversible.id).await.unwrap().down, None);
    assert_eq!(shop.database.release_by_id(stored.id).await.unwrap().version, stored.version);
}

#[tokio::test]
async fn scripts_that_were_tampered_with_are_noticed() {
    let shop = Shop::open().await;
    shop.register(full("v0.8.2")).await;
    shop.execute("UPDATE migrations SET up = 'DROP DATABASE production' WHERE version = '001'").await;
    let all = shop.database.migrations(shop.application).await.unwrap();
    assert_eq!(all.iter().map(StoredMigration::is_intact).collect::<Vec<_>>(), [false, true]);
}

#[tokio::test]
async fn the_same_registration_again_is_the_same_and_another_one_is_different() {
    let shop = Shop::open().await;
    shop.register(full("v0.8.2")).await;
    assert_eq!(shop.register(full("v0.8.2")).await, Registered::Same);
    let mut other = full("v0.8.2");
    other["notes"] = json!("something else");
    assert_eq!(shop.register(other).await, Registered::Different);
    assert_eq!(shop.count("SELECT COUNT(*) FROM releases").await, 1);
}

#[tokio::test]
async fn a_text_that_is_longer_than_its_column_is_refused_by_the_columns_name_and_nothing_is_kept() {
    let shop = Shop::open().await;
    let mut release = full("v0.8.2");
    release["notes"] = json!("x".repeat(70_000));
    let refused = shop.database.register_release(ACTOR, shop.application, &new_release(release)).await;
    assert!(matches!(&refused, Err(Error::TooLong(column)) if column == "notes"), "{refused:?}");
    let mut release = full("v0.8.2");
    release["schema"]["main"]["migrations"][1]["name"] = json!("x".repeat(256));
    let refused = shop.database.register_release(ACTOR, shop.application, &new_release(release)).await;
    assert!(matches!(&refused, Err(Error::TooLong(column)) if column == "name"), "{refused:?}");
    assert_eq!(shop.count("SELECT COUNT(*) FROM releases").await, 0);
    assert_eq!(shop.count("SELECT COUNT(*) FROM migrations").await, 0);
}

#[tokio::test]
async fn releases_share_the_scripts_that_they_have_in_common() {
    let shop = Shop::open().await;
    shop.register(full("v0.8.1")).await;
    shop.register(full("v0.8.2")).await;
    assert_eq!(shop.database.migrations(shop.application).await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn registrations_at_once_never_fail_and_one_of_equals_is_new() {
    let shop = Arc::new(Shop::open().await);
    let calls: Vec<_> = (0..16)
        .map(|n| {
            let shop = Arc::clone(&shop);
            let new = new_release(full(&format!("v0.8.{}", n % 4)));
            tokio::spawn(async move { shop.database.register_release(ACTOR, shop.application, &new).await.unwrap() })
        })
        .collect();
    let mut outcomes = Vec::new();
    for call in calls {
        outcomes.push(call.await.unwrap());
    }
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Registered::New).count(), 4);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Registered::Same).count(), 12);
    assert_eq!(shop.database.migrations(shop.application).await.unwrap().len(), 2);
}

#[tokio::test]
async fn releases_are_listed_by_semantic_version_newest_first() {
    let shop = Shop::open().await;
    let ordered = [
        "v2.0.0",
        "v2.0.0-rc.1",
        "v2.0.0-beta.11",
        "v2.0.0-beta.2",
        "v2.0.0-beta",
        "v2.0.0-alpha.beta",
        "v2.0.0-alpha.1",
        "v2.0.0-alpha",
        "v1.10.0",
        "v1.9.0",
        "v0.9.12",
    ];
    for version in ["v1.9.0", "v2.0.0-beta.2", "v2.0.0", "v0.9.12", "v2.0.0-alpha", "v2.0.0-beta"] {
        shop.release(version).await;
    }
    for version in ordered {
        shop.release(version).await;
    }
    assert_eq!(versions(&shop, ReleaseQuery::default()).await, ordered);
    let (mut paged, mut next) = (Vec::new(), None::<String>);
    loop {
        let query = ReleaseQuery::default();
        let page = shop.database.releases(shop.application, &query, &cursor(next.as_deref(), 3)).await.unwrap();
        paged.extend(page.items.iter().map(|release| release.version.to_string()));
        next = page.next_cursor;
        if next.is_none() {
            break;
        }
    }
    assert_eq!(paged, ordered);
}

#[tokio::test]
async fn releases_are_found_by_series_and_by_words_in_any_script() {
    let shop = Shop::open().await;
    shop.register(full("v0.8.2")).await;
    shop.release("v0.8.1").await;
    shop.release("v0.9.0").await;
    let series = |series: &str| ReleaseQuery { series: Some(series.into()), search: None };
    let search = |text: &str| ReleaseQuery { series: None, search: Some(text.into()) };
    assert_eq!(versions(&shop, series("v0.8.x")).await, ["v0.8.2", "v0.8.1"]);
    assert!(versions(&shop, series("系列")).await.is_empty());
    assert_eq!(versions(&shop, search("v0.9")).await, ["v0.9.0"]);
    assert_eq!(versions(&shop, search("two-factor")).await, ["v0.8.2"], "letter case does not matter");
    assert_eq!(versions(&shop, search("验证")).await, ["v0.8.2"]);
    assert_eq!(versions(&shop, search("🔐")).await, ["v0.8.2"]);
    assert_eq!(versions(&shop, search("100%")).await, ["v0.8.2"]);
    assert_eq!(versions(&shop, search("done_")).await, ["v0.8.2"]);
    for nothing in ["0%0", "v_", "\\", "'"] {
        assert!(versions(&shop, search(nothing)).await.is_empty(), "{nothing}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_missing() {
    let shop = Shop::open().await;
    let version = "v9.9.9".parse().unwrap();
    assert!(matches!(shop.database.release(shop.application, &version).await, Err(Error::Missing("release"))));
    assert!(matches!(shop.database.release_by_id(ReleaseId::generate()).await, Err(Error::Missing("release"))));
    assert!(matches!(shop.database.migration(MigrationId::generate()).await, Err(Error::Missing("migration"))));
    for name in ["nothing", "应用", "a'b", ""] {
        assert!(matches!(shop.database.application(name).await, Err(Error::Missing("application"))), "{name}");
        assert!(matches!(shop.database.environment(name, name).await, Err(Error::Missing("environment"))), "{name}");
    }
}
