//! What is found of the containers on a real host.

use std::time::Duration;

use domain::environment::EnvironmentSpec;
use domain::finding::Code;
use driver_docker::Engine;
use serde_json::json;
use testkit::{ReservedPort, shared_docker, shared_mariadb, static_binary, unique_name};

use crate::support::{APP, ENV, Shop, found};

const SOON: Duration = Duration::from_secs(20);

/// What the container was found to be, and what it was left as, if that differs.
async fn drift(shop: &Shop) -> Option<(String, String)> {
    let plan = shop.plan("v1.0.0").await;
    let drifted = found(&plan, Code::ContainerDrifted);
    drifted.first().map(|one| (one.params["found"].to_string(), one.params["left_as"].to_string()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_that_died_or_is_on_another_image_than_the_deployment_left_has_drifted() {
    let (docker, image) = (shared_docker(), format!("{}:1", unique_name("page")));
    let page = static_binary("maintenance-page").unwrap();
    let id = docker.import_image(&image, &[(&page, "/page")], &[], &["/page"]).await.unwrap();
    let shop = Shop::new().await;
    shop.register_all(json!({ "version": "v1.0.0", "images": { "web": image } })).await;
    let worker = shop.work().await;
    shop.deploy("v1.0.0").await;
    worker.shutdown(Duration::from_secs(5)).await;

    // It was deployed without a service, since a page is never healthy; now there is one.
    let (container, port) = (unique_name("web"), ReservedPort::new().unwrap());
    let mut settings = shop.settings();
    settings["hosts"] = json!([{ "name": "local", "docker": docker.host() }]);
    settings["services"] =
        json!([{ "name": "web", "hosts": ["local"], "container": container, "port": port.number() }]);
    let spec: EnvironmentSpec = serde_json::from_value(settings).unwrap();
    shop.control.replace_environment(&shop.caller, APP, ENV, spec, None).await.unwrap();
    assert_eq!(found(&shop.plan("v1.0.0").await, Code::ContainerMissing).len(), 1);

    let engine = Engine::connect(&docker.host()).await.unwrap();
    let label = format!("{APP}/{ENV}");
    let body = json!({
        "Image": image,
        "Env": [format!("PORT={}", port.number())],
        "Labels": { "io.backout.environment": label },
        "HostConfig": { "NetworkMode": "host" },
    });
    engine.create(&container, &body).await.unwrap();
    assert_eq!(drift(&shop).await, Some(("created".to_owned(), "running".to_owned())));
    engine.start(&container).await.unwrap();
    assert_eq!(drift(&shop).await, None);

    let leave = |image_id: &str| {
        let sql = format!(
            "REPLACE INTO {own}.deployment_images (deployment_id, release_id, host, reference, image_id) \
             SELECT d.id, d.release_id, 'local', '{image}', '{image_id}' FROM {own}.deployments d",
            own = shop.own
        );
        shared_mariadb().execute(&sql).unwrap();
    };
    leave(&id);
    assert_eq!(drift(&shop).await, None);
    leave("sha256:fedcba98765432100000");
    let (now, before) = drift(&shop).await.unwrap();
    assert_eq!(before, "image fedcba987654");
    assert!(id.contains(now.strip_prefix("image ").unwrap()), "{now} is not of {id}");

    engine.stop(&container, SOON).await.unwrap();
    let (now, before) = drift(&shop).await.unwrap();
    assert!(now.starts_with("exited, image ") && before.starts_with("running, image "), "{now}; {before}");
    engine.remove(&container, false).await.unwrap();
}
