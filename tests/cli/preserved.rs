//! What was put aside: listed, shown to those who may see it, exported whole, and dropped for good.

use serde_json::Value;

use super::desk::Desk;
use crate::support::{Scene, shared_backout};

/// What was put aside of the column with the secrets.
fn secret_of(list: &Value) -> &Value {
    let of_secret = |one: &&Value| one["object"] == "column users.two_factor_secret";
    list["items"].as_array().unwrap().iter().find(of_secret).unwrap_or_else(|| panic!("{list:#}"))
}

#[tokio::test]
async fn what_a_rollback_put_aside_is_listed_shown_exported_and_dropped_for_good() {
    let backout = shared_backout().await;
    let scene = Scene::on_v082(backout).await.unwrap();
    let desk = Desk { backout, app: &scene.app };
    desk.says(&["preserved"], 0, &["Nothing is put aside."]);
    let job = scene.roll_back("v0.8.1").await.unwrap();

    let list = desk.json(&["preserved", "--store", "main"], 0);
    let kept = secret_of(&list);
    assert_eq!((&kept["migration"], &kept["state"]), (&"20250110001".into(), &"kept".into()), "{kept:#}");
    assert_eq!((&kept["job"], &kept["comes_back_with"]), (&job.id.to_string().into(), &"up".into()), "{kept:#}");
    assert!(kept["bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{kept:#}");
    assert_eq!(kept["expires_at"], Value::Null, "without a setting it is kept for ever");
    let id = kept["id"].as_str().unwrap().to_owned();
    desk.says(&["preserved", "list"], 0, &["Comes back with", "users.two_factor_secret", "its up"]);
    desk.says(&["doctor"], 0, &["copies of what scripts have destroyed are put aside"]);

    let shown = desk.json(&["preserved", "show", &id], 0);
    assert_eq!(shown["sample"]["columns"], serde_json::json!(["id", "two_factor_secret"]), "{shown:#}");
    let secrets = shown["sample"]["rows"].as_array().unwrap().iter();
    let secret = secrets.filter_map(|row| row[1].as_str()).find(|text| !text.is_empty()).unwrap().to_owned();
    desk.says(&["preserved", "show", &id], 0, &["users.two_factor_secret", &secret]);

    let created = desk.json(&["token", "create", "preserved-reader", "--permission", "read"], 0);
    let reader = [("BACKOUT_TOKEN", created["secret"].as_str().unwrap())];
    let told = desk.run_with(&["preserved", "show", &id], &reader);
    assert_eq!(told.code, Some(0), "{told}");
    assert!(!told.stdout.contains(&secret) && told.stdout.contains("data.read"), "{told}");
    let refused = desk.run_with(&["preserved", "export", &id, "--format", "csv"], &reader);
    assert_eq!((refused.code, refused.to_string().contains("data.read")), (Some(3), true), "{refused}");
    let refused = desk.run_with(&["preserved", "drop", &id, "--reason", "test", "--yes"], &reader);
    assert_eq!((refused.code, refused.to_string().contains("preserved.drop")), (Some(3), true), "{refused}");

    let lines = desk.run(&["preserved", "export", &id, "--format", "jsonl"]).stdout;
    let rows: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len() as u64, kept["rows"].as_u64().unwrap(), "{lines}");
    assert!(rows.iter().any(|row| row["two_factor_secret"] == secret.as_str() && row["id"].is_u64()), "{lines}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secrets.csv");
    let file = path.to_str().unwrap();
    desk.says(&["preserved", "export", &id, "--format", "csv", "--output", file], 0, &["Exported to "]);
    let csv = std::fs::read_to_string(&path).unwrap();
    assert!(csv.starts_with("id,two_factor_secret\r\n") && csv.contains(&secret), "{csv}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left there");

    desk.says(&["plan", "--deploy", "v0.8.2"], 0, &["what was put aside comes back"]);
    let drop = ["preserved", "drop", &id, "--reason", "personal data"];
    // There is nobody to ask, and no --yes.
    desk.says(&drop, 3, &["will be gone for good"]);
    desk.says(&[&drop[..], &["--yes"]].concat(), 0, &["Dropped: column users.two_factor_secret"]);
    let shown = desk.json(&["preserved", "show", &id, "--rows", "0"], 0);
    assert_eq!((&shown["kept"]["state"], &shown["drop"]["reason"]), (&"dropped".into(), &"personal data".into()));
    desk.says(&["preserved", "show", &id], 3, &["is missing"]);
    desk.says(&["plan", "--deploy", "v0.8.2"], 0, &["was dropped since"]);
    scene.deploy("v0.8.2").await.unwrap();
    desk.says(&["preserved", "--lang", "zh-CN"], 0, &[]);
}
