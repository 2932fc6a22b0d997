//! Networks of the test engine, which has none but `host` and `none` of its own.

use serde_json::{Value, json};
use testkit::{shared_docker, unique_name};

fn client() -> reqwest::Client {
    reqwest::Client::builder().unix_socket(shared_docker().socket()).no_proxy().build().unwrap()
}

/// A bridge on which ports can be published. Its interface outlives the engine, so whoever makes it removes it.
pub(crate) async fn bridge() -> String {
    let name = unique_name("net");
    let made = client().post("http://docker/networks/create").json(&json!({ "Name": name, "Driver": "bridge" }));
    let answer: Value = made.send().await.unwrap().json().await.unwrap();
    assert!(answer["Id"].is_string(), "{answer}");
    name
}

/// Removes what [`bridge`] made; no container may run on it any more.
pub(crate) async fn remove(name: &str) {
    let answer = client().delete(format!("http://docker/networks/{name}")).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}
