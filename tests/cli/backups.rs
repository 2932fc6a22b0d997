//! The list of backups.

use sqlx::Connection;
use testkit::World;

use super::desk::Desk;
use crate::support::{Scene, shared_backout};

#[tokio::test]
async fn the_backups_that_changes_made_are_listed_with_the_age_of_the_newest() {
    let backout = shared_backout().await;
    let scene = Scene::on_v082(backout).await.unwrap();
    let desk = Desk { backout, app: &scene.app };

    let list = desk.json(&["backups", "--store", "main"], 0);
    let newest = &list["items"][0];
    assert_eq!((newest["store"].as_str(), newest["engine"].as_str()), (Some("main"), Some("mariadb")), "{list:#}");
    assert_eq!(newest["bytes"], std::fs::metadata(newest["path"].as_str().unwrap()).unwrap().len());
    let points = list["recovery_points"].as_array().unwrap();
    assert_eq!(points.len(), 1, "only of the data store that was named: {points:?}");
    assert_eq!((&points[0]["store"], &points[0]["backup"]), (&"main".into(), &newest["id"]));
    assert!(points[0]["age_seconds"].is_u64(), "{points:?}");

    let age = "production, main: the newest verified backup is ";
    let told = desk.says(&["backups"], 0, &["Data store", "Contents of", "Size", age]);
    assert!(!told.stdout.contains("cache:"), "of a cache nothing is kept: {told}");
    desk.says(&["backups", "--store", "elsewhere"], 0, &["There is no backup yet."]);
    desk.says(&["doctor"], 0, &[age]);
}

#[tokio::test]
async fn data_stores_are_backed_up_anew_on_demand_also_behind_the_maintenance_page() {
    let backout = shared_backout().await;
    let scene = Scene::on_v082(backout).await.unwrap();
    let desk = Desk { backout, app: &scene.app };
    let newest = |store: &str| desk.json(&["backups", "--store", store], 0)["items"][0]["id"].clone();
    let before = (newest("main"), newest("content"));

    let told = desk.says(&["backup", "--store", "main", "--reason", "before the audit"], 0, &["Back up", "backed up"]);
    assert!(!told.stdout.contains("Stop service"), "{told}");
    assert_ne!(newest("main"), before.0);
    assert_eq!(newest("content"), before.1, "it was not asked for");
    desk.says(&["maintenance", "on", "--reason", "audit", "--yes"], 0, &[]);
    desk.says(&["backup"], 0, &["production is backed up."]);
    assert_ne!(newest("content"), before.1);
    desk.says(&["maintenance", "off"], 0, &[]);
    assert_eq!(scene.answering().await.unwrap(), "v0.8.2");
    desk.says(&["backup", "--store", "cache"], 3, &["is a cache"]);
    desk.says(&["backup", "--store", "elsewhere"], 3, &["has no data store 'elsewhere'"]);
}

#[tokio::test]
async fn a_backup_is_restored_beside_what_it_is_of_and_nothing_else_is_touched() {
    let backout = shared_backout().await;
    let scene = Scene::on_v082(backout).await.unwrap();
    let desk = Desk { backout, app: &scene.app };
    let mariadb = &World::shared().await.mariadb;
    desk.says(&["backup"], 0, &[]);
    let newest = |store: &str| desk.json(&["backups", "--store", store], 0)["items"][0].clone();
    let of_main = newest("main")["id"].as_str().unwrap().to_owned();
    let of_content = newest("content")["id"].as_str().unwrap().to_owned();
    assert!(newest("main")["restored_at"].is_null());

    desk.says(&["restore", &of_main, "--check"], 0, &["Restore a backup", "was restored"]);
    assert!(newest("main")["restored_at"].is_string());
    let into = testkit::unique_name("beside");
    for backup in [&of_main, &of_content] {
        desk.says(&["restore", backup, "--into", &into, "--reason", "who was it"], 0, &[]);
    }
    let of = async |database: &str| -> Vec<String> {
        let mut connection = sqlx::MySqlConnection::connect(&mariadb.url(database)).await.unwrap();
        let names = sqlx::query_scalar("SELECT CAST(name AS CHAR) FROM roles ORDER BY id");
        names.fetch_all(&mut connection).await.unwrap()
    };
    assert_eq!(of(&into).await, of(scene.site.database()).await);
    assert_eq!(scene.answering().await.unwrap(), "v0.8.2");

    // What is there is never written over.
    desk.says(&["restore", &of_main, "--into", &into], 1, &["is there already"]);
    desk.says(&["restore", &of_main, "--into", scene.site.database()], 3, &["is in use"]);
    desk.says(&["restore", &of_main, "--into", "backout_keep_x"], 3, &["are ours"]);
    desk.says(&["restore", &of_main], 2, &[]);
}
