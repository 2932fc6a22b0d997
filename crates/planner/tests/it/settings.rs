//! What the settings of an environment decide about plans and jobs.

use std::time::Duration;

use domain::environment::EnvironmentSpec;
use domain::job::JobState;
use domain::step::StepState;
use domain::view::{JobView, NewEnvironment};
use serde_json::json;
use testkit::{ReservedPort, shared_docker, shared_mariadb, static_binary, unique_name};

use crate::support::{APP, ENV, Shop, schema};

fn mismatch(error: &control::Error) -> (&'static str, Vec<&str>) {
    (error.problem.slug(), error.fields.iter().map(|field| field.field.as_str()).collect())
}

#[tokio::test]
async fn a_database_that_the_connection_string_does_not_name_is_refused() {
    let shop = Shop::new().await;
    let mut other = shop.settings();
    other["data_stores"][0]["database"] = json!("another");
    let spec: EnvironmentSpec = serde_json::from_value(other.clone()).unwrap();
    let new = NewEnvironment { name: "staging".into(), spec: spec.clone() };
    let expected = ("invalid-field", vec!["data_stores[0].database"]);
    let refused = shop.control.create_environment(&shop.caller, APP, new).await.unwrap_err();
    assert_eq!(mismatch(&refused), expected);
    let refused = shop.control.replace_environment(&shop.caller, APP, ENV, spec, None).await.unwrap_err();
    assert_eq!(mismatch(&refused), expected);

    // The stored connection string stands behind the mask.
    let shown = shop.control.get_environment(&shop.caller, APP, ENV).await.unwrap();
    let mut masked = shown.spec.clone();
    masked.data_stores[0].database = Some("another".into());
    let refused = shop.control.replace_environment(&shop.caller, APP, ENV, masked, None).await.unwrap_err();
    assert_eq!(mismatch(&refused), expected);
    shop.control.replace_environment(&shop.caller, APP, ENV, shown.spec, None).await.unwrap();
}

#[tokio::test]
async fn a_connection_string_that_names_no_database_is_refused_without_being_repeated() {
    let shop = Shop::new().await;
    for url in ["mysql://root:hunter2@127.0.0.1:3306", "hunter2", "postgres://root:hunter2@127.0.0.1/shop"] {
        let mut settings = shop.settings();
        settings["data_stores"][0]["url"] = json!(url);
        let spec: EnvironmentSpec = serde_json::from_value(settings).unwrap();
        let new = NewEnvironment { name: "staging".into(), spec };
        let refused = shop.control.create_environment(&shop.caller, APP, new).await.unwrap_err();
        assert_eq!(mismatch(&refused), ("invalid-field", vec!["data_stores[0].url"]), "{url}");
        assert!(!format!("{refused:?}").contains("hunter2"), "{refused:?}");
    }
}

fn backup_of(job: &JobView, store: &str) -> String {
    let step = job.steps.iter().find(|step| step.name == "backup" && step.subject.starts_with(store)).unwrap();
    step.output.as_ref().unwrap()["path"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_counts_until_it_is_too_old_or_a_migration_ran() {
    let shop = Shop::with(|spec| spec["backup_max_age_seconds"] = json!(3_600)).await;
    let users = ("001", "CREATE TABLE users (id INT PRIMARY KEY, mail VARCHAR(40));", "DROP TABLE users;");
    let unique = ("002", "ALTER TABLE users ADD UNIQUE KEY one (mail);", "ALTER TABLE users DROP INDEX one;");
    shop.register("v1.0.0", json!({ "main": schema("mariadb", &[users]) })).await;
    shop.register("v2.0.0", json!({ "main": schema("mariadb", &[users, unique]) })).await;
    let worker = shop.work().await;
    let first = shop.deploy("v1.0.0").await;
    shop.execute("INSERT INTO users VALUES (1, 'a@b'), (2, 'a@b')");
    let mut attempts = Vec::new();
    for _ in 0..2 {
        let job = shop.rested(&shop.start("v2.0.0").await.unwrap()).await;
        assert_eq!(job.state, JobState::Undone, "{:?}", job.error);
        attempts.push(backup_of(&job, "main"));
    }
    assert_ne!(attempts[0], backup_of(&first, "main"), "a migration ran since");
    assert_eq!(attempts[0], attempts[1], "none ran since");
    worker.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_that_was_changed_behind_our_back_starts_nothing() {
    let (docker, image) = (shared_docker(), format!("{}:1", unique_name("page")));
    let page = static_binary("maintenance-page").unwrap();
    docker.import_image(&image, &[(&page, "/page")], &[], &["/page"]).await.unwrap();
    let port = ReservedPort::new().unwrap();
    let shop = Shop::with(|spec| {
        spec["hosts"] = json!([{ "name": "local", "docker": docker.host() }]);
        spec["services"] = json!([{
            "name": "web", "hosts": ["local"], "container": unique_name("web"), "port": port.number(),
            "health": { "path": "/", "deadline_seconds": 1 },
        }]);
    })
    .await;
    let config = json!({ "web": { "LEVEL": { "plain": "info" }, "KEY": { "secret": "hunter2hunter2" } } });
    shop.register_all(json!({ "version": "v1.0.0", "images": { "web": image }, "config": { ENV: config } })).await;
    let worker = shop.work().await;
    // A page answers 503 and is never healthy: what counts here is that preflight and start went well.
    let job = shop.rested(&shop.start("v1.0.0").await.unwrap()).await;
    assert_eq!(job.state, JobState::Undone, "{:?}", job.error);
    assert!(job.error.as_ref().unwrap().message.to_string().contains("status 503"), "{:?}", job.error);
    let preflight = job.steps[0].output.as_ref().unwrap();
    assert!(preflight["images"]["local"][&image].as_str().unwrap().starts_with("sha256:"), "{preflight}");

    let edit = format!("UPDATE {}.releases SET config = REPLACE(config, 'info', 'debug')", shop.own);
    shared_mariadb().execute(&edit).unwrap();
    let job = shop.rested(&shop.start("v1.0.0").await.unwrap()).await;
    assert_eq!(job.state, JobState::Failed);
    assert_eq!(job.steps[0].state, StepState::Failed);
    let why = job.error.unwrap().message.to_string();
    assert!(why.contains("the configuration that v1.0.0 pins for web in production is not the one"), "{why}");
    worker.shutdown(Duration::from_secs(5)).await;
}
