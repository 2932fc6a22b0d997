use driver_docker::{Error, build_image};
use testkit::unique_name;

use crate::fixture::{PLAIN, engine, image, probe};

#[tokio::test]
async fn an_image_is_found_by_tag_and_id_and_an_absent_one_is_none() {
    let engine = engine().await;
    let image = image(&engine, &format!("{PLAIN}LABEL a=b\n")).await;
    assert_eq!(image.config["Labels"]["a"], "b");
    assert!(image.size > 0);
    assert!(image.repo_digests.is_empty());
    assert_eq!(engine.inspect_image(&image.id).await.unwrap().unwrap().repo_tags, image.repo_tags);
    assert!(engine.inspect_image("absent:1").await.unwrap().is_none());
    assert!(matches!(engine.inspect_image("a b").await, Err(Error::InvalidName { .. })));

    let repository = unique_name("tagged");
    engine.tag(&image.id, &repository, "v2").await.unwrap();
    let listed = engine.list_images(&[("reference", &repository), ("label", "a=b")]).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].id, image.id);
    assert!(engine.tag("absent:1", &repository, "v3").await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_failed_build_tells_the_engines_words() {
    let engine = engine().await;
    let error = build_image(&engine, "broken:1", "FROM scratch\nCOPY absent /absent\n", &[]).await.unwrap_err();
    let Error::Build { message, .. } = &error else { panic!("{error}") };
    assert!(message.to_string().contains("absent"), "{message}");

    let error = build_image(&engine, "broken:1", PLAIN, &[("probe", probe().join("absent"))]).await.unwrap_err();
    assert!(matches!(error, Error::Build { .. }), "{error}");
}

#[tokio::test]
async fn the_engine_tells_about_itself_and_its_disk() {
    let engine = engine().await;
    engine.ping().await.unwrap();
    let version = engine.version().await.unwrap();
    assert_eq!(version.api, engine.api_version());
    assert_eq!(version.os, "linux");
    let info = engine.info().await.unwrap();
    assert!(info.processors > 0 && info.memory_bytes > 0 && !info.name.is_empty());
    let space = engine.disk_space().await.unwrap().unwrap();
    assert!(space.available_bytes > 0 && space.total_bytes > space.available_bytes);
}
