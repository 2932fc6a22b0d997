//! Environments, their revisions and ports.

use backout_store::Error;
use domain::environment::EnvironmentSpec;
use domain::ids::EnvironmentId;
use domain::view::NewApplication;
use serde_json::json;

use crate::support::{ACTOR, APPLICATION, ENVIRONMENT, Shop};

fn spec(docker: &str, port: u16) -> EnvironmentSpec {
    serde_json::from_value(json!({
        "hosts": [{ "name": "local", "docker": docker }],
        "services": [{
            "name": "web", "hosts": ["local"], "container": "cms", "port": port,
            "env": { "DB": { "secret": "sealed:k1:abc" } },
        }],
        "data_stores": [{ "name": "main", "engine": "mariadb", "url": "sealed:k1:def", "database": "cms" }],
    }))
    .unwrap()
}

#[tokio::test]
async fn an_environment_comes_back_as_it_was_made() {
    let shop = Shop::open().await;
    let (id, spec) = (EnvironmentId::generate(), spec("unix:///a", 80));
    shop.database.insert_environment(ACTOR, shop.application, id, "staging", &spec).await.unwrap();
    let stored = shop.database.environment(APPLICATION, "staging").await.unwrap();
    assert_eq!((stored.id, stored.application_id, stored.spec, stored.revision), (id, shop.application, spec, 1));
    assert_eq!((stored.current, stored.active_job, stored.maintenance), (None, None, None));
}

#[tokio::test]
async fn a_name_can_be_taken_once() {
    let shop = Shop::open().await;
    let new = NewApplication { name: APPLICATION.into(), description: String::new() };
    let taken = shop.database.insert_application(ACTOR, &new).await.unwrap_err();
    assert!(taken.is_taken("applications_name"), "{taken}");
    let id = EnvironmentId::generate();
    let spec = EnvironmentSpec::default();
    let taken = shop.database.insert_environment(ACTOR, shop.application, id, ENVIRONMENT, &spec).await.unwrap_err();
    assert!(taken.is_taken("environments_name"), "{taken}");
}

#[tokio::test]
async fn an_edit_needs_the_revision_that_was_read() {
    let shop = Shop::open().await;
    let stored = shop.database.environment(APPLICATION, ENVIRONMENT).await.unwrap();
    shop.database.update_environment(ACTOR, &stored, &spec("unix:///a", 80), 1).await.unwrap();
    let late = shop.database.update_environment(ACTOR, &stored, &spec("unix:///b", 81), 1).await;
    assert!(matches!(late, Err(Error::Conflict(_))), "{late:?}");
    let now = shop.database.environment(APPLICATION, ENVIRONMENT).await.unwrap();
    assert_eq!((now.revision, now.spec), (2, spec("unix:///a", 80)));
}

#[tokio::test]
async fn a_port_of_a_host_belongs_to_one_environment_and_the_refusal_names_both() {
    let shop = Shop::open().await;
    let stored = shop.database.environment(APPLICATION, ENVIRONMENT).await.unwrap();
    shop.database.update_environment(ACTOR, &stored, &spec("unix:///a", 80), 1).await.unwrap();
    // The same port again for the same environment is no conflict.
    shop.database.update_environment(ACTOR, &stored, &spec("unix:///a", 80), 2).await.unwrap();
    let (id, other) = (EnvironmentId::generate(), spec("unix:///a", 80));
    let taken = shop.database.insert_environment(ACTOR, shop.application, id, "staging", &other).await.unwrap_err();
    let holder = format!("{APPLICATION}/{ENVIRONMENT}/{}", other.services[0].name);
    assert_eq!(taken.to_string(), format!("port 80 on unix:///a is reserved by {holder}"));
    assert!(shop.database.environment(APPLICATION, "staging").await.is_err(), "nothing of it was kept");
    let elsewhere = spec("unix:///b", 80);
    shop.database.insert_environment(ACTOR, shop.application, id, "staging", &elsewhere).await.unwrap();
    // A port that is given up is free again.
    shop.database.update_environment(ACTOR, &stored, &spec("unix:///a", 81), 3).await.unwrap();
    let staging = shop.database.environment(APPLICATION, "staging").await.unwrap();
    shop.database.update_environment(ACTOR, &staging, &spec("unix:///a", 80), 1).await.unwrap();
}

#[tokio::test]
async fn a_socket_of_a_host_belongs_to_one_colour_of_one_service() {
    let shop = Shop::open().await;
    let coloured = |port: u16, colours: serde_json::Value| {
        let mut spec = spec("unix:///a", port);
        spec.services[0].colours = serde_json::from_value(colours).unwrap();
        spec
    };
    let first = coloured(80, json!({ "blue": { "port": 81 }, "green": { "socket": "/run/green.sock" } }));
    let stored = shop.database.environment(APPLICATION, ENVIRONMENT).await.unwrap();
    shop.database.update_environment(ACTOR, &stored, &first, 1).await.unwrap();
    assert_eq!(shop.database.environment(APPLICATION, ENVIRONMENT).await.unwrap().spec, first);
    let kept = "SELECT COUNT(*) FROM reservations WHERE (place, COALESCE(colour, '-')) IN \
                (('port 80', '-'), ('port 81', 'blue'), ('socket /run/green.sock', 'green'))";
    assert_eq!(shop.count(kept).await, 3);
    for (other, taken) in [
        (coloured(90, json!({ "blue": { "socket": "/run/green.sock" } })), "socket /run/green.sock"),
        (coloured(81, json!({})), "port 81"),
        (coloured(90, json!({ "green": { "port": 80 } })), "port 80"),
    ] {
        let id = EnvironmentId::generate();
        let error = shop.database.insert_environment(ACTOR, shop.application, id, "staging", &other).await.unwrap_err();
        let holder = format!("{APPLICATION}/{ENVIRONMENT}/{}", first.services[0].name);
        assert_eq!(error.to_string(), format!("{taken} on unix:///a is reserved by {holder}"));
    }
}

#[tokio::test]
async fn the_environment_of_a_job_that_is_not_there_is_missing() {
    let shop = Shop::open().await;
    let missing = shop.database.environment_of_job(domain::ids::JobId::generate()).await;
    assert!(matches!(missing, Err(Error::Missing("environment"))), "{missing:?}");
}
