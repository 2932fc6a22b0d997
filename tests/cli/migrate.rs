//! Migrations ahead of their release, and the report of the job.

use serde_json::json;

use super::desk::Desk;
use crate::support::{Scene, release, shared_backout};

#[tokio::test]
async fn migrations_are_applied_ahead_of_their_release_and_the_job_is_reported() {
    let backout = shared_backout().await;
    let scene = Scene::new(backout).await.unwrap();
    let desk = Desk { backout, app: &scene.app };
    scene.deploy("v0.8.0").await.unwrap();
    let reason = ["--reason", "before the rush", "--yes"];

    desk.says(&["migrate", "v0.8.1", "--dry-run"], 0, &["Migrations of v0.8.1", "v0.8.0 goes on", "20250108001"]);
    assert!(!scene.applied().await.unwrap().contains(&"20250108001".to_owned()), "it was only planned");
    // v0.8.0 does not bear the schema of v0.8.2.
    desk.says(&[&["migrate", "v0.8.2"][..], &reason].concat(), 3, &["v0.8.0"]);

    let told =
        desk.says(&[&["migrate", "v0.8.1"][..], &reason].concat(), 0, &["production has the migrations of v0.8.1."]);
    assert!(!told.stdout.contains("Stop service"), "{told}");
    assert_eq!(scene.answering().await.unwrap(), "v0.8.0");
    assert!(scene.applied().await.unwrap().contains(&"20250108001".to_owned()));
    desk.says(&["history"], 0, &["migration"]);
    desk.says(&[&["migrate", "v0.8.1"][..], &reason].concat(), 3, &["is applied already"]);

    let jobs = desk.json(&["jobs"], 0);
    let job = jobs["items"][0]["id"].as_str().unwrap();
    let parts = ["migration of", "before the rush", "Steps", "Back up", "Statements", "20250108001", "Backups"];
    desk.says(&["job", "report", job], 0, &parts);
    desk.says(&["job", "report", job, "--lang", "zh-CN"], 0, &["报告", "before the rush", "步骤"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.html");
    desk.says(
        &["job", "report", job, "--format", "html", "--output", file.to_str().unwrap()],
        0,
        &["The report is in"],
    );
    let page = std::fs::read_to_string(&file).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("before the rush"), "{page}");

    // Nothing is left to migrate when the release itself comes.
    let plan = desk.json(&["plan", "--deploy", "v0.8.1"], 0);
    let steps = plan["steps"].as_array().unwrap();
    assert!(steps.iter().all(|step| step["spec"]["step"] != "migrate_up"), "{plan:#}");
}

#[tokio::test]
async fn a_migration_that_was_merged_late_runs_once_a_person_accepts_it() {
    let backout = shared_backout().await;
    let scene = Scene::on_v082(backout).await.unwrap();
    let desk = Desk { backout, app: &scene.app };
    let mut late = release("v0.8.2").unwrap();
    late.version = "v0.8.3".parse().unwrap();
    let migration = json!({
        "version": "20250109001", "name": "merged_late",
        "up": "ALTER TABLE users ADD COLUMN motto VARCHAR(80);",
        "down": "ALTER TABLE users DROP COLUMN motto;",
    });
    let migrations = &mut late.schema.get_mut("main").unwrap().migrations;
    let at = migrations.iter().position(|one| one.version.as_str() > "20250109001").unwrap();
    migrations.insert(at, serde_json::from_value(migration).unwrap());
    scene.client.register_release(&scene.app, &late).await.unwrap();

    let migrate = ["migrate", "v0.8.3", "--reason", "late", "--yes"];
    desk.says(&migrate, 3, &["it came late"]);
    desk.says(&[&migrate[..], &["--accept", "migration-out-of-order"]].concat(), 0, &["has the migrations of v0.8.3"]);
    assert_eq!(scene.applied().await.unwrap().last().map(String::as_str), Some("20250109001"));
}
