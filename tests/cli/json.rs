//! `--json`: one document of each command, with what a script uses.

use serde_json::{Value, json};

use super::desk::{Desk, State};
use crate::support::{Scene, absent_release, shared_backout};

/// The values of one field of each item.
fn each<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    let items = list.as_array().unwrap_or_else(|| panic!("no list: {list:#}"));
    items.iter().map(|item| item[field].as_str().unwrap_or_else(|| panic!("no text {field}: {item:#}"))).collect()
}

#[tokio::test]
async fn a_script_that_looks_gets_one_document() {
    let backout = shared_backout().await;
    let scene = Scene::on_v082(backout).await.unwrap();
    let desk = Desk { backout, app: &scene.app };
    let before = State::of(&scene).await;

    let status = desk.json(&["status"], 0);
    let environment = &status["items"][0];
    assert_eq!(status["items"].as_array().unwrap().len(), 1, "{status:#}");
    assert_eq!(environment["application"], scene.app.as_str());
    assert_eq!(environment["name"], "production");
    assert_eq!(environment["current"]["version"], "v0.8.2");
    assert_eq!(environment["current"]["images"]["web"], "cms-backend:v0.8.2");
    assert_eq!((&environment["active_job"], &environment["maintenance"]), (&Value::Null, &Value::Null));
    let secret = scene.site.environment()["services"][0]["env"]["DATABASE_URL"]["secret"].as_str().unwrap().to_owned();
    assert!(status.to_string().contains("DATABASE_URL") && !status.to_string().contains(&secret), "{status:#}");

    let releases = desk.json(&["releases"], 0);
    assert_eq!(each(&releases["items"], "version"), ["v0.8.2", "v0.8.1", "v0.8.0"]);
    let page = desk.json(&["releases", "--limit", "2"], 0);
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = desk.json(&["releases", "--limit", "2", "--cursor", cursor], 0);
    assert_eq!((each(&rest["items"], "version"), &rest["next_cursor"]), (vec!["v0.8.0"], &Value::Null));

    let history = desk.json(&["history"], 0);
    assert_eq!(each(&history["items"], "to"), ["v0.8.2", "v0.8.1"]);
    assert_eq!(each(&history["items"], "kind"), ["deploy", "deploy"]);
    assert_eq!(each(&history["items"], "result"), ["succeeded", "succeeded"]);
    assert_eq!(each(&history["items"], "actor"), ["admin", "admin"]);
    let jobs = desk.json(&["jobs"], 0);
    assert_eq!(each(&jobs["items"], "id"), each(&history["items"], "job"));
    assert_eq!(each(&jobs["items"], "state"), ["succeeded", "succeeded"]);

    let diff = desk.json(&["diff", "v0.8.1", "v0.8.2"], 0);
    let image = json!([{ "service": "web", "from": "cms-backend:v0.8.1", "to": "cms-backend:v0.8.2" }]);
    assert_eq!(diff["images"], image);
    assert!(each(&diff["schema"], "version").contains(&"20250110001"), "{diff:#}");
    let ledgers = desk.json(&["migrations"], 0);
    let main = ledgers.as_array().unwrap().iter().find(|ledger| ledger["store"]["name"] == "main").unwrap();
    assert_eq!(main["applied"].as_array().unwrap().last().unwrap(), "20250110001");
    assert!(each(&main["rows"], "version").contains(&"20250110001"), "{main:#}");

    let plan = desk.json(&["plan"], 0);
    assert_eq!(
        (&plan["kind"], &plan["from"]["version"], &plan["to"]["version"]),
        (&json!("rollback"), &json!("v0.8.2"), &json!("v0.8.1"))
    );
    assert!(plan["digest"].as_str().unwrap().len() > 12 && each(&plan["findings"], "code").contains(&"data-preserved"));
    assert_eq!(plan["digest"], desk.json(&["plan", "v0.8.1"], 0)["digest"]);
    assert_eq!(desk.json(&["plan", "--deploy", "v0.8.1"], 0)["kind"], "deploy");
    let checks = desk.json(&["doctor"], 0);
    assert!(each(&checks, "verdict").iter().all(|verdict| *verdict == "good"), "{checks:#}");
    assert_eq!(State::of(&scene).await, before);
}

