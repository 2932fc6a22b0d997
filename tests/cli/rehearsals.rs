//! Rehearsals: a release's migrations on a scratch database, and what plans say of them.

use serde_json::json;

use super::desk::Desk;
use crate::support::{Scene, release, shared_backout};

#[tokio::test]
async fn a_release_is_rehearsed_and_its_way_back_is_known_to_plans() {
    let backout = shared_backout().await;
    let scene = Scene::on_v082(backout).await.unwrap();
    let desk = Desk { backout, app: &scene.app };
    desk.says(&["rehearse", "--list"], 0, &["Nothing has been rehearsed here yet."]);
    desk.says(&["plan"], 0, &["has not been rehearsed here"]);

    let told = ["Rehearsal of v0.8.2: passed", "main: passed", "20250110001", "up", "instant", "down"];
    desk.says(&["rehearse", "v0.8.2"], 0, &told);
    desk.says(&["rehearse", "--list"], 0, &["v0.8.2", "passed"]);
    desk.says(&["releases"], 0, &["production: passed"]);
    let plan = desk.says(&["plan"], 0, &["Statements", "instant"]);
    assert!(!plan.stdout.contains("has not been rehearsed"), "{plan}");
    desk.says(&["rehearse", "v0.8.2", "--lang", "zh-CN"], 0, &["v0.8.2 的演练：通过"]);
    desk.says(&["rehearse", "v9.9.9"], 3, &["has no release v9.9.9"]);
}

#[tokio::test]
async fn a_release_whose_way_back_fails_in_its_rehearsal_is_rolled_back_only_where_a_person_accepts_that() {
    let backout = shared_backout().await;
    let without_probes = |site: &testkit::Site<'static>| {
        let mut settings = site.environment();
        // The image tells another version than the release that brings the scripts.
        settings["probes"] = json!([]);
        settings
    };
    let scene = Scene::with_settings(backout, without_probes).await.unwrap();
    let desk = Desk { backout, app: &scene.app };
    // A down that forgets one of the columns.
    let mut forgetful = release("v0.8.2").unwrap();
    forgetful.version = "v0.8.3".parse().unwrap();
    let migration = json!({
        "version": "20250111001", "name": "forgetful",
        "up": "ALTER TABLE users ADD COLUMN nickname VARCHAR(20), ADD COLUMN motto VARCHAR(80);",
        "down": "ALTER TABLE users DROP COLUMN nickname;",
    });
    let main = forgetful.schema.get_mut("main").unwrap();
    main.migrations.push(serde_json::from_value(migration).unwrap());
    main.runs_on.min = Some("20250111001".into());
    scene.client.register_release(&scene.app, &forgetful).await.unwrap();
    scene.settle_on_v082().await.unwrap();

    desk.says(&["rehearse", "v0.8.3"], 1, &["Rehearsal of v0.8.3: failed", "main: failed", "The down script: "]);
    desk.says(&["releases"], 0, &["production: failed: "]);
    scene.deploy("v0.8.3").await.unwrap();
    let back = ["rollback", "--schema", "down", "--yes", "--reason", "test"];
    let refused = desk.says(&back, 3, &["failed when it was rehearsed here"]);
    assert!(refused.stdout.contains("--accept rehearsal-failed"), "{refused}");
    let accepted = ["plan", "--schema", "down", "--accept", "rehearsal-failed"];
    desk.says(&accepted, 0, &["failed when it was rehearsed here"]);
    desk.says(&["plan", "--accept", "script-tampered"], 3, &["is nothing that can be accepted"]);
}
