//! A private engine with one small image, and what the tests do with it again and again.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use driver_docker::{Engine, Exit, Image, build_image};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{shared_docker, unique_name};

pub(crate) const SOON: Duration = Duration::from_secs(20);

/// The image of the probe: no defaults but its entrypoint.
pub(crate) const PLAIN: &str = "FROM scratch\nCOPY probe /probe\nENTRYPOINT [\"/probe\"]\nCMD [\"run\"]\n";

pub(crate) async fn engine() -> Engine {
    Engine::connect(&shared_docker().host()).await.unwrap()
}

/// The probe, compiled once.
pub(crate) fn probe() -> PathBuf {
    static DIRECTORY: OnceLock<TempDir> = OnceLock::new();
    let directory = DIRECTORY.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/real_engine/probe.c");
        let status = Command::new("gcc")
            .args(["-static", "-O1", "-o"])
            .arg(directory.path().join("probe"))
            .arg(source)
            .status()
            .unwrap();
        assert!(status.success());
        directory
    });
    directory.path().join("probe")
}

/// Builds an image of the probe under a tag of its own.
pub(crate) async fn image(engine: &Engine, dockerfile: &str) -> Image {
    let tag = format!("{}:1", unique_name("probe"));
    let id = build_image(engine, &tag, dockerfile, &[("probe", probe())]).await.unwrap();
    let image = engine.inspect_image(&tag).await.unwrap().unwrap();
    assert_eq!(image.id, id);
    image
}

/// A body for a container without a network.
pub(crate) fn body(image: &Image, cmd: &[&str]) -> Value {
    json!({ "Image": image.id, "Cmd": cmd, "HostConfig": { "NetworkMode": "none" } })
}

/// Creates a container under a name of its own and answers its id.
pub(crate) async fn create(engine: &Engine, body: &Value) -> String {
    engine.create(&unique_name("c"), body).await.unwrap()
}

/// Runs a container to its end and answers what it wrote.
pub(crate) async fn output(engine: &Engine, body: &Value) -> String {
    let id = create(engine, body).await;
    assert!(engine.start(&id).await.unwrap());
    let exit = engine.wait_exit(&id, SOON).await.unwrap();
    let log = engine.logs(&id, 100).await.unwrap();
    assert_eq!(exit, Exit { exit_code: 0, error: String::new() }, "{log}");
    engine.remove(&id, true).await.unwrap();
    log
}
