//! Images of the test's own server, built from scratch.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use driver_docker::{Engine, Image, build_image};
use tempfile::TempDir;
use testkit::{static_binary, unique_name};

/// An image by its tag.
#[derive(Clone)]
pub(crate) struct Tagged {
    pub(crate) tag: String,
    pub(crate) id: String,
}

/// An image of the test server with these variables, built once for each engine.
pub(crate) async fn image(engine: &Engine, env: &[(&str, &str)]) -> Tagged {
    static BUILT: tokio::sync::Mutex<BTreeMap<String, Tagged>> = tokio::sync::Mutex::const_new(BTreeMap::new());
    let key = format!("{} {env:?}", engine.host());
    let mut built = BUILT.lock().await;
    if let Some(image) = built.get(&key) {
        return image.clone();
    }
    let image = fresh_image(engine, env).await;
    built.insert(key, image.clone());
    image
}

/// The same under a tag of the test's own, which it may move.
pub(crate) async fn fresh_image(engine: &Engine, env: &[(&str, &str)]) -> Tagged {
    let variables = env.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ");
    let env = if env.is_empty() { String::new() } else { format!("ENV {variables}\n") };
    let dockerfile = format!("FROM scratch\nCOPY server /server\n{env}CMD [\"/server\"]\n");
    build(engine, "shop", &dockerfile, ("server", server())).await
}

/// An image of the maintenance page.
pub(crate) async fn page_image(engine: &Engine) -> Tagged {
    let dockerfile = "FROM scratch\nCOPY page /page\nCMD [\"/page\"]\n";
    build(engine, "page", dockerfile, ("page", static_binary("maintenance-page").unwrap())).await
}

async fn build(engine: &Engine, name: &str, dockerfile: &str, file: (&str, PathBuf)) -> Tagged {
    let tag = format!("{}:1", unique_name(name));
    build_image(engine, &tag, dockerfile, &[file]).await.unwrap();
    let image: Image = engine.inspect_image(&tag).await.unwrap().unwrap();
    Tagged { tag, id: image.id }
}

/// The test server, compiled once.
fn server() -> PathBuf {
    static DIRECTORY: OnceLock<TempDir> = OnceLock::new();
    let directory = DIRECTORY.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/server.c");
        let built = directory.path().join("server");
        let status = Command::new("gcc").args(["-static", "-O1", "-o"]).arg(built).arg(source).status().unwrap();
        assert!(status.success());
        directory
    });
    directory.path().join("server")
}
