//! Which scripts a plan takes, from which release, and for which data stores.

use std::time::Duration;

use domain::finding::{Code, Severity};
use domain::ledger::MigrationRef;
use domain::plan::{Plan, StepSpec};
use serde_json::{Value, json};

use crate::support::{Shop, found, schema};

const USERS: (&str, &str, &str) = ("001", "CREATE TABLE users (id INT PRIMARY KEY);", "DROP TABLE users;");
const AGE: (&str, &str, &str) = ("002", "ALTER TABLE users ADD COLUMN age INT;", "ALTER TABLE users DROP COLUMN age;");

/// Runs on no newer schema.
fn old() -> Value {
    let mut old = schema("mariadb", &[USERS]);
    old["runs_on"] = json!({ "max": "001" });
    old
}

fn downs<'a>(plan: &'a Plan, name: &str) -> Vec<&'a MigrationRef> {
    let of = |spec: &'a StepSpec| match spec {
        StepSpec::MigrateDown { store, migrations, .. } if store == name => Some(migrations),
        _ => None,
    };
    plan.steps.iter().filter_map(|step| of(&step.spec)).flatten().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_that_was_edited_under_its_version_is_taken_back_with_the_scripts_that_were_applied() {
    let shop = Shop::new().await;
    shop.register("v1.0.0", json!({ "main": old() })).await;
    shop.register("v2.0.0", json!({ "main": schema("mariadb", &[USERS, AGE]) })).await;
    let edited = (AGE.0, AGE.1, "ALTER TABLE users DROP COLUMN years;");
    shop.register("v2.0.1", json!({ "main": schema("mariadb", &[USERS, edited]) })).await;
    let worker = shop.work().await;
    shop.deploy("v2.0.0").await;
    shop.deploy("v2.0.1").await;

    let plan = shop.plan_back("v1.0.0").await;
    let [found] = found(&plan, Code::AppliedScriptUsed)[..] else { panic!("{:?}", plan.findings) };
    assert_eq!((found.severity, found.params["release"].to_string().as_str()), (Severity::Warning, "v2.0.1"));
    let applied = domain::release::script_sha256(AGE.2);
    assert_eq!(downs(&plan, "main")[0].down_sha256.as_ref(), Some(&applied));
    shop.roll_back("v1.0.0").await;
    worker.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_store_that_only_the_current_release_uses_goes_back_too() {
    let shop = Shop::new().await;
    let content = schema("mongodb", &[("001", "db.createCollection('media');", "db.media.drop();")]);
    shop.register("v1.0.0", json!({ "main": old() })).await;
    shop.register("v2.0.0", json!({ "main": schema("mariadb", &[USERS, AGE]), "content": content })).await;
    let worker = shop.work().await;
    shop.deploy("v2.0.0").await;
    assert_eq!(downs(&shop.plan_back("v1.0.0").await, "content").len(), 1);
    shop.roll_back("v1.0.0").await;
    let left = shop.mongo().await.collections().await.unwrap();
    assert!(!left.contains(&"media".to_owned()), "{left:?}");
    worker.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_that_could_not_be_unwound_is_a_warning() {
    let shop = Shop::new().await;
    let down = "USE elsewhere;\nALTER TABLE users DROP COLUMN age;";
    shop.register("v1.0.0", json!({ "main": schema("mariadb", &[USERS, (AGE.0, AGE.1, down)]) })).await;
    let plan = shop.plan("v1.0.0").await;
    let [found] = found(&plan, Code::CannotBeUndone)[..] else { panic!("{:?}", plan.findings) };
    assert_eq!(found.severity, Severity::Warning);
    assert_eq!(
        (found.params["migration"].to_string().as_str(), found.params["direction"].to_string().as_str()),
        ("002", "down")
    );
    assert!(found.params["reason"].to_string().starts_with("1:1: "), "{:?}", found.params);
}