#[tokio::test]
async fn a_script_that_changes_something_gets_the_job_as_it_ended() {
    let backout = shared_backout().await;
    let scene = Scene::on_v082(backout).await.unwrap();
    let desk = Desk { backout, app: &scene.app };

    let back = desk.json(&["rollback", "--yes", "--reason", "script"], 0);
    let told = [&back["kind"], &back["state"], &back["from"], &back["to"], &back["reason"], &back["actor"]];
    assert_eq!(told, ["rollback", "succeeded", "v0.8.2", "v0.8.1", "script", "admin"]);
    assert!(each(&back["steps"], "state").iter().all(|state| *state == "finished"), "{back:#}");
    for measured in ["recovery_ms", "downtime_ms", "rows_preserved"] {
        assert!(back["measurements"][measured].as_u64().is_some_and(|value| value > 0), "{measured}: {back:#}");
    }
    let id = back["id"].as_str().unwrap();
    assert_eq!(desk.json(&["job", "watch", id], 0), back);

    let forward = desk.json(&["deploy", "v0.8.2", "--yes", "--reason", "script"], 0);
    assert_eq!([&forward["kind"], &forward["state"]], ["deploy", "succeeded"]);
    assert!(forward["measurements"]["rows_restored"].as_u64().unwrap() > 0, "{forward:#}");
    let on = desk.json(&["maintenance", "on", "--yes", "--reason", "script"], 0);
    assert_eq!([&on["kind"], &on["state"]], ["maintenance_on", "succeeded"]);
    assert_eq!(desk.json(&["status"], 0)["items"][0]["maintenance"], "script");
    let off = desk.json(&["maintenance", "off"], 0);
    assert_eq!([&off["kind"], &off["state"]], ["maintenance_off", "succeeded"]);
    let kinds = ["maintenance_off", "maintenance_on", "deploy", "rollback", "deploy", "deploy"];
    assert_eq!(each(&desk.json(&["history"], 0)["items"], "kind"), kinds);
}

#[tokio::test]
async fn a_script_that_is_refused_gets_the_blocked_plan_or_an_error_apart_from_the_data() {
    let backout = shared_backout().await;
    let scene = Scene::new(backout).await.unwrap();
    let desk = Desk { backout, app: &scene.app };
    scene.client.register_release(&scene.app, &absent_release().unwrap()).await.unwrap();
    scene.deploy("v0.8.1").await.unwrap();
    let before = State::of(&scene).await;

    for command in [
        ["plan", "--deploy", "v0.8.1-absent"].as_slice(),
        &["plan", "v0.8.1-absent"],
        &["deploy", "v0.8.1-absent", "--yes", "--reason", "script"],
        &["rollback", "v0.8.1-absent", "--yes", "--reason", "script"],
    ] {
        let plan = desk.json(command, 3);
        let blockers = plan["findings"].as_array().unwrap().iter().filter(|one| one["severity"] == "blocker");
        let codes: Vec<&Value> = blockers.map(|blocker| &blocker["code"]).collect();
        assert_eq!(codes, ["image-missing"], "{command:?}: {plan:#}");
    }
    for (command, kind) in [
        (["deploy", "v9.9.9", "--yes", "--reason", "script"].as_slice(), "unknown-version"),
        (&["rollback", "v9.9.9", "--yes", "--reason", "script"], "unknown-version"),
        (&["status", "--env", "nowhere"], "not-found"),
        (&["diff", "v0.8.0", "v9.9.9"], "unknown-version"),
        (&["rollback", "--yes", "--reason", "script"], "no-rollback-target"),
        // A reason is kept in the history, and a protected environment wants one.
        (&["deploy", "v0.8.2", "--yes"], "confirmation-required"),
    ] {
        let said = desk.run(&[command, &["--json"]].concat());
        assert_eq!((said.code, said.stdout.as_str()), (Some(3), ""), "{command:?}\n{said}");
        let error: Value = serde_json::from_str(&said.stderr).unwrap_or_else(|error| panic!("{error}\n{said}"));
        assert!(error["error"].to_string().contains(kind), "{command:?}: {error:#}");
        assert!(error["error"]["hint"].is_string(), "{command:?}: {error:#}");
    }
    let said = desk.run(&["deploy", "v0.8.2", "--json"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(3), ""), "{said}");
    assert_eq!(serde_json::from_str::<Value>(&said.stderr).unwrap()["error"]["exit"], 3);
    assert_eq!(State::of(&scene).await, before);
}
