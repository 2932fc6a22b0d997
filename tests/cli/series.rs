//! The compatibility matrix: what all releases of a series can run on.

use super::desk::Desk;
use crate::support::{Scene, shared_backout};

#[tokio::test]
async fn what_holds_for_a_series_holds_for_its_releases_that_say_nothing_else() {
    let backout = shared_backout().await;
    let scene = Scene::on_v082(backout).await.unwrap();
    let desk = Desk { backout, app: &scene.app };
    desk.says(&["series", "list"], 0, &["Nothing is said of any series."]);
    desk.says(&["plan"], 0, &["the target needs migrations to be taken back"]);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("series.toml");
    let set = ["series", "set", "v0.8.x", "--file", file.to_str().unwrap()];
    std::fs::write(&file, "breaking = true\nfrontend = 'v1.4'\n[requires]\nmariadb = '>=99'\nmongodb = '>=99'\n")
        .unwrap();
    desk.says(&set, 0, &["v0.8.x", "v1.4", "yes", "mongodb=>=99"]);
    // The releases say of MariaDB themselves what they need.
    let plan = desk.json(&["plan"], 3);
    let unmet: Vec<_> =
        plan["findings"].as_array().unwrap().iter().filter(|one| one["code"] == "requirement-not-met").collect();
    assert_eq!(unmet.len(), 1, "{unmet:#?}");
    assert_eq!(unmet[0]["params"]["store"], "content");

    std::fs::write(&file, "[requires]\nmongodb = 'new'\n").unwrap();
    desk.says(&set, 3, &["requires.mongodb"]);
    std::fs::write(&file, "notes = 'any'\n").unwrap();
    desk.says(&["series", "set", "0.8", "--file", file.to_str().unwrap()], 3, &["is no series"]);
    desk.says(&set, 0, &["any"]);
    desk.says(&["plan"], 0, &[]);
}
