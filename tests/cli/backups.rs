//! The list of backups.

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
